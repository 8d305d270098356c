#include "kube/kubeconfig.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "crypto/crypto.h"
#include "kube/files.h"

namespace sandgate::kube {
namespace {

/// Thrown and caught in this file only, as yaml-cpp's own errors are.
struct Wrong {
  int line;  ///< from 1
  std::string what;
};

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

/// A map of the file, with the name it has for messages. Absent and null maps read as empty.
class Map {
 public:
  Map(YAML::Node node, std::string name) : node_(std::move(node)), name_(std::move(name)) {
    if (given(node_) && !node_.IsMap()) throw Wrong{line_of(node_), name_ + " must be a map"};
  }

  std::string text(const char* key) const {
    const YAML::Node value = find(key);
    if (!given(value)) return {};
    if (!value.IsScalar()) throw Wrong{line_of(value), name_ + "." + key + " must be a text"};
    return value.Scalar();
  }

  std::string wanted_text(const char* key) const {
    std::string out = text(key);
    if (out.empty()) throw Wrong{line(), name_ + "." + key + " is missing"};
    return out;
  }

  bool flag(const char* key) const {
    const std::string value = text(key);
    if (value.empty() || value == "false" || value == "False" || value == "FALSE") return false;
    if (value == "true" || value == "True" || value == "TRUE") return true;
    throw Wrong{line_of(find(key)), name_ + "." + key + " must be true or false"};
  }

  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> out;
    for (const YAML::Node& item : sequence(key)) {
      if (!item.IsScalar()) throw Wrong{line_of(item), name_ + "." + key + " must be a list of texts"};
      out.push_back(item.Scalar());
    }
    return out;
  }

  std::vector<Map> maps(const char* key) const {
    std::vector<Map> out;
    for (const YAML::Node& item : sequence(key)) {
      const std::string name = fmt::format("{}{}[{}]", name_.empty() ? "" : name_ + ".", key, out.size());
      if (!item.IsMap()) throw Wrong{line_of(item), name + " must be a map"};
      out.emplace_back(item, name);
    }
    return out;
  }

  Map map(const char* key) const { return Map(find(key), name_.empty() ? key : name_ + "." + key); }
  bool has(const char* key) const { return given(find(key)); }
  const YAML::Node& node() const { return node_; }

  /// base64 text, perhaps over several lines.
  std::string data(const char* key) const {
    std::string encoded = text(key);
    std::erase_if(encoded, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
    auto decoded = crypto::base64_decode(encoded);
    if (!decoded) throw Wrong{line_of(find(key)), name_ + "." + key + " is not base64"};
    return std::move(*decoded);
  }

  const std::string& name() const { return name_; }
  int line() const { return given(node_) ? line_of(node_) : 1; }

 private:
  static bool given(const YAML::Node& node) { return node.IsDefined() && !node.IsNull(); }
  YAML::Node find(const char* key) const { return given(node_) ? node_[key] : YAML::Node(YAML::NodeType::Undefined); }

  YAML::Node sequence(const char* key) const {
    const YAML::Node value = find(key);
    if (!given(value)) return YAML::Node(YAML::NodeType::Sequence);
    if (!value.IsSequence()) throw Wrong{line_of(value), (name_.empty() ? "" : name_ + ".") + key + " must be a list"};
    return value;
  }

  YAML::Node node_;
  std::string name_;
};

ClusterEntry read_cluster(const Map& entry, const std::string& file) {
  const Map cluster = entry.map("cluster");
  ClusterEntry out;
  out.name = entry.wanted_text("name");
  out.server = cluster.text("server");
  out.tls_server_name = cluster.text("tls-server-name");
  out.proxy_url = cluster.text("proxy-url");
  out.certificate_authority_file = relative_to(cluster.text("certificate-authority"), file);
  out.certificate_authority_pem = cluster.data("certificate-authority-data");
  out.insecure_skip_tls_verify = cluster.flag("insecure-skip-tls-verify");
  return out;
}

ExecPlugin read_exec(const Map& exec, const std::string& file) {
  ExecPlugin out;
  out.api_version = exec.wanted_text("apiVersion");
  if (out.api_version != "client.authentication.k8s.io/v1" &&
      out.api_version != "client.authentication.k8s.io/v1beta1") {
    throw Wrong{exec.line(), exec.name() + ".apiVersion must be client.authentication.k8s.io/v1 or /v1beta1"};
  }
  out.command = exec.wanted_text("command");
  // A bare name is looked up in PATH; anything with a slash is a path, relative to the file.
  if (out.command.find('/') != std::string::npos) out.command = relative_to(out.command, file);
  out.arguments = exec.texts("args");
  for (const Map& variable : exec.maps("env")) {
    out.env.emplace_back(variable.wanted_text("name"), variable.text("value"));
  }
  out.install_hint = exec.text("installHint");
  const std::string mode = exec.text("interactiveMode");
  if (mode == "Always") {
    throw Wrong{exec.line(), exec.name() + ".interactiveMode is Always, and there is no terminal here; it may be " +
                                 "IfAvailable or Never"};
  }
  if (!mode.empty() && mode != "IfAvailable" && mode != "Never") {
    throw Wrong{exec.line(), exec.name() + ".interactiveMode must be Never, IfAvailable or Always"};
  }
  return out;
}

UserEntry read_user(const Map& entry, const std::string& file) {
  const Map user = entry.map("user");
  UserEntry out;
  out.name = entry.wanted_text("name");
  out.token = Secret(user.text("token"));
  out.token_file = relative_to(user.text("tokenFile"), file);
  out.client_certificate_file = relative_to(user.text("client-certificate"), file);
  out.client_certificate_pem = user.data("client-certificate-data");
  out.client_key_file = relative_to(user.text("client-key"), file);
  out.client_key_pem = Secret(user.data("client-key-data"));
  out.username = user.text("username");
  out.password = Secret(user.text("password"));
  if (user.has("exec")) {
    const Map exec = user.map("exec");
    out.exec = read_exec(exec, file);
    out.exec_wants_cluster_info = exec.flag("provideClusterInfo");
  }
  if (user.has("auth-provider")) out.auth_provider = user.map("auth-provider").wanted_text("name");
  out.impersonate_user = user.text("as");
  out.impersonate_uid = user.text("as-uid");
  out.impersonate_groups = user.texts("as-groups");
  const Map extra = user.map("as-user-extra");
  if (user.has("as-user-extra")) {
    for (const auto& pair : extra.node()) {
      const std::string key = pair.first.Scalar();
      for (const std::string& value : extra.texts(key.c_str())) out.impersonate_extra.emplace_back(key, value);
    }
  }
  return out;
}

ContextEntry read_context(const Map& entry) {
  const Map context = entry.map("context");
  return {entry.wanted_text("name"), context.text("cluster"), context.text("user"), context.text("namespace")};
}

template <class Entry>
void add_first(std::vector<Entry>& into, Entry entry) {
  const bool known = std::any_of(into.begin(), into.end(), [&](const Entry& one) { return one.name == entry.name; });
  if (!known) into.push_back(std::move(entry));
}

Kubeconfig read_config(std::string_view text, const std::string& file) {
  const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
  if (documents.size() > 1) throw Wrong{line_of(documents[1]), "a second document"};
  Kubeconfig out;
  if (documents.empty()) return out;
  const Map top(documents[0], "");
  const std::string kind = top.text("kind");
  if (!kind.empty() && kind != "Config") throw Wrong{top.line(), "kind must be Config, not " + kind.substr(0, 80)};
  out.current_context = top.text("current-context");
  for (const Map& entry : top.maps("clusters")) add_first(out.clusters, read_cluster(entry, file));
  for (const Map& entry : top.maps("users")) add_first(out.users, read_user(entry, file));
  for (const Map& entry : top.maps("contexts")) add_first(out.contexts, read_context(entry));
  return out;
}

template <class Entry>
const Entry* find(const std::vector<Entry>& entries, std::string_view name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& one) { return one.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

const ClusterEntry* Kubeconfig::find_cluster(std::string_view name) const { return find(clusters, name); }
const UserEntry* Kubeconfig::find_user(std::string_view name) const { return find(users, name); }
const ContextEntry* Kubeconfig::find_context(std::string_view name) const { return find(contexts, name); }

Result<Kubeconfig> parse_kubeconfig(std::string_view text, std::string_view file_name) {
  const std::string file(file_name);
  if (text.size() > kKubeconfigBytesMax)
    return fail(fmt::format("{}: longer than {} bytes", file, kKubeconfigBytesMax));
  try {
    return read_config(text, file);
  } catch (const Wrong& wrong) {
    return fail(fmt::format("{}:{}: {}", file, wrong.line, wrong.what));
  } catch (const YAML::Exception& e) {
    return fail(fmt::format("{}:{}: not YAML: {}", file, e.mark.line + 1, e.msg));
  }
}

void merge_kubeconfig(Kubeconfig& into, Kubeconfig&& other) {
  if (into.current_context.empty()) into.current_context = std::move(other.current_context);
  for (ClusterEntry& entry : other.clusters) add_first(into.clusters, std::move(entry));
  for (UserEntry& entry : other.users) add_first(into.users, std::move(entry));
  for (ContextEntry& entry : other.contexts) add_first(into.contexts, std::move(entry));
}

}  // namespace sandgate::kube
