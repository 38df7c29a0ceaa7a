#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tune.sh - what of this machine holds up 10 Gbit/s and more, and the cure.
#
# Prints settings of the kernel and the CPUs beside what we propose, and why.
# --apply sets them until the next start of the machine, and first keeps what
# was there, in a file under /run: that, too, is gone with the next start, when
# the values are. --undo puts exactly those back. A value that serves as well
# or better is left alone; nothing is ever lowered but what is on and should be
# off. What one command cannot put right or take back (interrupts, limits of a
# unit, mount options) is told and not done.
#
# "measured" in a reason: by us, over loopback, on a virtual machine with two
# CPUs; see bench/.
set -uo pipefail
export LC_ALL=C

state_path=/run/bcast-tune.saved
conf_path=/etc/sysctl.d/60-bcast.conf
conf_mark='# Written by tune.sh of bcast.'

root=
action=print
receivers=100
rate_gbit=10
trouble=0
changes=0
declare -a lines=() # of $conf_path

usage() {
	cat <<-END
	Usage: tools/tune.sh [OPTION]...
	Print the settings of this machine that matter to bcastd at 10 Gbit/s
	and more, with what is proposed and why. Changes nothing, unless asked.

	  --apply         set them now (as root), until the next start; what was
	                  there is kept in $state_path
	  --undo          put back what --apply found
	  --persist       write the sysctls to $conf_path
	  --receivers N   remote receivers at a time, 1 to 65536 ($receivers)
	  --rate G        of the network, in Gbit/s, 1 to 400 ($rate_gbit)
	  --root DIR      work on the files below DIR (for tests)
	  --help          print this and exit

	Exit status: 0 if all is well, 1 if something could not be read, set or
	put back, 64 for a bad option, 77 without permission.
	END
}

bad_usage() {
	echo "tune.sh: $*; see tools/tune.sh --help" >&2
	exit 64
}

complain() {
	echo "tune.sh: $*" >&2
	trouble=1
}

number() {
	local option=$1 value=$2 first=$3 last=$4

	if [[ ! $value =~ ^[0-9]{1,9}$ ]] || ((10#$value < first)) ||
		((10#$value > last)); then
		bad_usage "$option: '$value' is not from $first to $last"
	fi
}

# ---- Files -----------------------------------------------------------------

# The first line of a file, if it can be read.
content() {
	local line

	{ IFS= read -r line <"$1"; } 2>/dev/null && printf '%s' "$line"
}

# A setting may exist and yet be refused, for a value or altogether.
store() {
	local path=$1 value=$2

	{ printf '%s\n' "$value" >"$root$path"; } 2>/dev/null
}

saved_of() {
	local path=$1

	[[ -r $root$state_path ]] && awk -F '=' -v path="$path" '
		$1 == path { print substr($0, length(path) + 2); found = 1 }
		END { exit !found }' "$root$state_path"
}

# The first value counts: a second --apply finds our own.
save() {
	local path=$1 value=$2

	saved_of "$path" >/dev/null && return
	mkdir -p "$root${state_path%/*}" &&
		printf '%s=%s\n' "$path" "$value" >>"$root$state_path"
}

# ---- What is proposed ------------------------------------------------------

# target KIND PRESENT WANTED - the value to set. at_least: each number that is
# lower is raised, "-" stays as it is. exactly: as it says.
target() {
	local kind=$1 numbers least i

	if [[ $kind == exactly ]]; then
		echo "$3"
		return
	fi
	read -ra numbers <<<"$2"
	read -ra least <<<"$3"
	for i in "${!least[@]}"; do
		[[ ${least[i]} != - ]] || continue
		[[ ${numbers[i]:-} =~ ^[0-9]+$ ]] || continue
		((numbers[i] >= least[i])) || numbers[i]=${least[i]}
	done
	echo "${numbers[*]}"
}

name_of() {
	local path=${1#/proc/sys/}

	case $1 in
	/proc/sys/*) echo "${path//\//.}" ;;
	*/cpufreq/*) echo "CPU governor" ;;
	*) echo "${1##*/}" ;;
	esac
}

tell() {
	local verdict=$1 name=$2 values=$3 why=$4

	printf '%-8s %s: %s\n' "$verdict" "$name" "$values"
	fold -s -w 70 <<<"$why" | sed 's/ *$//; s/^/         /'
}

show_one() {
	local name=$1 present=$2 wanted=$3 why=$4 not_here=$5

	if [[ -n $not_here ]]; then
		tell 'not here' "$name" "$present" "$why ($not_here)"
	elif [[ $wanted == "$present" ]]; then
		tell good "$name" "$present" "$why"
	else
		tell change "$name" "$present -> $wanted" "$why"
		changes=$((changes + 1))
	fi
}

apply_one() {
	local path=$1 name=$2 present=$3 wanted=$4

	if ! save "$path" "$(content "$root$path")"; then
		complain "cannot write $root$state_path: $name is left alone"
	elif store "$path" "$wanted"; then
		echo "$name: $present -> $wanted"
	else
		complain "$name: the kernel refuses $wanted ($root$path)"
	fi
}

# one PATH KIND WANTED WHY [NOT_HERE] - a setting, whatever is asked of us.
# NOT_HERE says why it does not matter on this machine; it is then not set.
one() {
	local path=$1 kind=$2 wanted=$3 why=$4 not_here=${5:-} name present

	name=$(name_of "$path")
	if ! present=$(content "$root$path"); then
		[[ $action != print ]] ||
			tell absent "$name" "cannot be read" "$why"
		complain "$name: cannot read $root$path (containers hide some)"
		return
	fi
	# the kernel separates by tabs
	present=${present//$'\t'/ }
	wanted=$(target "$kind" "$present" "$wanted")
	if [[ $action == print ]]; then
		show_one "$name" "$present" "$wanted" "$why" "$not_here"
	elif [[ -n $not_here ]]; then
		:
	elif [[ $action == apply && $wanted != "$present" ]]; then
		apply_one "$path" "$name" "$present" "$wanted"
	elif [[ $action == persist && $path == /proc/sys/* ]]; then
		# what --apply has set already, too
		[[ $wanted != "$present" ]] || saved_of "$path" >/dev/null || return
		lines+=("$name = $wanted")
	fi
}

# hint NAME VALUES WHY - what is to be done by hand.
hint() {
	[[ $action != print ]] || tell 'by hand' "$@"
}

# ---- The settings ----------------------------------------------------------

# A power of two that holds what is under way in 25 ms: 32 MiB at 10 Gbit/s.
buffer_bytes() {
	local needed=$((rate_gbit * 1000000000 / 8 / 40)) size=$((4 << 20))

	while ((size < needed)); do
		size=$((size * 2))
	done
	echo "$size"
}

memory_bytes() {
	local kib

	kib=$(awk '$1 == "MemTotal:" { print $2 }' "$root/proc/meminfo" \
		2>/dev/null)
	echo $((${kib:-1048576} * 1024))
}

# Pages: what all sockets may hold. All receivers with a full buffer of 4 MiB,
# but no more than a quarter of the memory; the kernel's own proportions.
tcp_mem_pages() {
	local memory needed pressure

	memory=$(memory_bytes)
	needed=$((receivers * (4 << 20)))
	pressure=$(((needed < memory / 4 ? needed : memory / 4) / 4096))
	echo "$((pressure * 3 / 4)) $pressure $((pressure * 3 / 2))"
}

buffers() {
	local bytes core=/proc/sys/net/core ipv4=/proc/sys/net/ipv4

	bytes=$(buffer_bytes)
	one $core/rmem_max at_least "$bytes" "The most that --rcvbuf, and a\
 receiver's own SO_RCVBUF, can be without CAP_NET_ADMIN. A sender's connection\
 with less than 1 MiB was slower (measured)."
	one $core/wmem_max at_least "$bytes" "The most that --sndbuf can be\
 without CAP_NET_ADMIN."
	one $ipv4/tcp_rmem at_least "- - $bytes" "How far a receive buffer\
 grows by itself: what is under way in 25 ms at $rate_gbit Gbit/s. Counts on\
 the receivers' machines, and here for the sender."
	# more would let stalled receivers take all of tcp_mem
	one $ipv4/tcp_wmem at_least "- - $((4 << 20))" "How far a send buffer\
 grows by itself. 4 MiB: one stream over loopback made 2204 MB/s with it, 1959\
 with 256 KiB, 1449 with 64 KiB (measured). The ring is the queue, so more\
 helps only where the network is long: use --sndbuf there."
	one $ipv4/tcp_mem at_least "$(tcp_mem_pages)" "Pages that all TCP\
 sockets together may hold: $receivers receivers with 4 MiB each\
 (--receivers), at most a quarter of the memory. Beyond the second number\
 every connection of this machine suffers: 560 stalled receivers were enough\
 (measured, at 2.2 GiB)."
}

queues() {
	local core=/proc/sys/net/core ipv4=/proc/sys/net/ipv4
	local backlog=$((rate_gbit > 16 ? rate_gbit * 1000 : 16384))

	one $core/netdev_max_backlog at_least $backlog "Packets that wait for\
 a CPU; more are dropped. Those of loopback, and of RPS, pass here: one pass\
 to many receivers is a burst. Drops are the second column of\
 /proc/net/softnet_stat."
	one $core/somaxconn at_least 4096 "Connections that wait to be\
 accepted: bcastd asks for 4096, for when all receivers come back at once."
	one $ipv4/tcp_max_syn_backlog at_least 8192 "The same, before their\
 handshake is over."
	one $ipv4/tcp_slow_start_after_idle exactly 0 "Otherwise a stream that\
 pauses starts again with a small window, and each burst after it is late."
	one $core/default_qdisc exactly fq "BBR paces by this queue; without\
 it, by a timer for each connection. For interfaces that come up later: the\
 present ones need tc qdisc replace. Over loopback cubic made 38-51 Gbit/s\
 where BBR made 22-26 (measured); --congestion auto sees to that by itself." \
		"$(congestion_is_not_bbr)"
}

congestion_is_not_bbr() {
	local control

	control=$(content "$root/proc/sys/net/ipv4/tcp_congestion_control")
	[[ $control == bbr ]] ||
		echo "the congestion control is ${control:-unknown}"
}

descriptors() {
	local needed=$((receivers + 256)) limit

	one /proc/sys/fs/nr_open at_least 1048576 \
		"The most that a process's limit of descriptors can be."
	one /proc/sys/fs/file-max at_least $((needed * 4)) "Descriptors of all\
 processes together; a receiver takes one at each end."
	limit=$(ulimit -Hn)
	if [[ $limit != unlimited ]] && ((limit < needed)); then
		hint "ulimit -Hn" "$limit -> $needed" "A descriptor for each\
 receiver: LimitNOFILE= in the unit, or limits.conf."
	fi
}

processors() {
	local cpus=$root/sys/devices/system/cpu path found=0 driver
	local haltpoll=/sys/module/haltpoll/parameters/guest_halt_poll_ns

	for path in "$cpus"/cpu*/cpufreq/scaling_governor; do
		[[ -e $path ]] || continue
		# one line for all, unless they are to be set
		if ((found == 0)) || [[ $action != print ]]; then
			one "${path#"$root"}" exactly performance "A CPU that\
 first has to speed up delays each message after a pause (one of all CPUs is\
 shown)."
		fi
		found=1
	done
	driver=$(content "$cpus/cpuidle/current_driver")
	if [[ $driver == haltpoll ]]; then
		one $haltpoll at_least 200000 "How long an idle CPU of this\
 virtual machine spins before it is given up to the host. At 0, a reader that\
 sleeps was woken after 25 to 50 us, one that spins after 0.08 us (measured).\
 Costs the host CPU time."
	elif [[ $driver == none || -z $driver ]]; then
		hint "idle states" "${driver:-unknown}" "Nothing to choose:\
 this is up to the host, or to the firmware."
	else
		hint "idle states" "$driver" "For the least latency keep the\
 CPUs out of deep sleep: cpupower idle-set -D 10 (undo: cpupower idle-set -E),\
 or idle by --busy-poll and --cpu."
	fi
}

# ---- What is left to hands -------------------------------------------------

interfaces() {
	local path

	for path in "$root"/sys/class/net/*/device; do
		[[ -e $path ]] || continue
		path=${path%/device}
		echo "${path##*/}"
	done
}

network_cards() {
	local card path queues cpus

	cpus=$(nproc)
	while read -r card; do
		queues=0
		for path in "$root/sys/class/net/$card/queues"/rx-*; do
			[[ ! -e $path ]] || queues=$((queues + 1))
		done
		hint "$card, interrupts" "$queues receive queues, $cpus CPUs" \
			"Keep them away from the CPU of bcastd --cpu:\
 IRQBALANCE_BANNED_CPULIST of irqbalance, or /proc/irq/*/smp_affinity_list.\
 With fewer queues than CPUs, spread the packets: a mask of CPUs to\
 /sys/class/net/$card/queues/rx-*/rps_cpus."
		if command -v ethtool >/dev/null; then
			hint "$card, rings and coalescing" "ethtool -g, -c" \
				"For throughput: ethtool -G $card rx 4096 tx\
 4096. For latency: ethtool -C $card adaptive-rx off rx-usecs 10."
		fi
	done < <(interfaces)
}

busy_polling() {
	local present

	present=$(content "$root/proc/sys/net/core/busy_read")
	hint "net.core.busy_read" "${present:-unknown}" "Left alone: it is for\
 all sockets of the machine. bcastd --busy-poll asks for it for its own."
}

huge_pages() {
	local mount

	mount=$(awk '$2 == "/dev/shm" { options = $4 } END { print options }' \
		"$root/proc/mounts" 2>/dev/null)
	case $mount in
	*huge=always* | *huge=within_size*) ;;
	*) hint "/dev/shm" "${mount:-unknown}" "Large pages for a large ring\
 save TLB misses: mount -o remount,huge=within_size /dev/shm, before bcastd\
 starts. It logs what it got (ring_memory). vm.nr_hugepages is not used." ;;
	esac
}

all_settings() {
	buffers
	queues
	descriptors
	processors
}

all_hints() {
	network_cards
	busy_polling
	huge_pages
}

# ---- Ways through ----------------------------------------------------------

need_root() {
	[[ -n $root ]] || (($(id -u) == 0)) || {
		echo "tune.sh: only root may do that" >&2
		exit 77
	}
}

print_all() {
	all_settings
	all_hints
	echo
	if ((changes == 0)); then
		echo "Nothing to change."
	else
		echo "$changes to change: tools/tune.sh --apply, as root."
	fi
}

apply_all() {
	need_root
	all_settings
	if [[ -e $root$state_path ]]; then
		echo "Until the next start. Back: tools/tune.sh --undo;" \
			"for good: --persist."
	else
		echo "Nothing to change."
	fi
}

undo_all() {
	local path value kept=()

	need_root
	if [[ ! -r $root$state_path ]]; then
		complain "there is nothing to undo: no $root$state_path"
		return
	fi
	while IFS='=' read -r path value; do
		if store "$path" "$value"; then
			echo "$(name_of "$path"): back to ${value//$'\t'/ }"
		else
			complain "$path: cannot put back $value"
			kept+=("$path=$value")
		fi
	done <"$root$state_path"
	if ((${#kept[@]} > 0)); then
		printf '%s\n' "${kept[@]}" >"$root$state_path"
	else
		rm -f "$root$state_path"
	fi
	[[ ! -e $root$conf_path ]] ||
		echo "$conf_path is still there, for the next start."
}

persist_all() {
	local file=$root$conf_path

	need_root
	if [[ -e $file && $(content "$file") != "$conf_mark" ]]; then
		complain "$file is somebody else's, and stays as it is"
		return
	fi
	all_settings
	if ((${#lines[@]} == 0)); then
		echo "Nothing to change, so nothing to write."
	elif mkdir -p "${file%/*}" && printf '%s\n' "$conf_mark" \
		"# To be rid of it: rm $conf_path" "${lines[@]}" >"$file"; then
		echo "$conf_path: ${#lines[@]} settings, from the next start on," \
			"or now by sysctl -p $conf_path. To be rid of it: rm it."
		echo "What is no sysctl (the CPUs) has to be set at each start."
	else
		complain "cannot write $file"
	fi
}

choose() {
	[[ $action == print ]] || bad_usage "--$action and --$1: one at a time"
	action=$1
}

while (($# > 0)); do
	case $1 in
	--apply | --undo | --persist) choose "${1#--}" ;;
	--receivers | --rate | --root)
		(($# > 1)) || bad_usage "$1 needs a value"
		case $1 in
		--receivers)
			number "$1" "$2" 1 65536
			receivers=$((10#$2))
			;;
		--rate)
			number "$1" "$2" 1 400
			rate_gbit=$((10#$2))
			;;
		--root) root=${2%/} ;;
		esac
		shift
		;;
	--help | -h)
		usage
		exit 0
		;;
	*) bad_usage "'$1' is not an option" ;;
	esac
	shift
done
case $action in
print) print_all ;;
apply) apply_all ;;
undo) undo_all ;;
persist) persist_all ;;
esac
exit "$trouble"
