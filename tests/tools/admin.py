#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""admin.py BCASTD SHMSTAT ... - what --admin says is what bcast-shmstat says, and counted truth.

And where it listens, and how that fails.
"""
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

from stage import BCASTD, KIB, SHMSTAT, run

SENT = 700 * KIB + 17
DOORS = ("ingest", "egress", "admin")
# what goes on while nothing happens
MOVES = {"heartbeat_age_ns", "idle_ns", "loop_passes", "bcast_stream_heartbeat_age_seconds",
         "bcast_loop_passes_total"}


def get(stage, path, address="127.0.0.1"):
    connection = http.client.HTTPConnection(address, stage.ports["admin"], timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, (path, answer.status, text)
    return text


def shmstat(stage, *options):
    return subprocess.run([SHMSTAT, *options, stage.name], capture_output=True, text=True,
                          check=True, timeout=20).stdout


def metrics(text):
    return dict(line.rsplit(" ", 1) for line in text.split("\n") if line and line[0] != "#")


def still(value):
    """Without what moves by itself."""
    if isinstance(value, dict):
        return {key: still(kept) for key, kept in value.items() if key not in MOVES}
    return [still(kept) for kept in value] if isinstance(value, list) else value


def move_bytes(stage):
    """SENT bytes to each of three receivers, who have them all."""
    stage.start(doors=DOORS)
    stage.join("reader")
    receivers = [stage.connect("egress") for _ in range(3)]
    sender, sender_name = stage.connect("ingest")
    sender.sendall(b"m" * SENT)
    for receiver, _ in receivers:
        left = SENT
        while left:
            left -= len(receiver.recv(left))
    return [sender_name] + [name for _, name in receivers]


def agree(told, found):
    """Both are functions; what they tell is the same, once it stands still."""
    deadline = time.monotonic() + 20
    while True:
        one, other = told(), found()
        if one == other:
            return one
        assert time.monotonic() < deadline, [
            (key, one.get(key), other.get(key)) for key in one | other
            if one.get(key) != other.get(key)]


# ---- Claims ------------------------------------------------------------------

def metrics_are_those_of_shmstat_and_the_counted_truth(stage):
    move_bytes(stage)

    def numbers(text):
        return {name: value for name, value in metrics(text).items()
                if name.split("{")[0] not in MOVES}

    found = agree(lambda: numbers(get(stage, "/metrics")),
                  lambda: numbers(shmstat(stage, "--prometheus")))
    own = '{stream="%s"}' % stage.name
    for name, value in {"bcast_in_bytes_total": SENT, "bcast_out_bytes_total": 3 * SENT,
                        "bcast_stream_tail_bytes_total": SENT, "bcast_receivers": 3,
                        "bcast_receivers_joined_total": 3, "bcast_senders": 1}.items():
        assert found[name + own] == str(value), (name, found[name + own])
    # the comments too: it is the same text
    comments = [line for line in get(stage, "/metrics").split("\n") if line.startswith("#")]
    assert comments == [line for line in shmstat(stage, "--prometheus").split("\n")
                        if line.startswith("#")]


def stats_are_those_of_shmstat_and_the_counted_truth(stage):
    move_bytes(stage)
    found = agree(lambda: still(json.loads(get(stage, "/stats.json"))),
                  lambda: still(json.loads(shmstat(stage, "--json", "-eCn"))))
    assert found["stream"]["tail"] == found["counters"]["bytes_in"]["value"] == SENT
    assert found["summary"]["bytes_out"] == 3 * SENT
    assert [node["id"] for node in found["nodes"]] == ["reader"]


def receivers_are_those_of_shmstat_and_the_counted_truth(stage):
    peers = move_bytes(stage)
    socket.create_connection(("127.0.0.1", stage.ports["egress"])).close()
    deadline = time.monotonic() + 20
    while not json.loads(get(stage, "/receivers.json"))["closed"]:
        assert time.monotonic() < deadline
    found = agree(lambda: still(json.loads(get(stage, "/receivers.json"))),
                  lambda: still(json.loads(shmstat(stage, "--json", "-rc"))))
    told = {peer["peer"]: peer["bytes"] for peer in found["senders"] + found["receivers"]}
    assert told == dict.fromkeys(peers, SENT), told
    assert [end["reason"] for end in found["closed"]] == ["closed_by_peer"]


def numbers_agree_with_each_other_while_it_flows(stage):
    stage.start(doors=DOORS)
    receiver, _ = stage.connect("egress")
    sender, _ = stage.connect("ingest")
    sent = 0
    for _ in range(50):
        sender.sendall(b"f" * 10007)
        sent += 10007
        stats = json.loads(get(stage, "/stats.json"))
        # one text is of one moment, and never ahead of the truth
        assert stats["stream"]["oldest"] <= stats["stream"]["tail"] <= sent
        left = 10007
        while left:
            left -= len(receiver.recv(left))
    agree(lambda: {"in": json.loads(get(stage, "/stats.json"))["summary"]["bytes_out"]},
          lambda: {"in": sent})


def promtool_has_nothing_to_object_to(stage):
    if not shutil.which("promtool"):
        print("skipped: no promtool (package prometheus)")
        return
    move_bytes(stage)
    checked = subprocess.run(["promtool", "check", "metrics"], input=get(stage, "/metrics"),
                             capture_output=True, text=True, timeout=20, check=False)
    assert checked.returncode == 0, checked.stderr


def refused(stage, *options):
    """It does not start: the exit code, and the log."""
    daemon = subprocess.run([BCASTD, "--name", stage.name, "--listen", "127.0.0.1:0", *options],
                            capture_output=True, text=True, timeout=60, check=False)
    return daemon.returncode, daemon.stderr


def log_of(stage, *options):
    """Start, and have it listen; the lines until it does."""
    stage.daemon = subprocess.Popen(
        [BCASTD, "--name", stage.name, "--ring-size", "1M", *options], stderr=subprocess.PIPE,
        text=True)
    lines = []
    while not lines or "role=admin" not in lines[-1]:
        lines.append(stage.daemon.stderr.readline())
        assert lines[-1], lines
    return lines


def port_of(stage, line):
    stage.ports = {"admin": int(re.search(r"addr=\S*:(\d+) ", line).group(1))}


def without_a_host_it_is_for_this_machine(stage):
    lines = log_of(stage, "--listen", "127.0.0.1:0", "--admin", "0")
    assert re.match(r"info listening addr=127\.0\.0\.1:\d+ role=admin$", lines[-1])
    assert not any("admin_exposed" in line for line in lines)
    port_of(stage, lines[-1])
    facts = json.loads(get(stage, "/stats.json"))["facts"]
    assert f"admin 127.0.0.1:{stage.ports['admin']}" in facts.values(), facts


def alone_it_leaves_the_usual_listener(_):
    checked = subprocess.run([BCASTD, "--admin", "0", "--check-config"], capture_output=True,
                             text=True, timeout=20, check=True)
    assert "127.0.0.1:7400" in checked.stdout, checked.stdout


def other_addresses_are_served_with_a_warning(stage):
    lines = log_of(stage, "--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0")
    warnings = [line for line in lines if line.startswith("warn admin_exposed addr=0.0.0.0:")]
    assert len(warnings) == 1 and "neither encrypted nor authenticated" in warnings[0], lines
    port_of(stage, lines[-1])
    get(stage, "/healthz")


def all_addresses_of_a_name_are_served(stage):
    lines = log_of(stage, "--listen", "127.0.0.1:0", "--admin", "[::1]:0") \
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6") else None
    if not lines:
        print("skipped: no IPv6")
        return
    port_of(stage, lines[-1])
    get(stage, "/metrics", "::1")


def unix_socket_is_served(stage):
    path = f"/tmp/{stage.name}.sock"
    log_of(stage, "--listen", "127.0.0.1:0", "--admin", "unix:" + path)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(path)
        client.sendall(b"GET /readyz HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    stage.daemon.terminate()
    assert stage.daemon.wait(20) == 0
    assert not os.path.exists(path)


def address_in_use_is_told_with_its_cure(stage):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, log = refused(stage, "--admin", str(port))
    assert code == 69, log
    assert re.match(rf'error start_failed addr=127\.0\.0\.1:{port} error="the address is in '
                    r'use" fix="[^"]*another port', log), log


def what_is_no_address_is_told_so(stage):
    for text in ("x", "70000", "127.0.0.1", "0,max-lag=50%", ""):
        code, log = refused(stage, "--admin", text)
        assert code == 64 and log.count("\n") == 1 and "--admin" in log, (text, code, log)


sys.exit(run([
    metrics_are_those_of_shmstat_and_the_counted_truth,
    stats_are_those_of_shmstat_and_the_counted_truth,
    receivers_are_those_of_shmstat_and_the_counted_truth,
    numbers_agree_with_each_other_while_it_flows, promtool_has_nothing_to_object_to,
    without_a_host_it_is_for_this_machine, alone_it_leaves_the_usual_listener,
    other_addresses_are_served_with_a_warning, all_addresses_of_a_name_are_served,
    unix_socket_is_served, address_in_use_is_told_with_its_cure,
    what_is_no_address_is_told_so]))
