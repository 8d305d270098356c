// Result<T>: a value, or an Error that says what failed, where, and what to try. The spelling is that of std::expected;
// value() throws Exception, so callers choose between branching and exceptions.
//
// Everything public lives in the inline namespace sandgate::v1: programs write sandgate::Result, while the names the
// linker sees cannot meet those of other Sandgate libraries (which have an Error and a Result of their own).
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace sandgate {
inline namespace v1 {

/// What kind of failure it was. Stable: programs may branch on it.
enum class Errc : std::uint8_t {
  invalid_argument,     ///< refused before anything was sent; the message names the rule
  unsupported,          ///< this runtime or mode cannot do it
  not_ready,            ///< the sandbox has no address yet
  not_found,            ///< claim, sandbox or file is not there
  no_service,           ///< the sandbox has no Service and the mode needs one
  template_not_found,   ///< the cluster does not know the template
  warm_pool_not_found,  ///< the cluster does not know the warm pool
  claim_failed,         ///< the claim ended with a reason that waiting does not cure
  claim_conflict,       ///< a claim of this name exists and may not be adopted
  metadata,             ///< an object of the cluster lacks what it must have
  timeout,              ///< the total time of the call is over
  cancelled,            ///< the caller's stop_token fired
  port_forward,         ///< the tunnel could not be opened or died
  transport,            ///< no complete answer: refused, reset, TLS, DNS
  http_status,          ///< the sandbox or the router answered with an error status
  redirect,             ///< an answer that points elsewhere; never followed
  protocol,             ///< an answer that does not have the agreed form
  too_large,            ///< more bytes than the limit of the call
  io,                   ///< a local file, or the caller's Reader or Writer
  kubernetes,           ///< the API server answered with an error
  snapshot_not_found,
  closed,  ///< the handle was disconnected or terminated
};

/// The name of a code as messages and `-o json` show it, for example "not_found".
std::string_view to_string(Errc code) noexcept;

struct Error {
  Errc code = Errc::protocol;
  std::string message = {};             ///< for people; never holds tokens, header values, env values or command text
  std::optional<int> http_status = {};  ///< of the last answer, when there was one
  std::string body = {};                ///< at most 64 KiB of that answer
  std::string request_id = {};          ///< the X-Request-ID that was sent, for the logs of router and sandbox
  bool maybe_executed = false;          ///< a command or write may have taken effect although the call failed
};

/// Thrown by Result::value(); what() is the Error's message.
class Exception : public std::runtime_error {
 public:
  explicit Exception(Error error) : std::runtime_error(error.message), error_(std::move(error)) {}
  const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit as in std::expected
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// Throws Exception when there is none.
  T& value() & { return check(), *std::get_if<0>(&state_); }
  const T& value() const& { return check(), *std::get_if<0>(&state_); }
  T value() && { return check(), std::move(*std::get_if<0>(&state_)); }

  /// Undefined when there is none, as in std::expected.
  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  Error& error() & noexcept { return *std::get_if<1>(&state_); }
  const Error& error() const& noexcept { return *std::get_if<1>(&state_); }
  Error&& error() && noexcept { return std::move(*std::get_if<1>(&state_)); }

  T value_or(T other) const& { return has_value() ? **this : std::move(other); }
  T value_or(T other) && { return has_value() ? std::move(**this) : std::move(other); }

  /// `f(value)` gives another Result; an Error passes through.
  template <class F>
  auto and_then(F&& f) && -> std::invoke_result_t<F, T&&> {
    if (has_value()) return std::forward<F>(f)(std::move(**this));
    return std::move(*this).error();
  }
  /// `f(value)` gives a plain value.
  template <class F>
  auto transform(F&& f) && -> Result<std::invoke_result_t<F, T&&>> {
    if (has_value()) return std::forward<F>(f)(std::move(**this));
    return std::move(*this).error();
  }

 private:
  void check() const {
    if (!has_value()) throw Exception(error());
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit as in std::expected

  bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (error_) throw Exception(*error_);
  }
  Error& error() & noexcept { return *error_; }
  const Error& error() const& noexcept { return *error_; }
  Error&& error() && noexcept { return std::move(*error_); }

  template <class F>
  auto and_then(F&& f) && -> std::invoke_result_t<F> {
    if (has_value()) return std::forward<F>(f)();
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace v1
}  // namespace sandgate
