#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# demo.sh - one file, one sender, eighteen consumers, the same bytes.
#
# Installs what is missing, builds, starts bcastd, sends a real file to it over
# TCP, and compares the SHA-256 of what each consumer got with the file's. The
# sender and the receivers are this shell's own /dev/tcp: any program that can
# connect will do. Local readers are bcast-tail.
#
# bcastd runs with --slow-policy block: a receiver that is slow for a while
# (18 hashes on few processors) then makes the sender wait instead of being
# disconnected, so a file of any size arrives whole. Local readers the daemon
# never waits for; one that is slower than the stream is lapped. Since the demo
# wants every byte everywhere, its sender does the waiting: it sends in pieces,
# and the next one only when no local reader is more than half a ring behind
# (how much each has written, the kernel tells in /proc/PID/io). If one is
# lapped all the same, bcast-tail says so, and the demo fails. At the end a local
# process publishes a second stream, without a socket (demo_publisher.sh).
#
# Nothing is left behind: processes, segment and files go with the last line.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/packages.sh
. "$root/tools/packages.sh"
# shellcheck source=tools/demo_publisher.sh
. "$root/tools/demo_publisher.sh"
# shellcheck source=tools/demo_watch.sh
. "$root/tools/demo_watch.sh"

build=$root/build/demo
receivers=16
readers=2
ring_size=256M
file=
watch=0
name=demo-$$
start_deadline_s=60
stall_deadline_s=60
piece_max=$((16 << 20))

work=
daemon=
publisher_daemon=
sender=
declare -a receiver_pids=() tail_pids=() hash_pids=() reader_lag_max=()

usage() {
	cat <<-END
	Usage: tools/demo.sh [OPTION]... [FILE]
	Send FILE through bcastd to TCP receivers and local readers, and compare
	what each of them got. FILE is "-" for standard input; without it, the
	largest file of the installed C compiler is sent.

	  --receivers N   TCP receivers, 1 to 1000 ($receivers)
	  --readers N     local readers, 0 to 100 ($readers)
	  --ring-size S   size of the ring, a power of two from 64K ($ring_size)
	  --file FILE     the same as FILE
	  --watch         send it again and again, and show that live until q
	  --help          print this and exit

	Exit status: 0 if all got the same bytes, 64 for a bad option, else 1.
	END
}

bad_usage() {
	echo "demo.sh: $*; see tools/demo.sh --help" >&2
	exit 64
}

fail() {
	((on_terminal == 0)) || printf '\r\033[K' >&2
	echo "demo.sh: $*" >&2
	if [[ -s $work/bcastd.log ]]; then
		echo "the last lines of bcastd's log:" >&2
		tail -n 5 "$work/bcastd.log" | sed 's/^/    /' >&2
	fi
	exit 1
}

number() {
	local option=$1 value=$2 first=$3 last=$4

	if [[ ! $value =~ ^[0-9]{1,6}$ ]] ||
		((10#$value < first || 10#$value > last)); then
		bad_usage "$option '$value': must be $first to $last"
	fi
	echo $((10#$value))
}

parse() {
	while (($# > 0)); do
		case $1 in
		--*=*)
			set -- "${1%%=*}" "${1#*=}" "${@:2}"
			continue
			;;
		--help | -h)
			usage
			exit 0
			;;
		--receivers | --readers | --ring-size | --file)
			(($# > 1)) || bad_usage "$1 needs a value"
			;;&
		--receivers) receivers=$(number "$1" "$2" 1 1000) ;;
		--readers) readers=$(number "$1" "$2" 0 100) ;;
		--ring-size) ring_size=$2 ;;
		--file) file=$2 ;;
		--watch)
			watch=1
			shift
			continue
			;;
		-?*) bad_usage "unknown option '$1'" ;;
		*)
			[[ -z $file ]] || bad_usage "one file at a time"
			file=$1
			shift
			continue
			;;
		esac
		shift 2
	done
	ring_bytes=$(numfmt --from=iec -- "$ring_size" 2>/dev/null) ||
		bad_usage "--ring-size '$ring_size': must be such as 64M"
	((ring_bytes >= 65536)) ||
		bad_usage "--ring-size '$ring_size': must be at least 64K"
}

# ---- Processes -------------------------------------------------------------

is_alive() {
	kill -0 "$1" 2>/dev/null
}

# poll SECONDS CONDITION... - until it holds. False if the time is over.
poll() {
	local deadline=$((SECONDS + $1))
	shift

	until "$@"; do
		((SECONDS < deadline)) || return 1
		sleep 0.01
	done
}

has_ended() {
	local pid

	for pid; do
		! is_alive "$pid" || return 1
	done
}

# Runs at every exit, whatever state we are in.
cleanup() {
	local status=$? pid signal pids

	pids=("$daemon" "$publisher_daemon" "$sender" "${receiver_pids[@]}" "${tail_pids[@]}"
		"${hash_pids[@]}")

	trap '' INT TERM
	for signal in TERM KILL; do
		for pid in "${pids[@]}"; do
			[[ -z $pid ]] || kill -s $signal "$pid" 2>/dev/null || :
		done
		poll 2 has_ended "${pids[@]}" && break
	done
	[[ -z $work ]] || rm -rf "$work" \
		"/dev/shm/bcast.$name"{,.pub}{,.nodes,.lock}
	exit "$status"
}

# ---- Before ----------------------------------------------------------------

install_and_build() {
	local log=$work/build.log

	packages_install "$log" "${packages_build[@]}" "${packages_demo[@]}"
	echo "building    $build (Release)"
	if ! { cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
		-DBCAST_TESTS=OFF -DBCAST_BENCH=OFF &&
		cmake --build "$build" --target bcastd bcast-{pub,shmstat,tail}
	} >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		fail "the build failed"
	fi
	PATH=$build/src:$build/tools:$PATH
}

# The largest real file that is there for certain: a part of the compiler.
largest_of_compiler() {
	local directory

	directory=$(dirname "$(gcc -print-prog-name=cc1)")
	find "$directory" -maxdepth 1 -type f -printf '%s %p\n' |
		sort -n | tail -n 1 | cut -d ' ' -f 2-
}

# Opens the source as descriptor 5, and has its hash written to $work/source.
open_source() {
	[[ -n $file ]] || file=$(largest_of_compiler)
	total=
	if [[ -f $file && -r $file ]]; then
		total=$(stat -Lc %s -- "$file")
		"${hash[@]}" <"$file" >"$work/source"
		exec 5<"$file"
		return
	fi
	[[ $file == - || -r $file && ! -d $file ]] ||
		fail "cannot read '$file'"
	[[ $file == - ]] || exec <"$file"
	exec 5< <(exec tee >("${hash[@]}" >"$work/source"))
}

port_of() {
	sed -n "s/.* listening addr=.*:\([0-9]*\) role=$1\$/\1/p" \
		"$work/bcastd.log"
}

is_listening() {
	is_alive "$daemon" || fail "bcastd did not start"
	ingest_port=$(port_of ingest)
	egress_port=$(port_of egress)
	[[ -n $ingest_port && -n $egress_port ]]
}

start_daemon() {
	bcastd --name "$name" --ring-size "$ring_size" --slow-policy block \
		--max-receivers "$receivers" --drain-timeout 60s \
		--ingest 127.0.0.1:0 --egress 127.0.0.1:0 \
		</dev/null 2>"$work/bcastd.log" &
	daemon=$!
	poll $start_deadline_s is_listening || fail "bcastd does not listen"
}

# ---- Consumers and the sender ----------------------------------------------

receivers_are() {
	[[ $(bcast-shmstat "$name" --json | jq .summary.receivers) == "$1" ]]
}

# One after the other, so that the n-th in the daemon's table is our n-th.
start_receivers() {
	local i

	for ((i = 1; i <= receivers; i++)); do
		"${hash[@]}" <"/dev/tcp/127.0.0.1/$egress_port" \
			>"$work/tcp.$i" 2>"$work/tcp.$i.error" &
		receiver_pids+=($!)
		poll $start_deadline_s receivers_are "$i" ||
			fail "TCP receiver $i cannot connect"
	done
}

# From position 0: they may attach when the first bytes are already there.
start_readers() {
	local i

	for ((i = 1; i <= readers; i++)); do
		mkfifo "$work/fifo.$i"
		"${hash[@]}" <"$work/fifo.$i" >"$work/local.$i" &
		hash_pids+=($!)
		bcast-tail "$name" --from 0 --on-loss stop --stats \
			>"$work/fifo.$i" 2>"$work/local.$i.stats" </dev/null &
		tail_pids+=($!)
		reader_lag_max+=(0)
	done
}

# Sets `written` to what a local reader has written. False if it has ended.
reader_written() {
	local key value

	while read -r key value; do
		[[ $key != wchar: ]] || written=$value
	done 2>/dev/null <"/proc/$1/io"
}

readers_have() {
	local pid written

	for pid in "${tail_pids[@]}"; do
		written=0
		reader_written "$pid" || return 1
		((written >= $1)) || return 1
	done
}

# Standard input to the daemon, no faster than the local readers read. A reader
# that has ended is found out by the watcher, who then ends us.
send_all() {
	local piece=$((ring_bytes / 8)) sent=0 count

	((piece <= piece_max)) || piece=$piece_max
	exec 4<>"/dev/tcp/127.0.0.1/$ingest_port"
	while :; do
		until readers_have $((sent + piece - ring_bytes / 2)); do
			sleep 0.005
		done
		count=$(dd bs=$piece count=1 iflag=fullblock 2>&1 >&4 |
			sed -n 's/^\([0-9]*\) byte.*/\1/p')
		sent=$((sent + count))
		((count == piece)) || break
	done
	echo $sent >"$work/sent"
}

# ---- During ----------------------------------------------------------------

mega() {
	printf '%d.%d' $(($1 / 1000000)) $(($1 / 100000 % 10))
}

progress() {
	local of="" line

	[[ -z $total ]] || of=" of $(mega "$total")"
	line="sending     $(mega "$tail_now")$of MB in, $(mega "$bytes_out") MB"
	line+=" out, largest lag now $(mega "$lag_now") MB"
	if ((on_terminal)); then
		printf '\r\033[K%s' "$line" >&2
	elif ((SECONDS >= next_line)); then
		next_line=$((SECONDS + 5))
		echo "$line"
	fi
}

# The state of the stream, and of the local readers, into variables. Readers are
# looked at first, so what is shown as their lag is rather too much.
sample() {
	local i written numbers had=()

	for ((i = 0; i < readers; i++)); do
		written=0
		reader_written "${tail_pids[i]}" || :
		had+=("$written")
	done
	bcast-shmstat "$name" --json --receivers >"$work/now.json" ||
		fail "bcast-shmstat failed"
	now_us=${EPOCHREALTIME/./}
	numbers=$(jq -r '[.stream.tail, .summary.senders, .summary.receivers,
		.summary.bytes_out, .summary.lag_max_bytes,
		([.receivers[].idle_ns] | min // 0)] | @tsv' "$work/now.json")
	read -r tail_now senders_now receivers_now bytes_out lag_now idle_ns \
		<<<"$numbers"
	for ((i = 0; i < readers; i++)); do
		((tail_now - had[i] <= reader_lag_max[i])) ||
			reader_lag_max[i]=$((tail_now - had[i]))
	done
}

check_all_alive() {
	local i

	is_alive "$daemon" || fail "bcastd ended"
	((receivers_now == receivers)) ||
		fail "only $receivers_now of $receivers TCP receivers are left"
	for ((i = 0; i < readers; i++)); do
		is_alive "${tail_pids[i]}" ||
			fail "local reader $((i + 1)) ended:" \
				"$(tail -n 2 "$work/local.$((i + 1)).stats")"
	done
	is_alive "$sender" || [[ -s $work/sent ]] || fail "the sender failed"
}

all_have_all() {
	[[ -s $work/sent ]] || return 1
	((senders_now == 0 && lag_now == 0 && tail_now == $(<"$work/sent"))) &&
		readers_have "$tail_now"
}

# Until everybody has everything. Standard input may be idle; we may not.
watch() {
	local last=-1 deadline=0

	next_line=$((SECONDS + 5))
	until sample && check_all_alive && all_have_all; do
		progress
		if [[ $last != "$tail_now $bytes_out" ]] ||
			[[ -z $total && ! -s $work/sent ]]; then
			last="$tail_now $bytes_out"
			deadline=$((SECONDS + stall_deadline_s))
		fi
		((SECONDS < deadline)) ||
			fail "nothing has moved for $stall_deadline_s s"
		sleep 0.02
	done
	((on_terminal == 0)) || printf '\r\033[K' >&2
	elapsed_us=$((now_us - idle_ns / 1000 - start_us))
	((elapsed_us > 0)) || elapsed_us=1
}

stop_daemon() {
	local status=0

	kill -TERM "$daemon"
	poll $stall_deadline_s has_ended "$daemon" "${receiver_pids[@]}" \
		"${tail_pids[@]}" "${hash_pids[@]}" ||
		fail "not everybody ended with the stream"
	wait "$daemon" || status=$?
	((status == 0)) || fail "bcastd ended with status $status"
}

# ---- After -----------------------------------------------------------------

# Sets `verdict` for one consumer's hash, and counts differences.
judge() {
	local got

	got=$(cut -c -64 <"$1")
	verdict="${got:0:16}...  same"
	[[ $got == "$source_hash" ]] && return
	verdict="${got:0:16}...  DIFFERENT"
	differences=$((differences + 1))
}

receiver_rows() {
	local i=0 bytes lag_max lag

	while read -r bytes lag_max lag; do
		i=$((i + 1))
		judge "$work/tcp.$i"
		printf '%-9s %13s %9s %8s %9s %9s  %s\n' "tcp $i" "$bytes" \
			"$(mega "$lag_max")" "$(mega "$lag")" - - "$verdict"
	done < <(jq -r '.receivers | sort_by(.connected_realtime_ns)[] |
		[.bytes, .lag_max_bytes, .lag_bytes] | @tsv' "$work/now.json")
}

reader_rows() {
	local i p50 p99 bytes lost

	for ((i = 1; i <= readers; i++)); do
		read -r bytes lost p50 p99 < <(tail -n 1 "$work/local.$i.stats" |
			jq -r '[.bytes, .lost_bytes, .latency_p50_ns,
				.latency_p99_ns] | @tsv')
		judge "$work/local.$i"
		((lost == 0)) || verdict+=", lapped: lost $lost bytes"
		printf '%-9s %13s %9s %8s %9s %9s  %s\n' "local $i" "$bytes" \
			"$(mega "${reader_lag_max[i - 1]}")" "0.0" \
			"$((p50 / 1000))" "$((p99 / 1000))" "$verdict"
	done
}

gigabit() {
	awk -v bytes="$1" -v us="$elapsed_us" \
		'BEGIN { printf "%.2f", bytes * 8 / us / 1000 }'
}

report() {
	source_hash=$(cut -c -64 <"$work/source")
	printf '%-9s %13s %9s %8s %9s %9s  %s\n' \
		consumer bytes "max lag" "end lag" "p50" "p99" "SHA-256" \
		"" "" MB MB us us ""
	receiver_rows
	reader_rows
	printf '\n%-9s %13s %38s  %s\n' source "$tail_now" "" \
		"${source_hash:0:16}..."
	printf 'time %s s: %s Gbit/s in, %s Gbit/s out by TCP,' \
		"$(awk -v us="$elapsed_us" 'BEGIN { printf "%.3f", us / 1e6 }')" \
		"$(gigabit "$tail_now")" "$(gigabit "$bytes_out")"
	printf ' all of it hashed meanwhile on %s processors\n' "$(nproc)"
	printf 'p50, p99: from publication to the local reader having seen it\n'
}

main() {
	on_terminal=0
	[[ ! -t 2 ]] || on_terminal=1
	parse "$@"
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	work=$(mktemp -d)
	differences=0
	if ((watch)); then
		demo_watch
		return
	fi
	install_and_build
	hash=(sha256sum)
	# several times as fast where the processor has instructions for it
	! command -v openssl >/dev/null || hash=(openssl dgst -sha256 -r)

	open_source
	start_daemon
	start_receivers
	start_readers
	echo "sending     $file${total:+ ($(mega "$total") MB)} to $receivers" \
		"TCP receivers and $readers local readers"
	start_us=${EPOCHREALTIME/./}
	send_all <&5 &
	sender=$!
	exec 5<&-
	watch
	bcast-shmstat "$name" >"$work/view"
	stop_daemon
	poll $stall_deadline_s test -s "$work/source"

	printf '\nbcast-shmstat, before the daemon was told to stop:\n'
	sed 's/^/    /' "$work/view"
	echo
	report
	((differences == 0)) ||
		fail "$differences of $((receivers + readers)) differ"
	echo "All $((receivers + readers)) got the same bytes;" \
		"bcastd ended on SIGTERM with status 0."
	demo_publisher
}

main "$@"
