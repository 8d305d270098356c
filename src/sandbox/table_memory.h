// Where the things lie that a look-up reads: records and slots, by themselves and on large pages. Among 100,000
// sandboxes a third of a look-up's time went into finding pages of 4 KiB.
#pragma once

#include <memory>
#include <memory_resource>

#include "sandbox/record.h"

namespace sandgate::sandbox {

/// Of the whole process, for ever: what is given back is used again, the system gets none of it. Thread safe.
std::pmr::memory_resource& table_memory();

using RecordPtr = std::shared_ptr<const SandboxRecord>;

/// The record as tables share it.
RecordPtr make_record(SandboxRecord record);

}  // namespace sandgate::sandbox
