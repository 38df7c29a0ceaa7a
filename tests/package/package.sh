#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# package.sh FOLDER - the packages in there come, work and go without a trace.
#
# What is in them is looked at by anybody; the rest needs root, and a system
# where bcast is not installed: it is installed here and purged again. In
# between, the very ExecStart= line of the unit is run as its user, with this
# test in systemd's place (which is not PID 1 where tests run): NOTIFY_SOCKET,
# no capabilities, no new privileges. strace writes down every system call that
# the daemon makes, and each has to be one that the unit allows.
set -euo pipefail
export LC_ALL=C

folder=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
name=package-$$
conf=/etc/bcast/$name.conf
address=@bcast-package-$$
daemon=
manager=
installed=

fail() {
	echo "package: error: $*" >&2
	for log in "$work/log" "$work/told"; do
		[[ ! -s $log ]] || tail -n 20 "$log" >&2
	done
	exit 1
}

cleanup() {
	local status=$?

	[[ -z $daemon ]] || end "$daemon" KILL
	[[ -z $manager ]] || end "$manager" KILL
	[[ -z $installed ]] || purge >/dev/null 2>&1 || :
	rm -rf "$work" "/dev/shm/bcast.$name"{,.nodes,.lock}
	exit "$status"
}
trap cleanup EXIT

# poll CONDITION... - until it holds, for 20 s.
poll() {
	local deadline=$((SECONDS + 20))

	until "$@"; do
		((SECONDS < deadline)) || return 1
		sleep 0.02
	done
}

# end PID SIGNAL - and wait for it. (What is started is disowned, or bash would
# report how it ended.)
end() {
	kill "-$2" "$1" 2>/dev/null || :
	poll has_ended "$1"
}

has_ended() {
	! kill -0 "$1" 2>/dev/null
}

purge() {
	dpkg --purge bcast libbcast-dev libbcast0
}

# ---- What is in them -------------------------------------------------------

# holds PACKAGE PATH... - these are in it, as ends of paths.
holds() {
	local package=$1 path files
	shift

	files=$(dpkg-deb --fsys-tarfile "$folder/$package"_*.deb | tar -t)
	for path; do
		grep -q -- "$path\$" <<<"$files" ||
			fail "$package does not hold $path"
	done
	for path in "doc/$package/copyright" "doc/$package/changelog.Debian.gz"; do
		grep -q -- "$path\$" <<<"$files" ||
			fail "$package does not hold $path"
	done
	! grep -vE '^\./((etc|usr)/|$)' <<<"$files" ||
		fail "$package has files where they do not belong"
}

check_contents() {
	holds bcast bin/bcastd bin/bcast-{doctor,node,ping,pub,shmstat,sub,tail} \
		man1/bcast-tail.1.gz man7/bcast.7.gz man8/bcastd.8.gz \
		completions/bcastd etc/bcast/default.conf \
		systemd/system/bcastd@.service sysusers.d/bcast.conf
	holds libbcast0 'libbcast\.so\.0'
	holds libbcast-dev include/bcast/bcast.h libbcast.so libbcast.a \
		pkgconfig/bcast.pc cmake/bcast/bcast-config.cmake
	! command -v lintian >/dev/null ||
		lintian --fail-on error --suppress-tags bogus-mail-host \
			--allow-root "$folder"/*.deb >"$work/lintian" 2>&1 ||
		fail "lintian: $(grep '^E:' "$work/lintian")"
}

# ---- The unit --------------------------------------------------------------

unit=/usr/lib/systemd/system/bcastd@.service

# setting KEY - what the unit says, for our stream.
setting() {
	sed -n "s/^$1=//p" "$unit" | sed "s/%i/$name/g"
}

# All system calls that the unit allows; a group's line may name groups.
allowed() {
	local queue=("$@") word

	while ((${#queue[@]} > 0)); do
		word=${queue[0]}
		queue=("${queue[@]:1}")
		if [[ $word == @* ]]; then
			mapfile -t -O "${#queue[@]}" queue < <(
				systemd-analyze syscall-filter "$word" \
					2>/dev/null | sed -n 's/^    \([@a-z0-9_-]*\)$/\1/p')
		else
			echo "$word"
		fi
	done
}

check_unit() {
	systemd-analyze verify "bcastd@$name.service" ||
		fail "systemd-analyze verify"
	# of 100, where 0 is best and 96 is a unit without any of it
	systemd-analyze security --offline=true --threshold=20 \
		"bcastd@$name.service" >"$work/security" ||
		fail "the unit allows too much: $(tail -n 1 "$work/security")"
}

check_calls() {
	local made forbidden words

	read -ra words < <(setting SystemCallFilter)
	# with those of setpriv, which were made before
	made=$(sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$work"/calls |
		sort -u)
	[[ $made == *epoll_wait* || $made == *io_uring_enter* ]] ||
		fail "strace has seen nothing"
	forbidden=$(comm -23 <(echo "$made") <(allowed "${words[@]}" | sort -u))
	[[ -z $forbidden ]] || fail "the unit forbids $forbidden"
}

# ---- The service -----------------------------------------------------------

start_manager() {
	: >"$work/told"
	python3 "$here/manager.py" "$address" >"$work/told" &
	manager=$!
	disown
	poll grep -q listening "$work/told" || fail "no manager"
}

was_told() {
	grep -q -- "$1" "$work/told"
}

start_service() {
	local line trace=()

	! command -v strace >/dev/null ||
		trace=(strace -f -qq -a 1 -s 0 -o "$work/calls")
	read -ra line < <(setting ExecStart)
	: >"$work/log"
	: >"$work/told"
	NOTIFY_SOCKET=$address WATCHDOG_USEC=1000000 "${trace[@]}" \
		setpriv --reuid="$(setting User)" --regid="$(setting Group)" \
		--clear-groups --bounding-set=-all --inh-caps=-all \
		--no-new-privs "${line[@]}" 2>"$work/log" </dev/null &
	daemon=$!
	disown
	poll was_told READY=1 || fail "the service is not ready"
	# of strace, it is a child, and signals go to the child
	! command -v strace >/dev/null || daemon=$(pgrep -u bcast -x bcastd)
}

has_records() {
	(($(wc -l <"$1") == records))
}

port_of() {
	sed -n "s/.* addr=.*:\([0-9]*\) role=$1\b.*/\1/p" "$work/log"
}

records=1000

# What one publishes, a local reader and a TCP client get.
smoke() {
	local port readers=() file

	port=$(port_of packet)
	seq "$records" >"$work/sent"
	bcast-pub "$name" <"$work/sent"
	bcast-tail --from oldest --lines "$name" >"$work/local" &
	readers+=($!)
	disown
	bcast-sub --from oldest "127.0.0.1:$port" >"$work/remote" &
	readers+=($!)
	disown
	for file in "$work/local" "$work/remote"; do
		poll has_records "$file" || fail "$file is not complete"
		cmp "$work/sent" "$file" || fail "$file is not what was sent"
	done
	bcast-shmstat --json "$name" >"$work/state"
	grep -q '"state": *"live"' "$work/state" || fail "bcast-shmstat"
	exec 5<>"/dev/tcp/127.0.0.1/$(port_of admin)"
	printf 'GET /readyz HTTP/1.0\r\n\r\n' >&5
	grep -q '^HTTP/1.[01] 200' <&5 || fail "--admin is not ready"
	exec 5<&-
	end "${readers[0]}" TERM
	end "${readers[1]}" TERM
}

# As after an update. Who is the service then, the manager is told.
change_program() {
	kill -USR2 "$daemon"
	poll was_told MAINPID= || fail "no successor"
	end "$daemon" 0 || fail "the one before has not ended"
	daemon=$(sed -n 's/.*MAINPID=//p' "$work/told")
	: >"$work/told"
	poll was_told WATCHDOG=1 || fail "the successor does not tell"
}

run_service() {
	cat >"$conf" <<-END
	format = packet
	ring-size = 1M
	packet = 127.0.0.1:0
	admin = 127.0.0.1:0
	END
	start_manager
	start_service
	poll was_told WATCHDOG=1 || fail "the watchdog was not told"
	smoke
	poll was_told STATUS= || fail "no status"
	change_program
	end "$daemon" TERM || fail "the service does not stop"
	was_told STOPPING=1 || fail "the end was not told"
	[[ ! -e /dev/shm/bcast.$name ]] || fail "the segment was left"
	! command -v strace >/dev/null || check_calls
	start_service # and what is left of this one, goes with the user
	end "$daemon" KILL || fail "SIGKILL did not end it"
	daemon=
	[[ -e /dev/shm/bcast.$name ]] || fail "the segment did not survive"
}

# What libbcast-dev is for.
build_program() {
	local flags

	read -ra flags < <(pkg-config --cflags --libs bcast)
	cc -Werror "$here/../install/reader.c" "${flags[@]}" -o "$work/reader"
}

# ---- Coming and going ------------------------------------------------------

# Other tests have objects in /dev/shm of their own; these are of the package.
traces() {
	find /etc /usr /var /run /lib/systemd -xdev -name '*bcast*' \
		-not -path '/var/cache/*' | sort
	getent passwd bcast || :
	getent group bcast || :
}

install_packages() {
	traces >"$work/before"
	installed=yes
	dpkg -i "$folder"/*.deb >"$work/dpkg" 2>&1 ||
		fail "dpkg: $(tail "$work/dpkg")"
	[[ $(getent passwd bcast) == *:/usr/sbin/nologin ]] ||
		fail "there is no user"
	! pgrep -u bcast || fail "something was started without being asked"
	bcastd --check-config --config /etc/bcast/default.conf >/dev/null ||
		fail "default.conf"
}

purge_packages() {
	purge >"$work/dpkg" 2>&1 || fail "purge: $(tail "$work/dpkg")"
	installed=
	traces >"$work/after"
	diff "$work/before" "$work/after" || fail "something was left"
	! compgen -G "/dev/shm/bcast.$name*" || fail "memory was left"
}

check_contents
if [[ $(id -u) != 0 ]]; then
	echo "package: only looked into the packages: not root"
elif getent passwd bcast >/dev/null || command -v bcastd >/dev/null; then
	echo "package: only looked into the packages: bcast is installed here"
else
	install_packages
	check_unit
	build_program
	run_service
	purge_packages
fi
