// Where the node keeps the Pods' files: a directory of our own that goes with us.
#pragma once

#include <string>

#include "devcluster/node.h"

namespace sandgate::devcluster {

class PodDirectory {
 public:
  PodDirectory() = default;
  PodDirectory(const PodDirectory&) = delete;
  PodDirectory& operator=(const PodDirectory&) = delete;
  ~PodDirectory();

  /// Fills in what the options leave open for Pods with processes: the directory and the mark of their processes.
  /// From here on orphans of Pods are our children.
  Result<void> prepare(NodeOptions& options);

 private:
  std::string made_;
};

}  // namespace sandgate::devcluster
