#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tune.sh TUNE - tools/tune.sh on a machine that is a folder of files.
#
# What it writes must come back bit for bit, so the folder is compared with a
# copy of how it was. What a kernel would refuse is played by /proc/version,
# which not even root can write.
set -uo pipefail
export LC_ALL=C

tune=$1
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
failures=0

complain() {
	echo "$test: $*" >&2
	failures=$((failures + 1))
}

put() {
	mkdir -p "$(dirname "$here/root$1")"
	printf '%s\n' "$2" >"$here/root$1"
}

value() {
	cat "$here/root$1"
}

# run STATUS OPTION... - and that must be its status.
run() {
	local expected=$1 status=0
	shift

	"$tune" --root "$here/root" "$@" >"$here/out" 2>"$here/err" ||
		status=$?
	((status == expected)) ||
		complain "$*: status $status: $(cat "$here/out" "$here/err")"
}

says() {
	grep -q -- "$1" "$here/out" "$here/err" ||
		complain "does not say '$1': $(cat "$here/out" "$here/err")"
}

holds() {
	[[ $(value "$1") == "$2" ]] || complain "$1 is '$(value "$1")', not '$2'"
}

core=/proc/sys/net/core
ipv4=/proc/sys/net/ipv4
cpus=/sys/devices/system/cpu
poll=/sys/module/haltpoll/parameters/guest_halt_poll_ns

# A machine as it comes, with one value that is better than ours.
set_up() {
	rm -rf "$here/root" "$here/before"
	put $core/rmem_max 212992
	put $core/wmem_max 212992
	put $core/netdev_max_backlog 1000
	put $core/somaxconn 65535
	put $core/default_qdisc pfifo_fast
	put $core/busy_read 0
	put $ipv4/tcp_rmem $'4096\t131072\t6291456'
	put $ipv4/tcp_wmem $'4096\t16384\t4194304'
	put $ipv4/tcp_mem $'10\t20\t1000000'
	put $ipv4/tcp_max_syn_backlog 2048
	put $ipv4/tcp_slow_start_after_idle 1
	put $ipv4/tcp_congestion_control bbr
	put /proc/sys/fs/nr_open 1048576
	put /proc/sys/fs/file-max 9223372036854775807
	put /proc/meminfo 'MemTotal:       16777216 kB'
	put $cpus/cpu0/cpufreq/scaling_governor powersave
	put $cpus/cpu1/cpufreq/scaling_governor schedutil
	put $cpus/cpuidle/current_driver haltpoll
	put $poll 0
	cp -r "$here/root" "$here/before"
}

same_as_before() {
	diff -r "$here/before" "$here/root" >&2 || complain "not as before"
}

# ---- What is claimed -------------------------------------------------------

printing_changes_nothing() {
	run 0
	says 'change   net.core.rmem_max: 212992 -> 33554432'
	says 'good     net.core.somaxconn: 65535'
	says 'change   CPU governor: powersave -> performance'
	same_as_before
}

apply_raises_and_never_lowers() {
	run 0 --apply
	holds $core/rmem_max 33554432
	holds $core/somaxconn 65535
	holds $ipv4/tcp_rmem '4096 131072 33554432'
	holds $ipv4/tcp_wmem $'4096\t16384\t4194304'
	holds $ipv4/tcp_mem '76800 102400 1000000'
	holds $ipv4/tcp_slow_start_after_idle 0
	holds $core/default_qdisc fq
	holds /proc/sys/fs/file-max 9223372036854775807
	holds $cpus/cpu0/cpufreq/scaling_governor performance
	holds $cpus/cpu1/cpufreq/scaling_governor performance
	holds $poll 200000
	run 0
	says 'Nothing to change'
}

undo_brings_every_value_back() {
	run 0 --apply
	run 0 --undo
	says 'net.ipv4.tcp_mem: back to 10 20 1000000'
	same_as_before_but_for_run
}

same_as_before_but_for_run() {
	[[ ! -e $here/root/run/bcast-tune.saved ]] || complain "state is left"
	rmdir "$here/root/run"
	same_as_before
}

second_apply_keeps_the_first_values() {
	run 0 --apply
	put $core/rmem_max 300000
	run 0 --apply --rate 100
	run 0 --undo
	same_as_before_but_for_run
}

undo_without_apply_says_so() {
	run 1 --undo
	says 'nothing to undo'
	run 0 --apply
	run 0 --undo
	run 1 --undo
	says 'nothing to undo'
}

absent_setting_is_told_and_the_others_are_set() {
	rm "$here/root$core/rmem_max"
	run 1
	says 'absent   net.core.rmem_max'
	run 1 --apply
	says 'cannot read .*rmem_max'
	holds $core/wmem_max 33554432
}

refused_setting_is_told_and_the_others_are_set() {
	ln -sf /proc/version "$here/root$ipv4/tcp_slow_start_after_idle"
	run 1 --apply
	says 'tcp_slow_start_after_idle: the kernel refuses 0'
	holds $core/default_qdisc fq
	holds $poll 200000
}

what_cannot_be_put_back_is_kept_for_another_try() {
	local path=$here/root$core/rmem_max

	run 0 --apply
	rm "$path"
	mkdir "$path"
	run 1 --undo
	says 'rmem_max: cannot put back 212992'
	holds $core/wmem_max 212992
	rmdir "$path"
	run 0 --undo
	same_as_before_but_for_run
}

what_does_not_matter_here_is_left_alone() {
	put $ipv4/tcp_congestion_control cubic
	run 0
	says 'not here net.core.default_qdisc'
	run 0 --apply
	holds $core/default_qdisc pfifo_fast
	put $cpus/cpuidle/current_driver intel_idle
	put $poll 0
	run 0 --apply
	holds $poll 0
}

more_receivers_need_more_socket_memory() {
	run 0 --receivers 1000
	says 'tcp_mem: 10 20 1000000 -> 768000 1024000 1536000'
	# a quarter of 16 GiB, whatever is asked for
	run 0 --receivers 1024
	says 'tcp_mem: .* -> 786432 1048576 1572864'
	run 0 --receivers 1025
	says 'tcp_mem: .* -> 786432 1048576 1572864'
	run 0 --receivers 65536
	says 'tcp_mem: .* -> 786432 1048576 1572864'
}

persisted_are_the_sysctls_that_change() {
	local file=$here/root/etc/sysctl.d/60-bcast.conf

	run 0 --persist
	says 'rm it'
	cp "$file" "$here/first"
	grep -qx 'net.ipv4.tcp_mem = 76800 102400 1000000' "$file" ||
		complain "$(cat "$file")"
	! grep -q 'somaxconn\|governor\|guest_halt' "$file" ||
		complain "too much in it: $(cat "$file")"
	# after --apply there is no difference left to see
	run 0 --apply
	run 0 --persist
	cmp "$here/first" "$file" || complain "not the same after --apply"
	run 0 --undo
	says '60-bcast.conf is still there'
}

somebody_elses_file_stays() {
	put /etc/sysctl.d/60-bcast.conf 'vm.swappiness = 1'
	run 1 --persist
	says "somebody else's"
	holds /etc/sysctl.d/60-bcast.conf 'vm.swappiness = 1'
}

bad_options_are_refused() {
	run 64 --frobnicate
	run 64 --apply --undo
	run 64 --receivers
	run 64 --receivers 0
	run 0 --receivers 1
	run 0 --receivers 65536
	run 64 --receivers 65537
	run 64 --rate x
	run 64 --rate 401
	run 0 --rate 400
	run 0 --help
	same_as_before
}

for test in printing_changes_nothing apply_raises_and_never_lowers \
	undo_brings_every_value_back second_apply_keeps_the_first_values \
	undo_without_apply_says_so \
	absent_setting_is_told_and_the_others_are_set \
	refused_setting_is_told_and_the_others_are_set \
	what_cannot_be_put_back_is_kept_for_another_try \
	what_does_not_matter_here_is_left_alone \
	more_receivers_need_more_socket_memory \
	persisted_are_the_sysctls_that_change somebody_elses_file_stays \
	bad_options_are_refused; do
	set_up
	"$test"
done
((failures == 0)) || exit 1
