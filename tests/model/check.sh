#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check.sh - run spin over every model here and every way to break it.
#
# check.sh [MODEL [SWITCHES]]: without arguments the whole of variants.txt,
# with a model only its lines, with switches ("-" for none) only that one. The
# models as they stand must pass, searched to the end; each broken one must
# fail, and with the message that stands beside it. One line each. Exit 0, 1
# when something is not as expected, 77 when spin is not installed.
#
# JOBS (default 2) run at a time, each within MEMORY_MB and TIME_S.
set -u

JOBS=${JOBS:-2}
MEMORY_MB=${MEMORY_MB:-1024}
TIME_S=${TIME_S:-120}
DEPTH=100000

here=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null || { echo "spin is not installed"; exit 77; }
command -v gcc >/dev/null || { echo "gcc is not installed"; exit 77; }

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# build FOLDER MODEL SWITCHES EXPECTED: the verifier of one variant. Those that
# fail do so early: compiling well would take longer than it saves.
build() {
	local switch switches=() level=-O0

	[ "$4" != pass ] || level=-O2
	if [ "$3" != - ]; then
		for switch in ${3//,/ }; do
			switches+=("-D$switch")
		done
	fi
	cd "$1" && cp "$here/$2.pml" . &&
		spin -a "${switches[@]}" "$2.pml" >spin.out 2>&1 &&
		gcc $level -w -DSAFETY -DNOFAIR -DMEMLIM="$MEMORY_MB" \
			-o pan pan.c >gcc.out 2>&1
}

# judge OUTPUT EXPECTED: says why, returns 0 if as expected.
judge() {
	local states error

	states=$(awk '/states, stored/ { print $1; exit }' "$1")
	error=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$1" | cut -c1-60)
	if [ -n "$error" ]; then
		echo "$error"
		[ "$2" != pass ] && grep -q "^pan:1: .*$2" "$1"
		return
	fi
	if ! grep -q "errors: 0" "$1" || grep -qE \
		"not completed|depth too small|MEMLIM" "$1"; then
		echo "not searched to the end"
		return 1
	fi
	echo "holds in all $states states"
	[ "$2" = pass ]
}

# check NUMBER MODEL SWITCHES EXPECTED: leaves its line in $work/NUMBER.line
check() {
	local folder=$work/$1 verdict=ok hash=24 why

	# a table to be cleared costs more than finding a fault early
	[ "$4" = pass ] || hash=18
	mkdir "$folder"
	if ! (build "$folder" "$2" "$3" "$4"); then
		why=$(cat "$folder"/*.out | tail -n 1)
		verdict=BAD
	else
		(cd "$folder" && timeout "$TIME_S" \
			./pan -m"$DEPTH" -w$hash >pan.out 2>&1)
		why=$(judge "$folder/pan.out" "$4") || verdict=BAD
	fi
	printf '%-4s %-12s %-28s %s\n' "$verdict" "$2" "$3" "$why" \
		>"$work/$1.line"
	rm -rf "$folder"
}

number=100
while read -r model switches expected; do
	case $model in '' | '#'*) continue ;; esac
	[ -z "${1:-}" ] || [ "$1" = "$model" ] || continue
	[ -z "${2:-}" ] || [ "$2" = "$switches" ] || continue
	number=$((number + 1))
	while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do
		wait -n
	done
	check $number "$model" "$switches" "$expected" &
done <"$here/variants.txt"
wait

if [ $number -eq 100 ]; then
	echo "no such line in variants.txt"
	exit 1
fi
cat "$work"/*.line
! grep -q '^BAD' "$work"/*.line
