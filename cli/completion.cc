#include "cli/verbs.h"

namespace sandgate::cli {
namespace {

std::string joined(const std::vector<std::string>& words, const std::string& before = "") {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + before + word;
  return text;
}

constexpr const char* kClaimVerbs = "run exec status get delete suspend resume tunnel";

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<std::string>& verbs,
                              const std::vector<std::string>& flags) {
  const std::string all = joined(verbs), dashed = joined(flags, "--");
  if (shell == "bash") {
    return "_sandbox() {\n"
           "  local word=${COMP_WORDS[COMP_CWORD]} verb='' i\n"
           "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "    case \" " +
           all +
           " \" in *\" ${COMP_WORDS[i]} \"*) verb=${COMP_WORDS[i]}; break ;; esac\n"
           "  done\n"
           "  if [[ $word == -* ]]; then\n"
           "    mapfile -t COMPREPLY < <(compgen -W '" +
           dashed +
           "' -- \"$word\")\n"
           "  elif [[ -z $verb ]]; then\n"
           "    mapfile -t COMPREPLY < <(compgen -W '" +
           all +
           "' -- \"$word\")\n"
           "  elif [[ \" " +
           std::string(kClaimVerbs) +
           " \" == *\" $verb \"* ]]; then\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$(sandbox -q list 2>/dev/null)\" -- \"$word\")\n"
           "  else\n"
           "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
           "  fi\n"
           "}\n"
           "complete -o default -F _sandbox sandbox\n";
  }
  if (shell == "zsh") {
    return "#compdef sandbox\n"
           "_sandbox() {\n"
           "  local -a verbs=(" +
           all + ") flags=(" + dashed +
           ")\n"
           "  if [[ $words[CURRENT] == -* ]]; then compadd -a flags; return; fi\n"
           "  local verb=${${words[2,CURRENT-1]}[(r)(${(j:|:)~verbs})]}\n"
           "  if [[ -z $verb ]]; then compadd -a verbs; return; fi\n"
           "  case \" " +
           std::string(kClaimVerbs) +
           " \" in\n"
           "    *\" $verb \"*) compadd -- ${(f)\"$(sandbox -q list 2>/dev/null)\"} ;;\n"
           "    *) _files ;;\n"
           "  esac\n"
           "}\n"
           "compdef _sandbox sandbox\n";
  }
  if (shell == "fish") {
    std::string text = "complete -c sandbox -f -n __fish_use_subcommand -a '" + all + "'\n";
    text += "complete -c sandbox -f -n '__fish_seen_subcommand_from " + std::string(kClaimVerbs) +
            "' -a '(sandbox -q list 2>/dev/null)'\n";
    for (const std::string& flag : flags) text += "complete -c sandbox -l " + flag + "\n";
    return text;
  }
  return {};
}

}  // namespace sandgate::cli
