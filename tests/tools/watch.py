#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""watch.py BCASTD SHMSTAT ... - bcast-shmstat --watch in a pseudo-terminal.

A real daemon, a sender and receivers that are sockets of this test, a node; and
a terminal whose screen is read like a person would.
"""
import os
import select
import signal
import subprocess
import sys
import time

from stage import KIB, SHMSTAT, run


def first_connection(screen):
    """Its address; "" while the table is just being drawn anew."""
    lines = screen.split("\n")
    heads = [n for n, text in enumerate(lines) if text.startswith("CONNECTIONS")]
    words = lines[heads[0] + 1].split() if heads else []
    return words[0] if words else ""


# ---- Claims ------------------------------------------------------------------

def known_stream_is_shown_as_it_is(stage):
    stage.start()
    sender, sender_name = stage.connect("ingest")
    receiver, receiver_name = stage.connect("egress")
    terminal = stage.watch()
    terminal.sees(rf"^ {stage.name}  raw  live, up \d")
    terminal.sees(rf"^writer +sender {sender_name} +since \d")
    terminal.sees(rf"^{receiver_name} +receiver live ")
    terminal.sees(r"^NODES 0 ")
    terminal.sees(r"^ring +1\.00 MiB: 0 oldest, 0 tail")

    sender.sendall(b"x" * (300 * KIB))
    left = 300 * KIB
    while left:
        left -= len(receiver.recv(left))

    terminal.sees(r"^in +\d.*/s +300 KiB in all")
    terminal.sees(r"^out +\d.*/s +300 KiB in all")
    terminal.sees(r"^ring +1\.00 MiB: 0 oldest, 307200 tail")
    terminal.sees(r"^ +O=+T")
    terminal.sees(r"^receivers +1$")
    terminal.sees(rf"^{receiver_name} +receiver live +0 B +\S+ \w+/s +300 KiB")
    # the history has the burst, as blocks
    terminal.sees("^in .*[\u2581-\u2588]")


def comings_and_goings_are_events_with_the_reason(stage):
    stage.start()
    terminal = stage.watch()
    terminal.sees(r"^EVENTS 0")
    receiver, name = stage.connect("egress")
    terminal.sees(rf"^[\d:]{{8}} receiver {name} joined")
    receiver.close()
    terminal.sees(rf"^[\d:]{{8}} receiver {name} left: closed_by_peer, lag 0 B")
    node = stage.join("reader-1")
    terminal.sees(r"^[\d:]{8} node reader-1 joined")
    terminal.sees(r"^reader-1 +alive ")
    terminal.sees(r"^nodes +1")
    node.kill()
    terminal.sees(r"^[\d:]{8} node reader-1 is gone")
    terminal.sees(r"^NODES 0")


def slow_receiver_is_seen_lagging_and_dropped(stage):
    stage.start()
    sender, _ = stage.connect("ingest")
    receiver, name = stage.connect("egress")
    terminal = stage.watch()
    terminal.sees(rf"^{name}")
    sender.setblocking(False)
    deadline = time.monotonic() + 20

    # it never reads: what its socket does not take lags, beyond the limit
    while "left: slow" not in terminal.screen() and time.monotonic() < deadline:
        if select.select([], [sender], [], 0)[1]:
            sender.send(b"y" * 65536)
        terminal.take_in(0.001)

    terminal.sees(rf"receiver {name} left: slow, lag \d")


def fault_is_told_with_the_death(stage):
    stage.start()
    terminal = stage.watch()
    terminal.sees(r"0 tail")
    stage.daemon.send_signal(signal.SIGSEGV)
    stage.daemon.wait(20)
    terminal.sees(rf"daemon {stage.daemon.pid} died: signal 11, sent by process \d")


def death_is_told_and_the_last_values_stay(stage):
    stage.start()
    sender, _ = stage.connect("ingest")
    _, name = stage.connect("egress")
    sender.sendall(b"z" * 1000)
    terminal = stage.watch()
    terminal.sees(r"1000 tail")
    pid = stage.daemon.pid
    stage.kill()
    terminal.sees(r"^ \S+  raw  dead since \d\d:\d\d:\d\d UTC \(\d")
    terminal.sees(rf"^[\d:]{{8}} daemon {pid} died")
    terminal.sees(r"1000 tail")
    terminal.sees(rf"^{name} +receiver")
    terminal.sees(r"^in +0 B/s")

    stage.daemon.stderr.close()
    stage.start()

    terminal.sees(rf"daemon {stage.daemon.pid} has taken the stream over \(incarnation 2\)")
    terminal.sees(r"^ \S+  raw  live, up ")
    terminal.sees(rf"receiver {name} left: daemon_died")
    terminal.sees(r"1000 tail")


def end_in_order_and_a_new_stream_are_followed(stage):
    stage.start()
    sender, _ = stage.connect("ingest")
    sender.sendall(b"z" * 1000)
    terminal = stage.watch()
    terminal.sees(r"1000 tail")
    sender.close()
    stage.daemon.terminate()
    stage.daemon.wait()
    terminal.sees(r"closed since \d\d:\d\d:\d\d UTC, and removed")
    terminal.sees(r"1000 tail")

    stage.daemon.stderr.close()
    stage.start()

    terminal.sees(rf"a new stream of this name: daemon {stage.daemon.pid}")
    terminal.sees(r"  live, up ")
    terminal.sees(r" 0 tail")


def keys_sort_scroll_and_quit(stage):
    stage.start()
    for _ in range(30):
        stage.connect("egress")
    terminal = stage.watch()
    terminal.sees(r"^CONNECTIONS 30 .* \*LAG")
    terminal.keys("a")
    terminal.sees(r"\*AGE$")
    first = terminal.until(first_connection, "a connection")

    def other(screen):
        return first_connection(screen) not in ("", first)

    def same(screen):
        return first_connection(screen) == first

    terminal.keys("i")
    terminal.until(other, "another first one")
    terminal.keys("i")
    terminal.until(same, "the same again")
    terminal.keys("\x1bOB")
    terminal.until(other, "scrolled by one")
    terminal.keys("\x1bOA")
    terminal.until(same, "and back")
    terminal.keys("\x1b[6~")
    terminal.until(lambda screen: other(screen) and first not in screen, "the next page")
    terminal.keys("r")
    terminal.sees(r"\*RATE")
    terminal.keys("s")
    terminal.sees(r"\*STATE")
    terminal.keys("z")
    terminal.sees(r"1\.00 MiB zoomed")
    terminal.keys("q")
    assert terminal.ends() == 0


def window_that_changes_its_size_is_filled_again(stage):
    stage.start()
    for _ in range(30):
        stage.connect("egress")
    terminal = stage.watch()
    terminal.sees(r"^CONNECTIONS 30")
    terminal.resize(50, 132)
    terminal.sees(r"LAG MAX +IDLE +SHORT")
    terminal.until(lambda screen: screen.count(" receiver ") >= 30, "all 30")
    terminal.until(lambda screen: len(screen.split("\n")[49]) > 50, "the keys in the last line")
    terminal.resize(10, 40)
    terminal.sees(r"^needs 80x24, has 40x10")
    terminal.resize(24, 80)
    terminal.sees(r"^ q quit ")
    terminal.sees(r"^CONNECTIONS 30")


def terminals_without_unicode_get_ascii(stage):
    stage.start()
    sender, _ = stage.connect("ingest")
    terminal = stage.watch(utf8=False)
    terminal.sees(r"^in ")
    sender.sendall(b"x" * 1000)
    terminal.sees(r"^in .*#")
    assert terminal.screen().isascii()


def signal_ends_it_as_one_ends_a_program(stage):
    stage.start()
    terminal = stage.watch()
    terminal.sees(r"^in ")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.ends() == -signal.SIGTERM


def where_it_cannot_run_it_says_what_it_needs(stage):
    stage.start()
    for term, why in (("dumb", "cannot place its cursor"), ("nonsense", "not in terminfo"),
                      ("", "TERM is not set")):
        terminal = stage.watch(term=term)
        assert terminal.ends() == 69
        assert why in terminal.screen().replace("\n", ""), terminal.screen()
    piped = subprocess.run([SHMSTAT, "--watch", stage.name], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True)
    assert piped.returncode == 69 and "must be a terminal" in piped.stderr
    assert subprocess.run([SHMSTAT, "--watch", "--interval", "19ms"],
                          capture_output=True).returncode == 64
    assert subprocess.run([SHMSTAT, "--interval", "1"], capture_output=True).returncode == 64


CLAIMS = [
    known_stream_is_shown_as_it_is,
    comings_and_goings_are_events_with_the_reason,
    slow_receiver_is_seen_lagging_and_dropped,
    fault_is_told_with_the_death,
    death_is_told_and_the_last_values_stay,
    end_in_order_and_a_new_stream_are_followed,
    keys_sort_scroll_and_quit,
    window_that_changes_its_size_is_filled_again,
    terminals_without_unicode_get_ascii,
    signal_ends_it_as_one_ends_a_program,
    where_it_cannot_run_it_says_what_it_needs,
]


sys.exit(run(CLAIMS))
