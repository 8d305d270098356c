#include "control/redis_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/assert.h"

namespace sandgate::control {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

/// The oldest entry of the thread's error queue, which is emptied.
std::string last_error(const char* doing) {
  std::string text = std::string("TLS: ") + doing;
  if (const unsigned long code = ERR_get_error(); code != 0) {
    std::array<char, 256> buffer{};
    ERR_error_string_n(code, buffer.data(), buffer.size());
    const char* reason = ERR_reason_error_string(code);
    text += std::string(": ") + (reason != nullptr ? reason : buffer.data());
  }
  ERR_clear_error();
  return text;
}

}  // namespace

struct RedisTls::State {
  std::unique_ptr<SSL_CTX, Free> context;
  std::unique_ptr<SSL, Free> ssl;
  BIO* in = nullptr;   ///< owned by ssl
  BIO* out = nullptr;  ///< owned by ssl
};

RedisTls::RedisTls(std::unique_ptr<State> state) : state_(std::move(state)) {}
RedisTls::~RedisTls() = default;

Result<std::unique_ptr<RedisTls>> RedisTls::create(const std::string& host) {
  ERR_clear_error();
  auto state = std::make_unique<State>();
  state->context.reset(SSL_CTX_new(TLS_client_method()));
  if (!state->context) return fail(last_error("no context"));
  SSL_CTX* context = state->context.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_set_default_verify_paths(context) != 1) return fail(last_error("no authorities of the system"));
  state->ssl.reset(SSL_new(context));
  state->in = BIO_new(BIO_s_mem());
  state->out = BIO_new(BIO_s_mem());
  if (!state->ssl || state->in == nullptr || state->out == nullptr) {
    BIO_free(state->in);
    BIO_free(state->out);
    return fail(last_error("no connection"));
  }
  BIO_set_mem_eof_return(state->in, -1);  // empty means: more will come
  BIO_set_mem_eof_return(state->out, -1);
  SSL* ssl = state->ssl.get();
  SSL_set_bio(ssl, state->in, state->out);
  SSL_set_connect_state(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) != 1) {
    ERR_clear_error();  // no address: a name
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl, host.c_str()) != 1 || SSL_set_tlsext_host_name(ssl, host.c_str()) != 1) {
      return fail(last_error("the host's name"));
    }
  }
  return std::unique_ptr<RedisTls>(new RedisTls(std::move(state)));
}

void RedisTls::take_in(std::string_view bytes) {
  SG_ASSERT(bytes.size() <= static_cast<size_t>(std::numeric_limits<int>::max()));
  const int taken = BIO_write(state_->in, bytes.data(), static_cast<int>(bytes.size()));
  SG_ASSERT(taken == static_cast<int>(bytes.size()));  // memory grows
}

std::string RedisTls::take_out() {
  std::string bytes(BIO_ctrl_pending(state_->out), '\0');
  if (bytes.empty()) return bytes;
  const int taken = BIO_read(state_->out, bytes.data(), static_cast<int>(bytes.size()));
  bytes.resize(taken > 0 ? static_cast<size_t>(taken) : 0);
  return bytes;
}

Result<bool> RedisTls::handshake() {
  ERR_clear_error();
  SSL* ssl = state_->ssl.get();
  const int done = SSL_do_handshake(ssl);
  if (done == 1) return true;
  if (SSL_get_error(ssl, done) == SSL_ERROR_WANT_READ) return false;
  std::string text = last_error("handshake");
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK) {
    text += std::string(" (") + X509_verify_cert_error_string(verdict) + ")";
  }
  return fail(std::move(text));
}

Result<void> RedisTls::write(std::string_view bytes) {
  ERR_clear_error();
  while (!bytes.empty()) {
    size_t written = 0;
    if (SSL_write_ex(state_->ssl.get(), bytes.data(), bytes.size(), &written) != 1) return fail(last_error("write"));
    bytes.remove_prefix(written);
  }
  return {};
}

Result<size_t> RedisTls::read(std::span<char> out) {
  ERR_clear_error();
  SSL* ssl = state_->ssl.get();
  size_t got = 0;
  if (SSL_read_ex(ssl, out.data(), out.size(), &got) == 1) return got;
  switch (SSL_get_error(ssl, 0)) {
    case SSL_ERROR_WANT_READ:
      return size_t{0};
    case SSL_ERROR_ZERO_RETURN:
      return fail("the server closed the connection");
    default:
      return fail(last_error("read"));
  }
}

}  // namespace sandgate::control
