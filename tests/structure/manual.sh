#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# manual.sh SOURCE - what the manual lists by hand is what the source has, no
# more and no less: the events of the log with their levels, the facts, and the
# reasons why connections end. And each option that a page names is one.
#
# (The options of bcastd, the keys of JSON and the counters need no such look:
# the pages get them from the tables that the programs are made of.)
set -uo pipefail
export LC_ALL=C

pages=$1/tools/man
source=$1
failures=0

# same WHAT IN_SOURCE IN_MANUAL - two sorted lists; neither may be empty.
same() {
	local what=$1 in_source=$2 in_manual=$3

	if [[ -z $in_source || -z $in_manual ]]; then
		echo "manual: no $what found" >&2
	elif [[ $in_source != "$in_manual" ]]; then
		echo "manual: $what; < in the source, > in the manual:" >&2
		diff <(echo "$in_source") <(echo "$in_manual") |
			grep '^[<>]' >&2
	else
		return
	fi
	failures=$((failures + 1))
}

# calls FUNCTION FILE... - the arguments of each call, a line each.
calls() {
	local function=$1
	shift

	cat "$@" | tr '\n\t' '  ' | sed "s/$function(/\n&/g" |
		sed -n "s/^$function(\([^;]*\);.*/\1/p"
}

# section PAGE BEGIN END - the lines between two requests.
section() {
	sed -n "/^\.S[HS] $2\$/,/^\.S[HS] $3/p" "$pages/$1"
}

# ---- Events ----------------------------------------------------------------

# "event level". One call may have two of either: condition ? one : other.
events_of_source() {
	local event='"([a-z_]+)"( *: *"([a-z_]+)")?' call level levels

	# log_line_make: the log's own lines; of those it repeats, report has
	# the event
	{
		calls log_event "$source"/src/*.c
		echo # what calls prints has no last newline
		calls log_line_make "$source"/src/*.c | grep -v 'report\.'
	} | grep -Ev '^(enum|struct|$)' |
		while IFS= read -r call; do
			levels=$(grep -o 'LOG_LEVEL_[A-Z]*' <<<"$call")
			# the first text is the event's, not the format
			if [[ ! $call =~ ^[^\"]*$event ]]; then
				echo "unreadable: $call"
				continue
			fi
			for level in ${levels,,}; do
				echo "${BASH_REMATCH[1]} ${level#log_level_}"
				[[ -z ${BASH_REMATCH[3]} ]] ||
					echo "${BASH_REMATCH[3]} ${level#log_level_}"
			done
		done
}

events_of_manual() {
	section bcastd.8.in 'LOG EVENTS' EXAMPLES |
		sed -n 's/^\([a-z_]*\)|\([a-z, ]*\)|T{$/\1 \2/p' |
		while read -r event levels; do
			for level in ${levels//,/}; do
				echo "$event $level"
			done
		done
}

# ---- Facts, reasons, options -----------------------------------------------

# The one whose name is made at run time is that of a listener.
facts_of_source() {
	calls bc_facts_set "$source"/src/*.c |
		sed -n 's/^[^,]*, *"\([a-z_]*\)".*/\1/p; s/^[^,]*, *key,.*/listener_/p'
}

facts_of_manual() {
	section bcast-shmstat.1.in facts summary |
		sed -n 's/^\.BI* \([a-z_]*\).*/\1/p'
}

reasons_of_source() {
	sed -n '/^const char \*bcast_close_reason_name/,/^}/p' \
		"$source/shm/client_names.c" |
		sed -n 's/.*return "\([a-z_]*\)";.*/\1/p' | grep -v '^unknown$'
}

reasons_of_manual() {
	section bcast-shmstat.1.in REASONS JSON |
		sed -n '/^\.TP/{n;s/^\.B \([a-z_]*\)$/\1/p}'
}

# Of docker, systemctl and systemd-run; all others are ours.
foreign_options='ipc kill-whom now pipe security-opt shm-size uid ulimit wait'

known_options() {
	sed -n 's/^BC_\(OPTION\|FLAG\|ACTION\)("\([a-z-]*\)".*/\2/p' \
		"$source/src/options.def"
	# a row: {"name", 'n', ... or {"name", 0, ...
	cat "$source"/tools/*.c | tr '\n\t' '  ' |
		grep -oE "\{\"[a-z-]+\", *('.'|0)," | grep -oE '[a-z-]{2,}'
	sed -n 's/^	{"\([a-z-]*\)", [a-z]*_argument, .*/\1/p' \
		"$source/src/doctor.c"
	sed -n 's/^	  --\([a-z]*\) .*/\1/p' "$source/tools/tune.sh"
	tr ' ' '\n' <<<"$foreign_options"
}

# Font changes go first, then what the dashes are escaped by.
named_options() {
	sed 's/\\f[A-Z]/ /g; s/\\-/-/g' "$pages"/*.in |
		grep -oE -- '--[a-z][a-z-]*' | sed 's/^--//'
}

check_options() {
	local unknown

	unknown=$(comm -13 <(known_options | sort -u) <(named_options | sort -u))
	[[ -z $unknown ]] && return
	echo "manual: no such option: ${unknown//$'\n'/, }" >&2
	failures=$((failures + 1))
}

same events "$(events_of_source | sort -u)" "$(events_of_manual | sort)"
same facts "$(facts_of_source | sort -u)" "$(facts_of_manual | sort)"
same reasons "$(reasons_of_source | sort -u)" "$(reasons_of_manual | sort)"
check_options
exit $((failures > 0))
