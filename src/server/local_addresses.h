// The addresses of this machine's interfaces: the SSRF guard never dials them.
#pragma once

#include <vector>

#include "base/ip_address.h"

namespace sandgate::server {
std::vector<IpAddress> local_addresses();
}
