/** Shells that can complete the commands of maos. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/**
 * The script by which a shell completes `maos`. It asks `maos __complete -- WORDS…` with the words up to the cursor,
 * the last one in part: a candidate a line, with a tab and a description after it, or a line that begins with a colon:
 * `:files` and `:folders` (the shell completes these), `:goes-on` (no space after the candidate).
 */
export function completionScript(shell: Shell): string {
  return scripts[shell];
}

const scripts: Readonly<Record<Shell, string>> = {
  // Bash splits words at '=', ':' and '@' too, and replaces only what follows.
  bash: `# bash completion for maos. Load it with: source <(maos completion bash)
_maos() {
  local typed="\${COMP_LINE:0:COMP_POINT}" partial='' current="\${COMP_WORDS[COMP_CWORD]}" line word
  local -a words
  read -ra words <<< "$typed"
  case "$typed" in
    *[[:space:]]) words+=('') ;;
  esac
  partial="\${words[\${#words[@]}-1]}"
  case "$current" in
    '='|':'|'@') current='' ;;
  esac
  local skipped="\${partial%"$current"}"
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :files) compopt -o default ;;
      :folders) compopt -o dirnames ;;
      :goes-on) compopt -o nospace ;;
      *) word="\${line%%$'\\t'*}"; COMPREPLY+=("\${word#"$skipped"}") ;;
    esac
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _maos maos
`,
  zsh: `#compdef maos
# zsh completion for maos. Load it with: source <(maos completion zsh)
_maos() {
  local line word
  local -a candidates shown options
  for line in "\${(@f)$("\${(Q)words[1]}" __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case "$line" in
      '') ;;
      :files) _files; return ;;
      :folders) _files -/; return ;;
      :goes-on) options+=(-S '') ;;
      *)
        word="\${line%%$'\\t'*}"
        candidates+=("$word")
        if [[ "$line" == *$'\\t'* ]]; then
          shown+=("\${(r:28:)word} \${line#*$'\\t'}")
        else
          shown+=("$word")
        fi
        ;;
    esac
  done
  (( \${#candidates} )) && compadd "\${options[@]}" -l -d shown -- "\${candidates[@]}"
}
if [ "\${funcstack[1]}" = _maos ]; then
  _maos "$@"
else
  (( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit; }
  compdef _maos maos
fi
`,
  fish: `# fish completion for maos. Load it with: maos completion fish | source
function __maos_complete
  set -l typed (commandline -opc)
  set -l partial (commandline -ct)
  for line in ($typed[1] __complete -- $typed[2..-1] "$partial" 2>/dev/null)
    switch $line
      case :files
        __fish_complete_path "$partial"
      case :folders
        __fish_complete_directories "$partial"
      case :goes-on
      case '*'
        echo $line
    end
  end
end
complete -c maos -f -a '(__maos_complete)'
`,
};
