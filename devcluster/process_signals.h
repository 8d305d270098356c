// The signals of the process, as flags the loop looks at each turn.
#pragma once

namespace sandgate::io {
class Network;
}

namespace sandgate::devcluster {

/// From now on SIGTERM and SIGINT ask to stop, SIGCHLD notes ended children, and each wakes `network`. Null: signals
/// wake nobody any more.
void watch_signals(io::Network* network);
bool stop_asked();
/// Has a child ended since the last call?
bool take_child_signal();

}  // namespace sandgate::devcluster
