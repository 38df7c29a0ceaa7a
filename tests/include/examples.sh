#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# examples.sh INCLUDE LIBBCAST BCASTD BCAST_NODE ASK COMPILER [FLAG]...
#
# The three programs in the head comment of bcast.h are what newcomers copy: they
# must be short, compile without a warning, and do what is said of them. Each is
# taken out of the comment as it stands, but for the name of the stream.
set -uo pipefail
export LC_ALL=C

include=$1
library=$2
bcastd=$3
bcast_node=$4
ask=$5
shift 5
compiler=("$@")
name=examples-$$
work=$(mktemp -d)
daemon=
reader=
echo_node=

# An example ends by returning from main, and leaves its handle to the kernel.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

cleanup() {
	local status=$? pid

	for pid in $reader $echo_node $daemon; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$work" "/dev/shm/bcast.$name"{,.nodes,.lock}
	exit "$status"
}
trap cleanup EXIT

fail() {
	echo "examples: error: $*" >&2
	tail -n 5 "$work"/*.err "$work/log" >&2 2>/dev/null
	exit 1
}

# poll CONDITION... - until it holds, for 30 s.
poll() {
	local deadline=$((SECONDS + 30))

	until "$@"; do
		((SECONDS < deadline)) || return 1
		sleep 0.02
	done
}

# ---- Out of the comment ----------------------------------------------------

# From each `#include <bcast/bcast.h>` to the end of main: 1.c, 2.c, ...
extract() {
	awk -v work="$work" '
	/^ \*\t#include <bcast\/bcast\.h>$/ { file = work "/" ++count ".c" }
	file == "" { next }
	{ line = $0; sub(/^ \*\t?/, "", line); print line > file }
	line ~ /^int main/ { in_main = 1 }
	in_main && line == "}" { close(file); file = ""; in_main = 0 }
	/\*\/$/ { exit }
	' "$include/bcast/bcast.h"
}

# build NAME NUMBER LINES WHAT - the NUMBERth program, which calls WHAT, has at
# most LINES lines that are not blank and no includes.
build() {
	local source=$work/$1.c lines

	mv "$work/$2.c" "$source" 2>/dev/null || fail "no program $2 in bcast.h"
	grep -q "$4(" "$source" || fail "program $2 does not call $4()"
	lines=$(grep -cvE '^[[:space:]]*($|#include)' "$source")
	((lines <= $3)) || fail "$1 has $lines lines, more than $3"
	[[ $(grep -c '"default"' "$source") == 1 ]] ||
		fail "$1 does not name the stream \"default\" once"
	sed -i "s/\"default\"/\"$name\"/" "$source"
	"${compiler[@]}" -Wall -Wextra -Werror -g -I "$include" "$source" \
		"$library" -Wl,-rpath,"${library%/*}" -o "$work/$1" ||
		fail "$1 does not compile"
}

# ---- Against a daemon ------------------------------------------------------

# It has joined at the tail: once the ring is mapped, the next thing that it
# sleeps for is news.
reader_waits() {
	grep -q "/bcast\.$name\$" "/proc/$reader/maps" 2>/dev/null &&
		grep -q '^State:[[:space:]]*S' "/proc/$reader/status"
}

echo_is_listed() {
	"$bcast_node" "$name" list 2>/dev/null | grep -qw echo
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

start() {
	"$bcastd" --name "$name" --ring-size 1M --listen 127.0.0.1:0 \
		2>"$work/log" &
	daemon=$!
	poll grep -q '^info listening' "$work/log" || fail "bcastd: no start"
	"$work/reader" >"$work/got" 2>"$work/reader.err" &
	reader=$!
	poll reader_waits || fail "the reader does not come to wait"
	"$work/echo" 2>"$work/echo.err" &
	echo_node=$!
	poll echo_is_listed || fail "the echo node does not join"
}

# ended PROGRAM PID - by itself, in order, because the stream did.
ended() {
	poll gone "$2" || fail "$1 goes on after the daemon's end"
	wait "$2" || fail "$1: status $?"
	[[ $(<"$work/$1.err") == "the stream has ended"* ]] ||
		fail "$1 says: $(<"$work/$1.err")"
}

stop() {
	kill -TERM "$daemon"
	poll gone "$daemon" || fail "bcastd does not stop"
	wait "$daemon" || fail "bcastd: status $?"
	daemon=
	ended reader "$reader"
	reader=
	ended echo "$echo_node"
	echo_node=
}

extract
[[ ! -e $work/4.c ]] || fail "a program in bcast.h that nobody tests"
build reader 1 18 bcast_read
build publisher 2 18 bcast_publish
build echo 3 24 bcast_dispatch

# less than the ring: however late the reader is, it is not lapped
seq -f 'line %.0f' 1 40000 >"$work/lines"
start
timeout 60 "$work/publisher" <"$work/lines" 2>"$work/publisher.err" ||
	fail "publisher: status $?"
timeout 60 "$ask" "$name" echo 2>"$work/ask.err" || fail "no echo"
stop
cmp "$work/lines" "$work/got" || fail "the reader got something else"
