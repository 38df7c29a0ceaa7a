#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# install.sh BUILD - what `cmake --install` lays down is there and works.
#
# Installs into a folder of its own, and there uses nothing but that: a program
# is compiled by what pkg-config says, and as a project of CMake, against the
# shared and the static library, and reads a stream of the installed bcastd.
set -euo pipefail
export LC_ALL=C

build=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stage=$(mktemp -d)
name=install-$$
daemon=

cleanup() {
	local status=$?

	[[ -z $daemon ]] || kill -KILL "$daemon" 2>/dev/null || :
	rm -rf "$stage" "/dev/shm/bcast.$name"{,.nodes,.lock}
	exit "$status"
}
trap cleanup EXIT

fail() {
	echo "install: error: $*" >&2
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

must_be_there() {
	local file

	for file; do
		[[ -n $(find "$stage" -path "*/$file") ]] ||
			fail "$file was not installed"
	done
}

# Only bcast_* may be seen of the library.
exports() {
	local strange

	strange=$(nm "$@" | awk 'NF == 3 && $2 ~ /[A-Z]/ && $2 != "U" &&
		$3 !~ /^bcast_/ { print $3 }')
	[[ -z $strange ]] || fail "${*: -1} exports $strange"
}

# run READER - it must print just what the daemon is sent.
run() {
	local sent=$stage/sent got=$stage/got reader

	rm -f "$stage/log" # of the run before
	"$bin/bcastd" --name "$name" --ring-size 1M --ingest 127.0.0.1:0 \
		--egress 127.0.0.1:0 2>"$stage/log" &
	daemon=$!
	poll grep -qs 'listening .* role=egress' "$stage/log" ||
		fail "bcastd does not start: $(<"$stage/log")"
	port=$(sed -n 's/.* addr=.*:\([0-9]*\) role=ingest$/\1/p' "$stage/log")
	# within the ring, so the reader may come at any time
	seq 1 50000 >"$sent"
	cat "$sent" >"/dev/tcp/127.0.0.1/$port"
	poll has_all || fail "the daemon did not get it all"
	"$1" "$name" >"$got" &
	reader=$!
	poll reader_has_all || fail "the reader did not get it all"
	kill -TERM "$daemon"
	wait "$daemon" || fail "bcastd: status $?"
	daemon=
	wait "$reader" || fail "$1: status $?"
	cmp "$sent" "$got"
}

has_all() {
	"$bin/bcast-shmstat" "$name" --json |
		grep -q "\"tail\": *$(stat -c %s "$stage/sent")\\b"
}

# It is told by the daemon's end to write what it still holds; what counts is
# that it is attached.
reader_has_all() {
	grep -q "bcast.$name" "/proc/$reader/maps" 2>/dev/null
}

# What find_package() finds is where it was put, and not where it was made for.
by_cmake() {
	cmake -S "$here" -B "$stage/cmake" -DCMAKE_C_FLAGS=-Werror \
		-Dbcast_DIR="${so%/*}/cmake/bcast" >/dev/null
	cmake --build "$stage/cmake" >/dev/null
}

uses_library() {
	local program

	for program; do
		readelf -d "$program" | grep -q 'NEEDED.*libbcast' ||
			fail "$program does not use libbcast.so"
	done
}

# What was edited is not written over when it is installed again.
keeps_configuration() {
	local file

	file=$(find "$stage" -path '*/etc/bcast/default.conf')
	echo '# mine' >"$file"
	DESTDIR=$stage cmake --install "$build" >/dev/null
	[[ $(<"$file") == '# mine' ]] || fail "$file was written over"
}

# As who is not root does it: nothing is put elsewhere.
takes_a_prefix() {
	local prefix=$stage/home/bcast

	cmake --install "$build" --prefix "$prefix" >"$stage/installed"
	! grep -E '^-- (Installing|Up-to-date): ' "$stage/installed" |
		grep -v " $prefix/" || fail "not all went to --prefix"
	rm -rf "${prefix:?}"
}

DESTDIR=$stage cmake --install "$build"
must_be_there bin/bcastd bin/bcast-{doctor,node,ping,pub,shmstat,sub,tail} \
	include/bcast/{base,bcast,client,echo,message,monitor,node}.h \
	include/bcast/{packet,publisher,reader}.h include/bcast/fields.def \
	bash-completion/completions/bcast{d,-doctor,-node,-ping,-pub,-shmstat,-sub,-tail} \
	libbcast.so libbcast.a pkgconfig/bcast.pc \
	cmake/bcast/bcast-{config,config-version,targets}.cmake \
	man1/bcast-{doctor,node,ping,pub,shmstat,sub,tail}.1 man7/bcast.7 \
	man8/bcastd.8 systemd/system/bcastd@.service sysusers.d/bcast.conf \
	etc/bcast/default.conf
bin=$(dirname "$(find "$stage" -path '*/bin/bcastd')")
so=$(find "$stage" -name libbcast.so)
archive=$(find "$stage" -name libbcast.a)
pc=$(find "$stage" -name bcast.pc)
export PKG_CONFIG_PATH=${pc%/*}
exports -D --defined-only "$so"
exports -g --defined-only "$archive"

read -ra cflags < <(pkg-config --cflags bcast)
read -ra libs < <(pkg-config --libs bcast)
cc -std=c11 -Wall -Wextra -Werror -pedantic "${cflags[@]}" "$here/reader.c" \
	"${libs[@]}" -o "$stage/reader-shared"
mapfile -t private < <(pkg-config --static --libs-only-l bcast |
	tr ' ' '\n' | sed '/^-lbcast$/d; /^$/d')
cc -std=c11 "${cflags[@]}" "$here/reader.c" "$archive" "${private[@]}" \
	-o "$stage/reader-static"
by_cmake
uses_library "$stage/reader-shared" "$stage/cmake/reader-cmake"
for header in "$here"/../../include/bcast/*.h; do
	line="#include <bcast/${header##*/}>"
	echo "$line" | cc -std=c11 -Wall -Wextra -Werror -pedantic \
		"${cflags[@]}" -fsyntax-only -x c -
	! command -v c++ >/dev/null || echo "$line" |
		c++ -std=c++11 -Wall -Wextra -Werror -pedantic \
			"${cflags[@]}" -fsyntax-only -x c++ -
done
LD_LIBRARY_PATH=${so%/*} run "$stage/reader-shared"
run "$stage/reader-static"
run "$stage/cmake/reader-cmake"
run "$stage/cmake/reader-cmake-static"
keeps_configuration
takes_a_prefix
