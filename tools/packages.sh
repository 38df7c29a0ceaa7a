# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# packages.sh - what demo.sh, check.sh and package.sh need from Debian, and its
# way in.
#
# To be sourced. The lists are here once, so that what the demo installs, what
# the tests install and what the README says to install cannot differ much.

packages_build=(gcc libc6-dev cmake ninja-build pkg-config liburing-dev
	libinih-dev libisal-dev libjson-c-dev libmicrohttpd-dev libncurses-dev
	libnuma-dev)
packages_demo=(jq openssl)
packages_package=(dpkg-dev file)
packages_test=(libcmocka-dev spin)
packages_full=(clang libclang-rt-dev llvm clang-format clang-tidy shellcheck
	codespell mandoc python3 prometheus strace systemd "${packages_package[@]}")

# packages_missing PACKAGE... - print those that are not installed.
packages_missing() {
	local package

	for package; do
		case $(dpkg-query -W -f='${db:Status-Status}' "$package" \
			2>/dev/null) in
		installed) ;;
		*) echo "$package" ;;
		esac
	done
}

as_root() {
	if [[ $(id -u) == 0 ]]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		return 1
	fi
}

# packages_install LOG PACKAGE... - see to it that all are installed. With none
# missing, nothing is asked of the network, nor of sudo.
packages_install() {
	local log=$1 missing
	shift

	if ! command -v dpkg-query >/dev/null; then
		echo "This is not Debian: what is needed is assumed to be there" \
			"($*)." >&2
		return 0
	fi
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]} > 0)) || return 0
	echo "installing  ${missing[*]}"
	if as_root env DEBIAN_FRONTEND=noninteractive sh -c '
		apt-get update -q &&
		apt-get install -q -y --no-install-recommends "$@"' \
		apt "${missing[@]}" >"$log" 2>&1 </dev/null; then
		return 0
	fi
	tail -n 20 "$log" >&2
	echo "Cannot install: as root, run: apt-get install ${missing[*]}" >&2
	return 1
}
