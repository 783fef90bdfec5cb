# Completion of memarc for bash: source this file, or put it where bash-completion
# looks, for example ~/.local/share/bash-completion/completions/memarc.
_memarc() {
	local cur=${COMP_WORDS[COMP_CWORD]} words
	local line=("${COMP_WORDS[@]:0:COMP_CWORD}")
	[[ $cur == -* ]] && line+=("$cur")
	words=$("${line[@]}" --generate-bash-completion 2>/dev/null)
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _memarc memarc
