// Who may do what: tokens that name users, and rules that deny. Everything that no rule denies is allowed. A value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sandgate::devcluster {

struct User {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;
};

struct AccessQuestion {
  std::string verb;
  std::string group;
  std::string resource;
  std::string subresource;
  std::string ns;  // empty: the whole cluster
  std::string name;
};

class Access {
 public:
  /// The token every request must carry; none: requests without one come from "system:admin".
  void set_token(std::string token);
  /// `TOKEN=NAME[,GROUP...]`.
  Result<void> add_user(std::string_view text);
  void add_service_account(const std::string& token, const std::string& ns, const std::string& name);
  /// `USER:VERBS:RESOURCES:NAMESPACES`, lists with commas, `*` for any, `-` among the namespaces for requests over all
  /// of them. RESOURCES are plurals, `pods/portforward` for a subresource.
  Result<void> add_denial(std::string_view text);

  /// Nothing: the token is unknown, or missing where one is needed.
  std::optional<User> user_of_request(std::string_view authorization) const;
  std::optional<User> user_of_token(std::string_view token) const;
  bool allowed(std::string_view user, const AccessQuestion& question) const;

 private:
  struct Known {
    std::string token;
    User user;
  };
  struct Denial {
    std::vector<std::string> users, verbs, resources, namespaces;
  };
  std::vector<Known> users_;
  std::vector<Denial> denials_;
  bool token_needed_ = false;
};

}  // namespace sandgate::devcluster
