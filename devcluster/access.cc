#include "devcluster/access.h"

#include <algorithm>

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> items;
  for_each_list_item(text, [&](std::string_view item) {
    if (!item.empty()) items.emplace_back(item);
  });
  return items;
}

bool covers(const std::vector<std::string>& list, std::string_view value) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& item) { return item == "*" || item == value; });
}

}  // namespace

void Access::set_token(std::string token) {
  token_needed_ = true;
  users_.push_back({std::move(token), {"system:admin", "", {"system:masters", "system:authenticated"}}});
}

Result<void> Access::add_user(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return fail("'" + std::string(text) + "' is not TOKEN=NAME or TOKEN=NAME,GROUP");
  }
  auto words = list_of(text.substr(equals + 1));
  if (words.empty()) return fail("'" + std::string(text) + "' names no user");
  User user{words.front(), "uid-of-" + words.front(), {words.begin() + 1, words.end()}};
  user.groups.emplace_back("system:authenticated");
  users_.push_back({std::string(text.substr(0, equals)), std::move(user)});
  return {};
}

void Access::add_service_account(const std::string& token, const std::string& ns, const std::string& name) {
  const std::string user = "system:serviceaccount:" + ns + ":" + name;
  users_.push_back(
      {token,
       {user, "uid-of-" + user, {"system:serviceaccounts", "system:serviceaccounts:" + ns, "system:authenticated"}}});
}

Result<void> Access::add_denial(std::string_view text) {
  std::vector<std::string_view> parts;
  std::string_view rest = text;
  // From the right: the names of service accounts hold colons.
  for (int i = 0; i < 3; ++i) {
    const size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos) {
      return fail("'" + std::string(text) + "' is not USER:VERBS:RESOURCES:NAMESPACES");
    }
    parts.insert(parts.begin(), rest.substr(colon + 1));
    rest = rest.substr(0, colon);
  }
  denials_.push_back({{std::string(rest)}, list_of(parts[0]), list_of(parts[1]), list_of(parts[2])});
  return {};
}

std::optional<User> Access::user_of_token(std::string_view token) const {
  for (const Known& known : users_) {
    if (known.token == token) return known.user;
  }
  return std::nullopt;
}

std::optional<User> Access::user_of_request(std::string_view authorization) const {
  if (authorization.size() > 7 && iequals(authorization.substr(0, 7), "Bearer ")) {
    const auto user = user_of_token(trim_blanks(authorization.substr(7)));
    if (user || token_needed_ || !users_.empty()) return user;
  }
  if (token_needed_) return std::nullopt;
  return User{"system:admin", "", {"system:masters", "system:authenticated"}};
}

bool Access::allowed(std::string_view user, const AccessQuestion& question) const {
  const std::string resource =
      question.subresource.empty() ? question.resource : question.resource + "/" + question.subresource;
  return std::none_of(denials_.begin(), denials_.end(), [&](const Denial& denial) {
    return covers(denial.users, user) && covers(denial.verbs, question.verb) && covers(denial.resources, resource) &&
           covers(denial.namespaces, question.ns.empty() ? "-" : std::string_view(question.ns));
  });
}

}  // namespace sandgate::devcluster
