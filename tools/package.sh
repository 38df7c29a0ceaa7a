#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# package.sh - the Debian packages, from a fresh clone, by one command.
#
# Built as Debian builds (dpkg-buildflags, no rpath), without the tests: those
# are check.sh's. What is in the packages, and what they do when they come and
# go, is in tools/package.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/packages.sh
. "$root/tools/packages.sh"

build=$root/build/package

usage() {
	cat <<-END
	Usage: tools/package.sh
	Build the Debian packages bcast, libbcast0 and libbcast-dev, into
	build/package. Installs missing Debian packages first (as root, or by
	sudo). DEBFULLNAME and DEBEMAIL say who makes them.

	  --help   print this and exit
	END
}

# logged COMMAND... - say nothing, unless it fails.
logged() {
	"$@" >"$build/package.log" 2>&1 </dev/null && return
	tail -n 40 "$build/package.log" >&2
	echo "package.sh: failed: $*" >&2
	exit 1
}

configure() {
	local contact=()

	[[ -z ${DEBEMAIL:-} ]] || contact=("-DCPACK_PACKAGE_CONTACT=$(
		)${DEBFULLNAME:-bcast maintainers} <$DEBEMAIL>")
	eval "$(DEB_BUILD_MAINT_OPTIONS=hardening=+all \
		dpkg-buildflags --export=sh)"
	cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
		-DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_SYSCONFDIR=/etc \
		-DCMAKE_SKIP_INSTALL_RPATH=ON \
		-DCMAKE_C_FLAGS="$CPPFLAGS $CFLAGS" \
		-DBCAST_TESTS=OFF -DBCAST_BENCH=OFF "${contact[@]}"
}

case $*:$# in
:0) ;;
--help:1 | -h:1)
	usage
	exit 0
	;;
*)
	echo "package.sh: '$*' is not an option; see --help" >&2
	exit 64
	;;
esac
mkdir -p "$build"
packages_install "$build/packages.log" "${packages_build[@]}" \
	"${packages_package[@]}"
echo "building    $build"
logged configure
logged cmake --build "$build"
rm -f "$build"/*.deb
(cd "$build" && logged cpack)
ls "$build"/*.deb
