# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# demo_publisher.sh - the part of demo.sh without a TCP sender: a local process
# publishes lines of real text, as packets, straight into the ring.
#
# Three take them: a TCP receiver, and two local readers, one of which writes
# what TCP receivers get, headers included, and the other the lines. The last
# must be the text, and the first two the same. The ring has room for all of it,
# so nobody needs to be waited for.
#
# What demo.sh has set is used here:
# shellcheck disable=SC2154

publisher_ring=64M

publisher_is_listening() {
	is_alive "$publisher_daemon" || fail "the second bcastd did not start"
	publisher_port=$(sed -n 's/.* listening addr=.*:\([0-9]*\) .*/\1/p' \
		"$work/publisher.log")
	[[ -n $publisher_port ]]
}

publisher_has_receiver() {
	[[ $(bcast-shmstat "$name.pub" --json | jq .summary.receivers) == 1 ]]
}

# The sources of bcast themselves: real text, of tens of thousands of lines.
publisher_text() {
	find "$root"/{include,shm,net,src,tools,tests} -name '*.[ch]' \
		-exec cat {} +
}

demo_publisher() {
	local pid pids=()

	publisher_text >"$work/text"
	bcastd --name "$name.pub" --format packet --egress 127.0.0.1:0 \
		--ring-size $publisher_ring \
		</dev/null 2>"$work/publisher.log" &
	publisher_daemon=$!
	poll "$start_deadline_s" publisher_is_listening ||
		fail "the second bcastd does not listen"
	cat <"/dev/tcp/127.0.0.1/$publisher_port" >"$work/publisher.tcp" &
	pids+=($!)
	bcast-tail "$name.pub" --from 0 </dev/null >"$work/publisher.local" &
	pids+=($!)
	bcast-tail "$name.pub" --from 0 --lines </dev/null \
		>"$work/publisher.lines" &
	pids+=($!)
	tail_pids+=("${pids[@]}")
	poll "$start_deadline_s" publisher_has_receiver ||
		fail "the TCP receiver cannot connect"
	bcast-pub "$name.pub" "$work/text" || fail "bcast-pub failed"
	kill -TERM "$publisher_daemon"
	poll "$stall_deadline_s" has_ended "$publisher_daemon" "${pids[@]}" ||
		fail "not everybody ended with the local publisher's stream"
	for pid in "$publisher_daemon" "${pids[@]}"; do
		wait "$pid" || fail "one ended badly after the local publisher"
	done
	cmp "$work/text" "$work/publisher.lines" ||
		fail "the local reader got other lines than were published"
	cmp "$work/publisher.tcp" "$work/publisher.local" ||
		fail "TCP receiver and local reader got different bytes"
	printf '\nWithout a sender: bcast-pub published %s lines of text;' \
		"$(wc -l <"$work/text")"
	printf ' a local reader got\nthe same text, and a TCP receiver the same'
	printf ' %s bytes as another reader.\n' \
		"$(stat -c %s "$work/publisher.tcp")"
}
