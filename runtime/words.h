// Splits a command line into words by the quoting rules of the POSIX shell, without a shell: there are no
// pipes, redirections, variables, globs or comments, so `;`, `|`, `$X`, `*` and `#` are ordinary characters
// (contract sandbox-router 6.1, "Command").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sandgate::runtime {

/// The words of `text`. Rules (POSIX XCU 2.2, cut to what has a meaning without expansions):
///   - blank, tab, newline and carriage return separate words; `''` and `""` make an empty word;
///   - '...' keeps every character;
///   - "..." keeps every character, but `\"` and `\\` lose their backslash. Other backslashes stay, also
///   before `$` and
///     a backquote: these mean nothing here, so there is nothing to take away from them;
///   - a backslash outside quotes takes the next character as it is; backslash-newline joins lines and
///   vanishes.
/// Errors: a quotation that is never closed, a backslash at the very end, a NUL byte, no word at all.
Result<std::vector<std::string>> split_words(std::string_view text);

}  // namespace sandgate::runtime
