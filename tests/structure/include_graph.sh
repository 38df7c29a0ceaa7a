#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# include_graph.sh SOURCE PATHS COMPILER - the layers are what they say.
#
#	tools --> include <-- shm <-- net <-- src
#
# Two kinds of proof. A forbidden include does not compile: each layer's own
# include path (PATHS/LAYER.path, from CMake) is tried with a header of each
# other layer, the permitted ones too, so that a path that finds nothing cannot
# pass. And what a compiler would let through is searched for: includes with
# "..", and things that one file only may do.
set -uo pipefail
export LC_ALL=C

source=$1
paths=$2
compiler=$3
failures=0

complain() {
	echo "include_graph: $*" >&2
	failures=$((failures + 1))
}

# ---- What compiles ---------------------------------------------------------

compiles() {
	local layer=$1 header=$2 flags=()

	mapfile -t flags < <(sed -n 's/^\(..*\)$/-I\1/p' "$paths/$layer.path")
	printf '#include %s\n' "$header" |
		"$compiler" -std=gnu17 -D_GNU_SOURCE "${flags[@]}" \
			-fsyntax-only -x c - >"$paths/output" 2>&1
}

allows() {
	compiles "$1" "$2" && return
	complain "$1 cannot include $2:"
	head -n 3 "$paths/output" >&2
}

forbids() {
	if compiles "$1" "$2"; then
		complain "$1 must not be able to include $2"
	elif ! grep -q 'file not found\|No such file' "$paths/output"; then
		complain "$1 including $2 fails for another reason:"
		head -n 3 "$paths/output" >&2
	fi
}

check_paths() {
	local layer

	for layer in shm net src tools; do
		allows $layer '<bcast/bcast.h>'
	done
	allows shm '"shm/ring.h"'
	forbids shm '"net/conn.h"'
	forbids shm '"src/config.h"'
	allows net '"shm/ring.h"'
	allows net '"net/conn.h"'
	forbids net '"src/config.h"'
	allows src '"shm/ring.h"'
	allows src '"net/conn.h"'
	allows src '"src/config.h"'
	forbids tools '"shm/ring.h"'
	forbids tools '"net/conn.h"'
	forbids tools '"src/config.h"'
}

# ---- What is written -------------------------------------------------------

# only WHAT PATTERN FILES WHERE...: in the folders WHERE, PATTERN occurs in
# files whose path matches FILES, and nowhere else.
only() {
	local what=$1 pattern=$2 files=$3 found
	shift 3

	found=$(cd "$source" && grep -rnE --include='*.[ch]' --include='*.def' \
		-- "$pattern" "$@" | grep -vE "^($files):")
	[[ -z $found ]] || complain "$what:"$'\n'"$found"
}

check_text() {
	local all=(include shm net src tools tests bench)
	local product=(include shm net src tools)
	local include='^[[:space:]]*#[[:space:]]*include[[:space:]]*'
	local call='(^|[^a-z_"])'

	only 'an include with ".."' "${include}[\"<][^\">]*\.\./" 'none' "${all[@]}"
	only 'an include of a layer by one who may see none' \
		"${include}[\"<](shm|net|src|tools|tests|bench)/" \
		'(shm|net|src|tests)/.*' "${all[@]}"
	only 'liburing outside the io_uring backend' "${include}[<\"]liburing" \
		'net/uring(_compat\.h|\.c)' "${product[@]}"
	only 'futex(2) outside shm/notify.c' 'SYS_futex|__NR_futex' \
		'shm/notify\.c' "${product[@]}"
	only 'shared memory made or mapped outside shm/' \
		"$call(shm_open|shm_unlink|mmap)\(" 'shm/.*' "${product[@]}"
	# the two of net point at words and rows in shared memory, whose types
	# stand there
	only 'the layout seen from where it is not to be seen' \
		"${include}\"shm/layout\.h\"" \
		'(shm|tests/shm)/.*|net/(backend|conn)\.h' "${all[@]}"
	only 'a public header that needs more than libc' "${include}\"" 'none' \
		include
}

check_paths
check_text
if ((failures > 0)); then
	echo "include_graph: $failures rules broken" >&2
	exit 1
fi
