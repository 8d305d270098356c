// How a worker asks for what its front end lacks to make a plan (front::Verdict::kWait): the seam between the data
// plane and the blocking side's reviews of tokens.
#pragma once

#include <functional>
#include <string>

#include "base/secret.h"

namespace sandgate::proxy {

class Reviewer {
 public:
  virtual ~Reviewer() = default;
  /// Any thread; does not block. `done` is called once, on whatever thread, possibly before review() returns: the
  /// answer is where the front end looks for it, or there will be none. Equal keys are equal questions.
  virtual void review(const std::string& key, const Secret& subject, std::function<void()> done) = 0;
};

}  // namespace sandgate::proxy
