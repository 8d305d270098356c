// KubeTransport over libcurl, whose types stay in curl_transport.cc.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "kube/cluster_access.h"
#include "kube/transport.h"

namespace sandgate::kube {

struct CurlOptions {
  std::string user_agent = "sandgate";
  Millis connect_timeout{10'000};   ///< name, TCP, proxy and TLS together
  Seconds keepalive_idle{30};       ///< TCP keep-alive: first probe, and between probes
  size_t idle_connections_max = 8;  ///< kept for the next call
};

/// HTTP/1.1 over TLS 1.2 or later; connections are kept and used again. Follows no redirects. The bearer token or
/// password is sent over TLS, and in the clear only to a loopback address. The error: an address that is no http(s)
/// URL, a proxy that is none.
Result<std::unique_ptr<KubeTransport>> make_curl_transport(ClusterAccess access, CurlOptions options = {});

}  // namespace sandgate::kube
