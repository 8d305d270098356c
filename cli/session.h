// What the verbs share: a client of the global flags, a handle on the sandbox they name.
#pragma once

#include <sandgate/client.hpp>
#include <string>

#include "cli/screen.h"
#include "cli/verbs.h"

namespace sandgate::cli {

Result<Client> open_client(const Context& context);
/// By claim, or by the sandbox's own name with --by-name.
Result<Sandbox> open_sandbox(Client& client, const Context& context, const std::string& name);
Millis timeout_of(const Context& context);
CallOptions call_options(const Context& context);
PathOptions path_options(const Context& context);
Result<CreateOptions> create_options(const Context& context, const CreateFlags& flags);
Result<Sandbox> create_by(Client& client, const CreateFlags& flags, const CreateOptions& options);

}  // namespace sandgate::cli
