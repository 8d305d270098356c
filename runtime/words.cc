#include "runtime/words.h"

#include <optional>

namespace sandgate::runtime {
namespace {

bool is_separator(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> run() {
    if (const size_t nul = text_.find('\0'); nul != std::string_view::npos) {
      return fail("the command holds a NUL byte at position " + std::to_string(nul));
    }
    while (at_ < text_.size()) {
      if (auto step = take(text_[at_]); !step) return tl::unexpected(step.error());
    }
    end_word();
    if (words_.empty()) return fail("the command is empty");
    return std::move(words_);
  }

 private:
  Result<void> take(char c) {
    if (is_separator(c)) {
      end_word();
      ++at_;
      return {};
    }
    switch (c) {
      case '\'':
        return single_quoted();
      case '"':
        return double_quoted();
      case '\\':
        return escaped();
      default:
        append(c);
        ++at_;
        return {};
    }
  }

  Result<void> single_quoted() {
    const size_t close = text_.find('\'', at_ + 1);
    if (close == std::string_view::npos) return unclosed(at_);
    word().append(text_.substr(at_ + 1, close - at_ - 1));
    at_ = close + 1;
    return {};
  }

  Result<void> double_quoted() {
    const size_t open = at_++;
    word();  // "" alone is a word
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return {};
      }
      const bool escape = c == '\\' && at_ + 1 < text_.size() && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\');
      if (escape) ++at_;
      append(text_[at_++]);
    }
    return unclosed(open);
  }

  Result<void> escaped() {
    if (at_ + 1 == text_.size()) return fail("No escaped character: the command ends with a backslash");
    const char next = text_[at_ + 1];
    if (next != '\n') append(next);
    at_ += 2;
    return {};
  }

  tl::unexpected<Error> unclosed(size_t open) const {
    return fail(std::string("No closing quotation: the ") + text_[open] + " at position " + std::to_string(open) +
                " is never closed");
  }

  std::string& word() { return word_ ? *word_ : word_.emplace(); }
  void append(char c) { word().push_back(c); }
  void end_word() {
    if (word_) words_.push_back(std::move(*word_));
    word_.reset();
  }

  std::string_view text_;
  size_t at_ = 0;
  std::optional<std::string> word_;  // nothing between words, so that '' can be one
  std::vector<std::string> words_;
};

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view text) { return Splitter(text).run(); }

}  // namespace sandgate::runtime
