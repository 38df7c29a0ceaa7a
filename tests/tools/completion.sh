#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# completion.sh COMPLETIONS PROGRAM... - bash completes every option of every
# program, and the arguments that it can know.
#
# What is expected comes from --help too, but by other means than the files
# were made: whatever begins with two dashes there.
set -uo pipefail
export LC_ALL=C

completions=$1
shift
failures=0
stream=completion-$$
scratch=$(mktemp -d)
trap 'rm -rf "$scratch" "/dev/shm/bcast.$stream"{,.nodes}' EXIT

complain() {
	echo "completion: $*" >&2
	failures=$((failures + 1))
}

# complete_line WORD... - what is offered for the last word, a line each.
complete_line() {
	local COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()

	"_${1//-/_}"
	((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
}

# offers WHAT WORD... - the line so far completes to this, among others.
offers() {
	local what=$1
	shift

	grep -qxF -- "$what" <<<"$(complete_line "$@")" ||
		complain "'$*' does not offer $what"
}

refuses() {
	local what=$1
	shift

	! grep -qxF -- "$what" <<<"$(complete_line "$@")" ||
		complain "'$*' offers $what"
}

for program; do
	name=${program##*/}
	if ! [[ -f $completions/$name ]]; then
		complain "none for $name"
		continue
	fi
	bash -n "$completions/$name" || complain "$name: syntax"
	# shellcheck disable=SC1090
	source "$completions/$name"
	options=$("$program" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' |
		grep -oE -- '--.*' | sort -u)
	[[ $options == *--help* ]] || complain "$name: no options in --help"
	same=$(complete_line "$name" -- | sort -u)
	[[ $same == "$options" ]] || complain "$name: other options: $(diff \
		<(echo "$options") <(echo "$same") | grep '^[<>]')"
	for option in $options; do
		offers "$option" "$name" "$option"
		offers "$option" "$name" "${option%?}"
	done
done

# What some of them mean.
: >"/dev/shm/bcast.$stream"
: >"/dev/shm/bcast.$stream.nodes"
offers "$stream" bcast-shmstat completion-
offers "$stream" bcast-tail --lines completion-
offers "$stream" bcastd --name completion-
refuses "$stream.nodes" bcast-shmstat completion-
offers packet bcastd --format ''
offers packet bcastd --format = pa
offers raw bcastd --format =
refuses raw bcastd --format pa
offers oldest bcast-tail -f ol
offers oldest bcast-tail --from ''
refuses POS bcast-tail --from ''
offers watch bcast-node "$stream" wa
cd "$scratch" || exit 1
: >a-file-to-publish
offers a-file-to-publish bcast-pub "$stream" a-
refuses --watch bcast-shmstat -N --w
refuses --watch bcast-shmstat --interval --w

if ((failures > 0)); then
	echo "completion: $failures failed" >&2
	exit 1
fi
