#include "client/json.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace sandgate::client {
namespace {

constexpr size_t kDepthMax = 200;
const Json kNull;

/// Builds a Json from the parser's events.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(Json& root) { places_.push_back(&root); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return put(static_cast<double>(value));
    return put(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return open(Json::Object{}); }
  bool start_array(size_t) override { return open(Json::Array{}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  Json& slot() {
    Json& top = *places_.back();
    if (Json::Array* array = top.array()) return array->emplace_back();
    if (top.object()) return top[key_];
    return top;
  }
  bool put(Json value) {
    slot() = std::move(value);
    return true;
  }
  bool open(Json value) {
    if (places_.size() > kDepthMax) return false;
    Json& place = slot();
    place = std::move(value);
    places_.push_back(&place);
    return true;
  }
  bool close() {
    places_.pop_back();
    return true;
  }

  std::vector<Json*> places_;
  std::string key_;
};

nlohmann::json converted(const Json& value) {
  if (value.is_null()) return nullptr;
  if (const bool* flag = value.boolean()) return *flag;
  if (const int64_t* number = value.integer()) return *number;
  if (const std::string* text = value.string()) return *text;
  if (const Json::Array* items = value.array()) {
    nlohmann::json array = nlohmann::json::array();
    for (const Json& item : *items) array.push_back(converted(item));
    return array;
  }
  if (const Json::Object* members = value.object()) {
    nlohmann::json object = nlohmann::json::object();
    for (const auto& [key, member] : *members) object[key] = converted(member);
    return object;
  }
  return value.number().value_or(0);
}

}  // namespace

const std::string Json::kNoText;

std::optional<Json> Json::parse(std::string_view text) {
  Json root;
  Builder builder(root);
  if (!nlohmann::json::sax_parse(text, &builder)) return std::nullopt;
  return root;
}

std::string Json::dump() const {
  return converted(*this).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<double> Json::number() const {
  if (const auto* whole = std::get_if<int64_t>(&value_)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value_)) return *real;
  return std::nullopt;
}

Json& Json::operator[](std::string_view key) {
  if (!object()) value_ = Object{};
  Object& members = *object();
  const auto found = members.find(key);
  return found != members.end() ? found->second : members[std::string(key)];
}

const Json& Json::member(std::string_view key) const {
  const Object* members = object();
  if (!members) return kNull;
  const auto found = members->find(key);
  return found == members->end() ? kNull : found->second;
}

}  // namespace sandgate::client
