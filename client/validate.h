// What is refused before any request (contract client 3.3). Each returns the Error, or nothing when the input is fine.
#pragma once

#include <optional>
#include <sandgate/options.hpp>
#include <string_view>

namespace sandgate::client {

bool is_dns_subdomain(std::string_view text);  ///< DNS-1123, 1 to 253 bytes
bool is_label_key(std::string_view text);      ///< [prefix/]name
bool is_label_value(std::string_view text);
bool is_env_name(std::string_view text);

std::optional<Error> check_create(std::string_view what, std::string_view name, const CreateOptions& options);
std::optional<Error> check_namespace(std::string_view ns);
std::optional<Error> check_object_name(std::string_view what, std::string_view name);

}  // namespace sandgate::client
