#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""postmortem.py BCASTD SHMSTAT ... - bcast-shmstat --postmortem.

A daemon is killed in the middle of its work; the report must say what is known,
and what it says about saving the data must work: every byte.
"""
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time

from stage import KIB, PUB, SHMSTAT, TAIL, run


def report(stage, *options, code=0):
    done = subprocess.run([SHMSTAT, "--postmortem", *options, stage.name],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == code, done.stderr
    assert done.stderr == "", done.stderr
    return done.stdout


def says(text, pattern):
    assert re.search(pattern, text, re.M), f"not said: {pattern}; but:\n{text}"


def wait_for_tail(stage, tail):
    deadline = time.monotonic() + 20
    while f'"tail": {tail},' not in subprocess.run(
            [SHMSTAT, "--json", stage.name], capture_output=True, text=True).stdout:
        assert time.monotonic() < deadline, "the bytes do not arrive"
        time.sleep(0.01)


def rescue(stage, text):
    """What the report says to type, typed."""
    command = re.search(r"^\t(bcast-tail .*) >\S+$", text, re.M).group(1).split()
    return subprocess.run([TAIL, *command[1:]], capture_output=True, timeout=20).stdout


# ---- Claims ------------------------------------------------------------------

def killed_daemon_is_explained_and_all_bytes_are_saved(stage):
    stage.start()
    sent = bytes(n * 31 % 251 for n in range(1500 * KIB))
    sender, _ = stage.connect("ingest")
    receiver, name = stage.connect("egress")
    gone, gone_name = stage.connect("egress")
    gone.close()
    sender.sendall(sent[:-20] + b"the very last bytes.")
    left = len(sent)
    while left:
        left -= len(receiver.recv(left))
    wait_for_tail(stage, len(sent))
    pid = stage.daemon.pid
    stage.kill()

    text = report(stage)

    says(text, r"^ended +killed: no goodbye ")
    says(text, r"^heartbeat +the last \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, \d+\.\d s ago$")
    says(text, r"^state +dead: ")
    says(text, rf"^owner +pid {pid},")
    says(text, rf"{name} .* receiver +0 B")
    says(text, rf"{gone_name} +receiver (closed_by_peer|broken) ")
    says(text, r"^bytes_out +\d+ bytes ")
    says(text, r"^[0-9a-f]{16}  .* \|the very last by\|$|\|.*last bytes\.\|$")
    saved = rescue(stage, text)
    oldest = int(re.search(r"positions (\d+) to (\d+)", text).group(1))
    assert saved == (sent[:-20] + b"the very last bytes.")[oldest:]
    assert len(saved) > 512 * KIB


def numbered(first, last):
    """Bytes of a stream in which each word of 8 says where it stands."""
    start = first // 8 * 8
    words = struct.pack(f"<{(last - start + 7) // 8}Q", *range(start, last, 8))
    return words[first - start:last - start]


def daemon_killed_in_mid_stream_leaves_a_ring_full_of_what_was_sent(stage):
    stage.start()
    sender, _ = stage.connect("ingest")
    sender.settimeout(20)
    sent = 0
    while sent < 5000 * KIB:
        sent += sender.send(numbered(sent, sent + 64 * KIB))
    stage.kill()  # with bytes on their way

    text = report(stage)

    oldest, tail = map(int, re.search(r"positions (\d+) to (\d+)", text).groups())
    assert oldest > 0 and tail - oldest > 512 * KIB and tail <= sent
    saved = rescue(stage, text)
    assert len(saved) == tail - oldest and saved == numbered(oldest, tail)
    last = as_json(stage, "--packets", "1000")["last_bytes"]
    assert bytes.fromhex(last["hex"]) == numbered(tail - 16000, tail)


def last_records_are_shown_and_all_are_saved(stage):
    stage.start("--format", "packet", doors=["egress"])
    lines = [f'record {n} with "quotes"' for n in range(1000)] + ["x" * 100, "last\x1b[2J"]
    subprocess.run([PUB, stage.name], input="\n".join(lines) + "\n", text=True, check=True,
                   capture_output=True, timeout=20)
    stage.kill()

    text = report(stage, "--packets", "3")

    says(text, r"^ +1000 +\d+ \d{4}-.* UTC\.\d{6} .*\"record 999 with \\x22quotes\\x22\"$")
    says(text, r'^ +1001 .* +100 "x{48}"\.\.\.$')
    says(text, r'^ +1002 .*"last\\x1b\[2J"$')
    assert "record 998" not in text and "\x1b" not in text
    saved = subprocess.run([TAIL, stage.name, "--from", "oldest", "--no-follow", "--lines"],
                           capture_output=True, text=True, timeout=20).stdout
    assert saved == "\n".join(lines) + "\n"
    assert len(rescue(stage, text)) > len(saved)
    assert "RECORD" not in report(stage, "--packets", "0")


def daemon_that_died_while_stopping_says_by_which_signal(stage):
    stage.start("--drain-timeout", "60s", "--slow-policy", "block")
    sender, _ = stage.connect("ingest")
    stage.connect("egress")  # it never reads: the daemon cannot be done
    sender.setblocking(False)
    deadline = time.monotonic() + 20
    while select.select([], [sender], [], 0.3)[1]:
        assert time.monotonic() < deadline, "the sender is never held up"
        try:
            sender.send(b"y" * 65536)
        except BlockingIOError:
            pass
    stage.daemon.send_signal(signal.SIGTERM)
    while '"stored_state": "draining"' not in subprocess.run(
            [SHMSTAT, "--json", stage.name], capture_output=True, text=True).stdout:
        assert time.monotonic() < deadline, "it does not stop"
    stage.kill()

    text = report(stage)

    says(text, r"^ended +killed while it was stopping, as signal 15 \(Terminated\) had asked")


def as_json(stage, *options):
    return json.loads(report(stage, "--json", *options))


def each_fatal_signal_is_named_with_its_sender(stage):
    for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL):
        before = time.time_ns()
        stage.start()
        stage.daemon.send_signal(number)
        assert stage.daemon.wait(20) in (-number, 1)  # 1: a sanitizer's report
        stage.daemon.stderr.close()

        text, whole = report(stage), as_json(stage)

        says(text, rf"^ended +by signal {number:d} \([A-Z].*\), \d{{4}}-.* UTC: "
             rf"sent by process {os.getpid()}$")
        says(text, rf"^fault +signal {number:d}, sent by process {os.getpid()}$")
        assert whole["end"]["how"] == "fault" and whole["end"]["before"] == ""
        assert whole["end"]["text"] in text
        assert whole["stream"]["fatal_signal"] == number
        assert before < whole["stream"]["fatal_realtime_ns"] < time.time_ns()


def fault_is_remembered_over_the_next_daemon(stage):
    stage.start()
    stage.daemon.send_signal(signal.SIGSEGV)
    stage.daemon.wait(20)
    stage.daemon.stderr.close()
    stage.start()
    stage.kill()

    text = report(stage)

    says(text, r"^ended +killed: no goodbye")
    says(text, r"^before +daemon 1 of this stream ended by signal 11 ")
    assert "by signal 11" in as_json(stage)["end"]["before"]


def json_has_all_that_the_text_has(stage):
    stage.start()
    sent = bytes(range(256)) * 8
    sender, _ = stage.connect("ingest")
    receiver, name = stage.connect("egress")
    sender.sendall(sent)
    left = len(sent)
    while left:
        left -= len(receiver.recv(left))
    wait_for_tail(stage, len(sent))
    before = time.time_ns()
    stage.kill()

    whole = as_json(stage, "--packets", "3")

    assert whole["end"]["how"] == "killed" and whole["end"]["text"].startswith("killed: no goodbye")
    assert before - 5e9 < whole["end"]["heartbeat_realtime_ns"] < time.time_ns()
    assert whole["last_bytes"] == {"position": len(sent) - 48, "hex": sent[-48:].hex()}
    assert [peer["peer"] for peer in whole["receivers"]] == [name]
    assert whole["receivers"][0]["cursor"] == len(sent)
    for table in ("stream", "writer", "facts", "summary", "senders", "closed", "errors",
                  "counters", "nodes"):
        assert table in whole, table
    assert "last_bytes" not in as_json(stage, "--packets", "0")


def records_in_json_are_those_of_the_text(stage):
    stage.start("--format", "packet", doors=["egress"])
    subprocess.run([PUB, stage.name], input="one\n" + "x" * 100 + "\nthree\n", text=True,
                   check=True, capture_output=True, timeout=20)
    stage.kill()

    records = as_json(stage, "--packets", "2")["last_records"]

    assert [record["sequence"] for record in records] == [2, 3]
    assert records[0]["length"] == 100 and records[0]["key_length"] == 0
    assert bytes.fromhex(records[0]["first_bytes_hex"]) == b"x" * 48
    assert bytes.fromhex(records[1]["first_bytes_hex"]) == b"three"
    assert records[1]["position"] == records[0]["position"] + 32 + 128
    assert len(as_json(stage)["last_records"]) == 3


def living_daemon_is_not_declared_dead(stage):
    stage.start()

    text = report(stage)

    says(text, rf"^ended +not: daemon {stage.daemon.pid} lives")
    assert as_json(stage)["end"]["how"] == "alive"


def absent_stream_and_wrong_options_are_refused(stage):
    stage.start()
    done = subprocess.run([SHMSTAT, "--postmortem", stage.name + "x"], capture_output=True)
    assert done.returncode == 69
    for wrong in (["--packets", "5"], ["--postmortem", "--packets", "100001"],
                  ["--postmortem", "--fields"], ["--postmortem", "-r"], ["--postmortem", "--list"]):
        assert subprocess.run([SHMSTAT, *wrong], capture_output=True).returncode == 64, wrong


sys.exit(run([
    killed_daemon_is_explained_and_all_bytes_are_saved,
    daemon_killed_in_mid_stream_leaves_a_ring_full_of_what_was_sent,
    last_records_are_shown_and_all_are_saved,
    daemon_that_died_while_stopping_says_by_which_signal,
    each_fatal_signal_is_named_with_its_sender,
    fault_is_remembered_over_the_next_daemon,
    json_has_all_that_the_text_has,
    records_in_json_are_those_of_the_text,
    living_daemon_is_not_declared_dead,
    absent_stream_and_wrong_options_are_refused,
]))
