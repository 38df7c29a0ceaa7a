#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check.sh - install what is needed, build, run the tests.
#
# Without options: what one wants to know before a commit, by gcc: everything
# under ASan and UBSan, then everything as a release. With --full, what CI
# runs: clang too, TSan, the linters, and what gets installed. Slow tests run
# in two builds that differ in all that matters (gcc, Debug, sanitizers; clang,
# Release); the others run the unit tests only, or the check would take longer
# than anybody waits.
#
# One line a step when all is well. Of a step that fails, the end of its log;
# the steps that do not need it go on.
set -uo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/packages.sh
. "$root/tools/packages.sh"

logs=$root/build/check
full=0
failed=()
summaries=()

usage() {
	cat <<-END
	Usage: tools/check.sh [--full]
	Build bcast and run its tests. Installs missing Debian packages first
	(as root, or by sudo). Builds under build/.

	  --full   also clang, TSan, linters and the installed files, as CI does
	  --help   print this and exit
	END
}

# ---- Steps -----------------------------------------------------------------

# The failing part of a log: what compilers, cmocka and sanitizers say, and of
# others the end.
show() {
	local log=$1
	local telling='(error|ERROR|WARNING|SUMMARY):|\[  (ERROR|FAILED) |\*\*\*'

	if grep -qE "$telling" "$log"; then
		grep -E -A 3 "$telling" "$log" | head -n 60
	else
		tail -n 40 "$log"
	fi | sed 's/^/    /'
	echo "    (all of it: $log)"
}

# step NAME COMMAND... - one line about it. False if it failed.
step() {
	local name=$1 started=$SECONDS status=0
	shift

	"$@" >"$logs/$name.log" 2>&1 </dev/null || status=$?
	if ((status == 0)); then
		printf 'ok     %-22s %4d s\n' "$name" $((SECONDS - started))
		return 0
	fi
	printf 'FAILED %-22s %4d s\n' "$name" $((SECONDS - started))
	show "$logs/$name.log"
	failed+=("$name")
	return 1
}

# build NAME COMPILER TYPE [OPTION...] - into build/NAME, warnings are errors.
# Only what $target says, if it is set.
build() {
	local name=$1 compiler=$2 type=$3
	shift 3

	cmake -S "$root" -B "$root/build/$name" -G Ninja \
		-DCMAKE_C_COMPILER="$compiler" -DCMAKE_BUILD_TYPE="$type" \
		-DBCAST_WERROR=ON "$@" &&
		cmake --build "$root/build/$name" --target "${target:-all}"
}

# TSan cannot place its shadow where the kernel randomises too many bits.
fixed_addresses() {
	if setarch -R true 2>/dev/null; then
		setarch -R "$@"
	else
		"$@"
	fi
}

# Many tests mostly wait, so twice as many as there are processors. One that
# fails is run once more, since a machine may be held up for seconds; it is
# named at the end all the same (unsteady).
run_ctest() {
	local name=$1
	shift

	UBSAN_OPTIONS=print_stacktrace=1 fixed_addresses \
		ctest --test-dir "$root/build/$name" -j "$((2 * $(nproc)))" \
		--output-on-failure --no-tests=error --repeat until-pass:2 "$@"
}

# unsteady NAME - tests of that build that passed only when run once more.
unsteady() {
	sed -n 's/.* Test *#[0-9]*: \([^ ]*\) .*\*\*\*\(Failed\|Timeout\|Exception\).*/\1/p' \
		"$logs/$1-tests.log" | sort -u |
		sed 's/^/    passed only when run again: /'
}

# tests NAME [CTEST OPTION...]
tests() {
	local name=$1

	step "$name-tests" run_ctest "$@"
	summaries+=("$(grep -h 'tests passed' "$logs/$name-tests.log"
		unsteady "$name")")
}

build_and_test() {
	local name=$1 compiler=$2 type=$3 sanitize=$4
	shift 4

	step "$name-build" build "$name" "$compiler" "$type" \
		-DBCAST_SANITIZE="$sanitize" && tests "$name" "$@"
}

# ---- Linters ---------------------------------------------------------------

product=(include shm net src tools)
folders=("${product[@]}" tests bench)

sources() {
	find "${folders[@]}" -name '*.[ch]' "$@"
}

check_format() {
	sources -print0 | xargs -0 clang-format --dry-run -Werror
}

# One process a file: clang-tidy 14 carries state from one to the next, and
# then finds things that are not there. Not the tests: in cmocka's macros it
# loses its way.
check_tidy() {
	find "${product[@]}" -name '*.c' -print0 |
		xargs -0 -P "$(nproc)" -n 1 clang-tidy -quiet \
			-p build/clang-release
}

scripts() {
	grep -rlE '^#!.*[ /](ba)?sh$' "${folders[@]}" .ci
}

check_scripts() {
	scripts | xargs shellcheck -x &&
		find "${folders[@]}" -name '*.py' -print0 | xargs -0r python3 -c '
import ast, sys
for path in sys.argv[1:]:
    ast.parse(open(path).read(), path)'
}

check_spelling() {
	# .TE ends a table of a manual
	codespell -L te README.md CMakeLists.txt "${product[@]}" bench
}

check_manuals() {
	local found

	# the pages carry the version, and no date on purpose
	found=$(mandoc -T lint -W warning build/gcc-release/man/*.[1-8] |
		grep -v 'missing date')
	[[ -z $found ]] && return
	echo "$found"
	return 1
}

run_linters() {
	step format check_format
	step scripts check_scripts
	step spelling check_spelling
}

# ---- Ways through ----------------------------------------------------------

# Tests of the daemon run again with --backend epoll and with --egress-threads:
# each of the two in one of the builds.
release_tests=(-E '_threads$')
sanitize_tests=(-LE model -E '_epoll$|^bench/')

check_short() {
	build_and_test gcc-release gcc Release '' "${release_tests[@]}"
	build_and_test gcc-sanitize gcc Debug address,undefined \
		"${sanitize_tests[@]}"
}

check_full() {
	run_linters
	# tests and benchmarks are compiled by gcc with the sanitizers, below
	if step gcc-release-build build gcc-release gcc Release \
		-DBCAST_TESTS=OFF -DBCAST_BENCH=OFF; then
		step manuals check_manuals
		step install tests/install/install.sh build/gcc-release
	fi
	step package-build tools/package.sh &&
		step package tests/package/package.sh build/package
	# by clang: gcc has no fences under TSan, and warns
	target=tests/shm/all \
		build_and_test clang-thread clang Debug thread -R '^shm/'
	# with LTO for each test it would take a minute more; gcc's build has it
	step clang-release-build build clang-release clang Release \
		-DBCAST_LTO=OFF && tests clang-release "${release_tests[@]}" &&
		step tidy check_tidy
	# clang's sanitizers find other things than gcc's
	step fuzz-build build fuzz clang Debug -DBCAST_FUZZ=ON \
		-DBCAST_SANITIZE=address,undefined -DBCAST_BENCH=OFF &&
		tests fuzz -L 'fuzz|unit'
	# the models do not depend on how we are built: once is enough
	build_and_test gcc-sanitize gcc Debug address,undefined \
		"${sanitize_tests[@]}"
}

main() {
	local packages=("${packages_build[@]}" "${packages_test[@]}")

	case $*:$# in
	:0) ;;
	--full:1) full=1 ;;
	--help:1 | -h:1)
		usage
		exit 0
		;;
	*)
		echo "check.sh: '$*' is not an option; see --help" >&2
		exit 64
		;;
	esac
	cd "$root" || exit 1
	mkdir -p "$logs"
	((full == 0)) || packages+=("${packages_full[@]}")
	packages_install "$logs/packages.log" "${packages[@]}" || exit 1
	if ((full)); then
		check_full
	else
		check_short
	fi
	if ((${#failed[@]} > 0)); then
		echo "check.sh: ${#failed[@]} steps failed after $SECONDS s:" \
			"${failed[*]}" >&2
		exit 1
	fi
	echo "All is well, after $SECONDS s. The summaries of ctest:"
	printf '%s\n' "${summaries[@]}"
}

main "$@"
