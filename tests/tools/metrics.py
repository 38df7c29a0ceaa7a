#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""metrics.py BCASTD SHMSTAT ... - all outputs agree, and with counted truth.

What was sent and received is counted here, by sockets of this test; then the
metrics, the JSON and the plain fields must say the same to the byte.
"""
import json
import re
import signal
import subprocess
import sys
import time

from stage import KIB, SHMSTAT, run

SENT = 700 * KIB + 17


def shmstat(stage, *options):
    return subprocess.run([SHMSTAT, *options, stage.name], capture_output=True, text=True,
                          check=True, timeout=20).stdout


def metrics(stage, *options):
    """Samples by name and labels, without the stream's."""
    found = {}
    for line in shmstat(stage, "--prometheus", *options).split("\n"):
        sample = re.match(r'(\w+){stream="%s",?(.*)} (\S+)$' % stage.name, line)
        assert sample or not line or line[0] == "#", line
        if sample:
            key = (sample.group(1), sample.group(2))
            assert key not in found, f"twice: {line}"
            found[key] = sample.group(3)
    return found


def move_bytes(stage):
    """SENT bytes to each of three receivers, who have them all."""
    stage.start()
    receivers = [stage.connect("egress") for _ in range(3)]
    sender, sender_name = stage.connect("ingest")
    sender.sendall(b"m" * SENT)
    for receiver, _ in receivers:
        left = SENT
        while left:
            left -= len(receiver.recv(left))
    # the counters follow the bytes by an instant
    deadline = time.monotonic() + 20
    while metrics(stage)["bcast_out_bytes_total", ""] != str(3 * SENT):
        assert time.monotonic() < deadline, metrics(stage)["bcast_out_bytes_total", ""]
    return sender_name, [name for _, name in receivers]


# ---- Claims ------------------------------------------------------------------

def metrics_are_the_counted_truth(stage):
    sender, receivers = move_bytes(stage)
    expected = {
        "bcast_in_bytes_total": str(SENT), "bcast_out_bytes_total": str(3 * SENT),
        "bcast_stream_tail_bytes_total": str(SENT), "bcast_receivers": "3",
        "bcast_receivers_joined_total": "3", "bcast_senders": "1",
        **{f"bytes of {name}": str(SENT) for name in [sender, *receivers]}}
    deadline = time.monotonic() + 20

    # the table of connections follows the bytes by an instant as well
    while True:
        found = metrics(stage, "-r")
        told = {name: found.get((name, "")) for name in expected if name.startswith("bcast_")}
        for (name, labels), value in found.items():
            if name == "bcast_peer_bytes_total":
                told["bytes of " + re.search(r'peer="([^"]*)"', labels).group(1)] = value
        if told == expected or time.monotonic() > deadline:
            break

    assert told == expected, told


def all_outputs_agree(stage):
    move_bytes(stage)
    stage.daemon.send_signal(signal.SIGSTOP)  # nothing is counted meanwhile

    found = metrics(stage)
    told = json.loads(shmstat(stage, "--json", "--counters"))
    plain = dict(line.split()[:2] for line in shmstat(stage, "--fields").split("\n") if line)

    assert told["stream"]["tail"] == int(plain["stream.tail"]) == SENT
    for name, counter in told["counters"].items():
        unit = {"bytes": "bytes", "ns": "seconds", "": ""}[counter["unit"]]
        words = ["bcast"] + [word for word in name.split("_") if word != (counter["unit"] or "-")]
        words += [unit] if unit else []
        words += ["total"] if counter["kind"] == "counter" else []
        value = found["_".join(words), ""]
        exact = int(value.replace(".", "")) if unit == "seconds" else int(value)
        assert exact == counter["value"] == int(plain[f"counters.{name}"]), name


def numbers_go_on_after_death(stage):
    move_bytes(stage)
    stage.kill()
    found = metrics(stage)
    assert found["bcast_stream_writer_alive", ""] == "0"
    assert found["bcast_out_bytes_total", ""] == str(3 * SENT)
    stage.daemon.stderr.close()
    stage.start()
    found = metrics(stage)
    assert found["bcast_stream_incarnation", ""] == "2"
    assert found["bcast_out_bytes_total", ""] == str(3 * SENT)
    assert found["bcast_receivers", ""] == "0"


sys.exit(run([metrics_are_the_counted_truth, all_outputs_agree, numbers_go_on_after_death]))
