// Asking the API server who a token belongs to and what one may do (authentication.k8s.io/v1 TokenReview,
// authorization.k8s.io/v1 SubjectAccessReview and SelfSubjectAccessReview). Blocking; one call each.
#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "kube/transport.h"

namespace sandgate::kube {

struct TokenReviewAnswer {
  bool authenticated = false;
  std::string user;  ///< system:serviceaccount:NAMESPACE:NAME for service accounts
  std::string uid;
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::string>> extra;  ///< key and one value; a key may come again
  std::vector<std::string> audiences;                      ///< those of the request that the token is good for
  std::string error;                                       ///< why it was not authenticated, in the server's words
};

/// `audiences` empty: the API server's own. An error means that the question was not answered (which is not a no).
Result<TokenReviewAnswer> review_token(KubeTransport& transport, const Secret& token,
                                       const std::vector<std::string>& audiences, Millis timeout, std::stop_token stop);

struct AccessQuestion {
  std::string verb;  ///< get
  std::string group;
  std::string resource;     ///< sandboxes
  std::string subresource;  ///< may be empty
  std::string ns;           ///< empty: all namespaces
  std::string name;         ///< empty: any
};

struct AccessSubject {
  std::string user;
  std::string uid;
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::string>> extra;
};

struct AccessAnswer {
  bool allowed = false;
  bool denied = false;  ///< an authorizer said no for good
  std::string reason;
  std::string evaluation_error;
};

Result<AccessAnswer> review_access(KubeTransport& transport, const AccessSubject& subject,
                                   const AccessQuestion& question, Millis timeout, std::stop_token stop);
/// May we ourselves?
Result<AccessAnswer> review_own_access(KubeTransport& transport, const AccessQuestion& question, Millis timeout,
                                       std::stop_token stop);

}  // namespace sandgate::kube
