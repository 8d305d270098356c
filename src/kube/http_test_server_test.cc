#include "kube/http_test_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/assert.h"

namespace sandgate::kube::testing {
namespace {

using BioPointer = std::unique_ptr<BIO, decltype(&BIO_free)>;
BioPointer memory_of(const std::string& pem) {
  return BioPointer(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
}
X509* certificate_of(const std::string& pem) {
  return PEM_read_bio_X509(memory_of(pem).get(), nullptr, nullptr, nullptr);
}
EVP_PKEY* key_of(const std::string& pem) {
  return PEM_read_bio_PrivateKey(memory_of(pem).get(), nullptr, nullptr, nullptr);
}

SSL_CTX* tls_context(const KeyPair& identity, const std::string& client_ca_pem) {
  std::signal(SIGPIPE, SIG_IGN);  // SSL_write has no flag for it
  SSL_CTX* const out = SSL_CTX_new(TLS_server_method());
  X509* certificate = certificate_of(identity.certificate_pem);
  EVP_PKEY* key = key_of(identity.key_pem);
  SG_ASSERT(SSL_CTX_use_certificate(out, certificate) == 1 && SSL_CTX_use_PrivateKey(out, key) == 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (client_ca_pem.empty()) return out;
  X509* ca = certificate_of(client_ca_pem);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(out), ca);
  X509_free(ca);
  SSL_CTX_set_verify(out, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return out;
}

}  // namespace

KeyPair make_certificate(const std::string& name, const KeyPair* issuer) {
  const auto pem_of = [](auto write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    write(out.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<size_t>(size));
  };
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
  static std::atomic<long> serial{1};
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                             0);
  std::unique_ptr<X509, decltype(&X509_free)> issuer_certificate(nullptr, &X509_free);
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> issuer_key(nullptr, &EVP_PKEY_free);
  if (issuer != nullptr) {
    issuer_certificate.reset(certificate_of(issuer->certificate_pem));
    issuer_key.reset(key_of(issuer->key_pem));
  }
  X509* const signer = issuer != nullptr ? issuer_certificate.get() : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  X509V3_CTX context;
  X509V3_set_ctx(&context, signer, certificate.get(), nullptr, nullptr, 0);
  const auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    SG_ASSERT(extension != nullptr);
    X509_add_ext(certificate.get(), extension, -1);
    X509_EXTENSION_free(extension);
  };
  if (issuer == nullptr) {
    extend(NID_basic_constraints, "critical,CA:TRUE");
    extend(NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(NID_subject_key_identifier, "hash");
  } else {
    in_addr v4{};
    extend(NID_subject_alt_name, (::inet_pton(AF_INET, name.c_str(), &v4) == 1 ? "IP:" : "DNS:") + name);
    extend(NID_authority_key_identifier, "keyid");
  }
  SG_ASSERT(X509_sign(certificate.get(), issuer != nullptr ? issuer_key.get() : key.get(), EVP_sha256()) > 0);
  return {pem_of([&](BIO* out) { PEM_write_bio_X509(out, certificate.get()); }),
          pem_of([&](BIO* out) { PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

std::string Peer::read_request() {
  auto* const ssl = static_cast<SSL*>(tls_);
  for (;;) {
    const size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const size_t at = buffer_.find("Content-Length: ");
      const size_t length = at < end ? std::stoul(buffer_.substr(at + 16)) : 0;
      if (buffer_.size() >= end + 4 + length) {
        std::string out = buffer_.substr(0, end + 4 + length);
        buffer_.erase(0, end + 4 + length);
        return out;
      }
    }
    char block[4'096];
    const ssize_t got = ssl != nullptr ? SSL_read(ssl, block, sizeof block) : ::read(fd_, block, sizeof block);
    if (got <= 0) return {};
    buffer_.append(block, static_cast<size_t>(got));
  }
}

bool Peer::write(std::string_view text) {
  auto* const ssl = static_cast<SSL*>(tls_);
  while (!text.empty()) {
    const ssize_t put = ssl != nullptr ? SSL_write(ssl, text.data(), static_cast<int>(text.size()))
                                       : ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    text.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

void Peer::wait_for_close() {
  while (!read_request().empty()) {
  }
}

std::string response(int status, const std::string& body, const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Text\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}

std::string chunk(const std::string& body) {
  char size[20];
  const int length = std::snprintf(size, sizeof size, "%zx\r\n", body.size());
  return std::string(size, static_cast<size_t>(length)) + body + "\r\n";
}

HttpTestServer::HttpTestServer(Handler handler, const KeyPair* identity, const std::string& client_ca_pem,
                               uint16_t port)
    : handler_(std::move(handler)) {
  if (identity != nullptr) tls_ = tls_context(*identity, client_ca_pem);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t size = sizeof address;
  SG_ASSERT(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener_, 16) == 0);
  SG_ASSERT(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { accept_all(); });
}

HttpTestServer::~HttpTestServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& worker : workers_) worker.join();
  if (tls_ != nullptr) SSL_CTX_free(static_cast<SSL_CTX*>(tls_));
}

std::string HttpTestServer::address() const {
  return (tls_ != nullptr ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_);
}

void HttpTestServer::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++connections_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    workers_.emplace_back([this, fd] { serve(fd); });
  }
}

void HttpTestServer::serve(int fd) {
  SSL* ssl = nullptr;
  bool good = true;
  if (tls_ != nullptr) {
    ssl = SSL_new(static_cast<SSL_CTX*>(tls_));
    SSL_set_fd(ssl, fd);
    good = SSL_accept(ssl) == 1;
  }
  if (good) {
    ++served_;
    Peer peer(fd, ssl);
    handler_(peer);
  }
  forget(fd);
  if (ssl != nullptr) SSL_free(ssl);
  ::close(fd);
}

void HttpTestServer::forget(int fd) {
  const std::lock_guard lock(mutex_);
  std::erase(open_, fd);
}

TEST(HttpTestServerTest, CertificatesSayWhoTheyAreFor) {
  const KeyPair ca = make_certificate("authority");
  const KeyPair leaf = make_certificate("name.example", &ca);
  const std::unique_ptr<X509, decltype(&X509_free)> issuer(certificate_of(ca.certificate_pem), &X509_free);
  const std::unique_ptr<X509, decltype(&X509_free)> subject(certificate_of(leaf.certificate_pem), &X509_free);
  EXPECT_EQ(X509_check_host(subject.get(), "name.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(subject.get(), "other.example", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_issued(issuer.get(), subject.get()), X509_V_OK);
}

}  // namespace sandgate::kube::testing
