#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# client_examples.sh INCLUDE LIBBCAST BCASTD COMPILER [FLAG]...
#
# The two programs in the head comment of client.h, as they stand but for the
# address: compiled without a warning, run against a daemon, by TCP and in
# shared memory.
set -uo pipefail
export LC_ALL=C

include=$1
library=$2
bcastd=$3
shift 3
compiler=("$@")
name=client-examples-$$
work=$(mktemp -d)
daemon=
subscriber=

# An example ends by returning from main, and leaves its handle to the kernel.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

cleanup() {
	local status=$? pid

	for pid in $subscriber $daemon; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$work" "/dev/shm/bcast.$name"{,.nodes,.lock}
	exit "$status"
}
trap cleanup EXIT

fail() {
	echo "client_examples: error: $*" >&2
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

gone() {
	! kill -0 "$1" 2>/dev/null
}

extract() {
	awk -v work="$work" '
	/^ \*\t#include <bcast\/client\.h>$/ { file = work "/" ++count ".c" }
	file == "" { next }
	{ line = $0; sub(/^ \*\t?/, "", line); print line > file }
	line ~ /^int main/ { in_main = 1 }
	in_main && line == "}" { close(file); file = ""; in_main = 0 }
	/\*\/$/ { exit }
	' "$include/bcast/client.h"
}

# build NAME NUMBER WHAT ADDRESS - the NUMBERth program, which calls WHAT.
build() {
	local source=$work/$1.c

	cp "$work/$2.c" "$source" || fail "no program $2 in client.h"
	grep -q "$3(" "$source" || fail "program $2 does not call $3()"
	[[ $(grep -c '"127.0.0.1:7400"' "$source") == 1 ]] ||
		fail "$1 does not name its address once"
	sed -i "s|\"127.0.0.1:7400\"|\"$4\"|" "$source"
	"${compiler[@]}" -Wall -Wextra -Werror -g -I "$include" "$source" \
		"$library" -Wl,-rpath,"${library%/*}" -o "$work/$1" ||
		fail "$1 does not compile"
}

daemon_is_decided() {
	grep -q '^info listening' "$work/log" || gone "$daemon"
}

start() {
	local status

	"$bcastd" --name "$name" --format packet --ring-size 8M \
		--packet 127.0.0.1:0 2>"$work/log" &
	daemon=$!
	poll daemon_is_decided || fail "bcastd: no start"
	gone "$daemon" || return
	wait "$daemon"
	status=$?
	daemon=
	((status == 71)) && exit 77
	fail "bcastd: status $status"
}

# In shared memory it is mapped; over TCP the daemon has said so.
subscriber_is_in() {
	grep -q "/bcast\.$name\$" "/proc/$subscriber/maps" 2>/dev/null ||
		grep -q 'receiver_joined' "$work/log"
}

# try ADDRESS - one publishes, the other prints.
try() {
	build subscriber 1 bcast_client_next "$1"
	build publisher 2 bcast_client_publish "$1"
	"$work/subscriber" >"$work/got" 2>"$work/subscriber.err" &
	subscriber=$!
	poll subscriber_is_in || fail "the subscriber does not join"
	timeout 60 "$work/publisher" <"$work/lines" 2>"$work/publisher.err" ||
		fail "publisher: status $?"
	[[ $(<"$work/publisher.err") == success ]] ||
		fail "publisher says: $(<"$work/publisher.err")"
	kill -TERM "$daemon"
	poll gone "$daemon" || fail "bcastd does not stop"
	wait "$daemon" || fail "bcastd: status $?"
	daemon=
	poll gone "$subscriber" || fail "the subscriber goes on"
	wait "$subscriber"
	subscriber=
	[[ $(<"$work/subscriber.err") == "the stream has ended"* ]] ||
		fail "subscriber says: $(<"$work/subscriber.err")"
	# each with its own newline, and the printed one
	grep -v '^$' "$work/got" | cmp "$work/lines" - ||
		fail "the subscriber got something else"
}

extract
[[ ! -e $work/3.c ]] || fail "a program in client.h that nobody tests"
seq -f 'line %.0f' 1 20000 >"$work/lines"
for prefix in tcp:// ""; do
	start
	address=$(sed -n 's/.* addr=\([^ ]*\) role=packet$/\1/p' "$work/log")
	try "$prefix$address"
done
