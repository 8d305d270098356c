// Result<T>: a value, or an Error that says in words what went wrong. For start-up and the control plane, where a
// person reads the text. The data plane uses Failure (failure.h), which is a value without text of its own.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace sandgate {

struct Error {
  std::string message;  ///< names what, where and the accepted range
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string message) { return tl::unexpected<Error>(Error{std::move(message)}); }

}  // namespace sandgate
