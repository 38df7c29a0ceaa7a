# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# demo_watch.sh - demo.sh --watch: a stream that goes on, to be looked at.
#
# The same sender, receivers and local readers as in demo.sh, but the file is
# sent again and again, 40 MB a second, so that two processors have time to
# spare for who watches. Each consumer counts what it gets and keeps none of it.
#
# What demo.sh has set is used here:
# shellcheck disable=SC2034,SC2154

watch_piece=$((4 << 20))
watch_pause_s=0.1

# Ends when the daemon does.
send_for_ever() {
	exec 4<>"/dev/tcp/127.0.0.1/$ingest_port"
	while cat -- "$file"; do :; done |
		while dd bs=$watch_piece count=1 iflag=fullblock >&4; do
			sleep $watch_pause_s
		done
} 2>/dev/null

demo_watch() {
	[[ -t 0 && -t 1 ]] || fail "--watch needs a terminal"
	install_and_build
	[[ -n $file ]] || file=$(largest_of_compiler)
	[[ -f $file && -r $file && -s $file ]] ||
		fail "--watch sends a file again and again, and '$file' is none"
	hash=(wc -c)
	start_daemon
	start_receivers
	start_readers
	send_for_ever &
	sender=$!
	bcast-shmstat "$name" --watch
	echo "That was $receivers TCP receivers and $readers local readers;" \
		"by hand: README.md, First use."
}
