#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/echo: clients that send a packet and wait until it has come back:
bcastd's --echo, a plain epoll server, and libuv's, side by side.

README.md says what is measured, and how to read it.
"""
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fanout import systems  # noqa: E402
from support import bench as drawing  # noqa: E402
from support import tcp  # noqa: E402

ALL_CLIENTS = "10,100,500,1000,2000,5000,10000"
ALL_PAYLOADS = "64,1K,4K,16K,64K"
SLOW_BYTES_S = 1.0e9    # what all clients' packets are under way at, at worst
TURNS = 4               # round trips of everybody, at least, in a window
EXTRA_S = 60
RATE = tcp.field("packets_s")


def parse():
    parser = tcp.parser(__doc__, "echo", rounds=1, seconds=0.8)
    parser.set_defaults(warmup=0.2, patience=1)
    parser.add_argument("--clients", default=ALL_CLIENTS,
                        help="N,... (%(default)s)")
    parser.add_argument("--payloads", default=ALL_PAYLOADS,
                        help="SIZE,... (%(default)s)")
    parser.add_argument("--pipeline", type=int, default=1,
                        help="packets of each client that are under way"
                        " (%(default)s)")
    parser.add_argument("--systems", default="bcastd,bcastd-batch,plain,libuv",
                        help="also bcastd-epoll, and bcastd-delay@50us: batch"
                        " with that delay (%(default)s)")
    parser.add_argument("--full", action="store_true",
                        help="three rounds, windows of 2 s: 40 minutes")
    parser.add_argument("--quick", action="store_true",
                        help="to see that it works: 5 and 200 clients")
    options = parser.parse_args()
    if options.full:
        options.rounds, options.seconds, options.warmup = 3, 2.0, 0.5
    if options.quick:
        options.clients, options.payloads = "5,200", "64,64K"
        options.rounds, options.seconds, options.warmup = 1, 0.2, 0.1
        options.retries, options.patience = 0, 0
    return tcp.finish(options, ["bench_echo_load", "bench_echo_plain"])


def processors():
    """The server's and the load's; None: there is one for both."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


# ---- Systems ----------------------------------------------------------------

class Echo(systems.System):
    """A server of ours that is not bcastd, on its processor."""

    kind = "peer"
    program = ""

    def path(self, options):
        return os.path.join(options.build, "bench", self.program)

    def missing(self, options):
        if os.access(self.path(options), os.X_OK):
            return None
        return f"no {self.program} in this build (Debian package" \
            f" {self.package})"

    def arguments(self, options):
        return [self.path(options), "127.0.0.1:0", options.congestion]

    def start(self, options, folder):
        server = systems.Server(self.arguments(options), folder)
        cpu = processors()[0]
        if cpu is not None:
            os.sched_setaffinity(server.pid, {cpu})
        server.wait_for_log(["echo"])
        with open(server.log, encoding="utf-8") as log:
            server.address = re.search(r"addr=(\S+) role=echo",
                                       log.read()).group(1)
        return server


class Plain(Echo):
    program = "bench_echo_plain"


class Libuv(Echo):
    program, package = "bench_echo_libuv", "libuv1-dev"


class Bcastd(Echo):
    kind = "bcast"

    def __init__(self, name, extra=()):
        super().__init__(name)
        self.extra = list(extra)

    def path(self, options):
        return options.bcastd

    def arguments(self, options):
        return [options.bcastd, "--name", options.stream,
                "--ring-size", "1M", "--listen", "127.0.0.1:0",
                "--echo", f"127.0.0.1:0,congestion={options.congestion}"] \
            + self.extra + options.bcastd_options.split()


def find(name):
    base, _, delay = name.partition("@")
    if base == "bcastd":
        return Bcastd(name)
    if base == "bcastd-epoll":
        return Bcastd(name, ["--backend", "epoll"])
    if base == "bcastd-batch":
        return Bcastd(name, ["--echo-mode", "batch"])
    if base == "bcastd-delay":
        return Bcastd(name, ["--echo-mode", "batch", "--echo-batch-delay",
                             delay or "50us"])
    if base == "plain":
        return Plain(name)
    if base == "libuv":
        return Libuv(name)
    sys.exit(f"no system {name}")


# ---- Runs -------------------------------------------------------------------

def window(options, clients, payload):
    """With thousands of large packets a round trip takes a second."""
    trip = clients * payload * options.pipeline / SLOW_BYTES_S
    return max(options.seconds, TURNS * trip), max(options.warmup, trip)


def cases(options):
    found = tcp.available(options, [find(name) for name
                                    in options.systems.split(",")])
    made = []
    for clients in tcp.numbers(options.clients):
        for payload in options.payloads.split(","):
            seconds, warmup = window(options, clients, systems.size(payload))
            for system in found:
                made.append(tcp.Case(
                    system, f"{clients} x {payload}", clients,
                    payload=payload, pipeline=options.pipeline,
                    seconds=seconds, warmup=warmup))
    return made


def load(options, case, server):
    command = [os.path.join(options.build, "bench", "bench_echo_load"),
               "--address", server.address, "--clients", str(case.receivers),
               "--payload", case.load["payload"],
               "--pipeline", str(case.load["pipeline"]),
               "--warmup", str(case.warmup), "--seconds", str(case.seconds),
               "--congestion", options.congestion,
               "--server-pid", str(server.pid)]
    cpu = processors()[1]
    if cpu is not None:
        command += ["--cpu", str(cpu)]
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          timeout=case.warmup + case.seconds + EXTRA_S,
                          preexec_fn=systems.die_with_parent)
    if done.returncode != 0:
        return {"error": f"{done.stderr.strip()}; {server.tail()}"}
    run = json.loads(done.stdout)
    if run["lost"] or run["wrong"]:
        run["error"] = f"{run['lost']} lost, {run['wrong']} wrong"
    return run


def measure(bench):
    """One server for all runs of a system: it is the same however often."""
    def one(case):
        name = case.system.name
        if name not in bench.servers:
            folder = os.path.join(bench.folder, name)
            os.makedirs(folder)
            options = bench.options
            options.stream = f"bench-echo-{os.getpid()}-{len(bench.servers)}"
            bench.servers[name] = case.system.start(options, folder)
        server = bench.servers[name]
        server.alive()
        return dict(load(bench.options, case, server), seconds=case.seconds)
    return one


def work(options, made):
    def do(bench):
        bench.servers = {}
        try:
            bench.rounds(made, say, measure(bench))
        finally:
            for server in bench.servers.values():
                server.stop()
            for number in range(len(bench.servers) + 1):
                tcp.remove_segments(f"bench-echo-{os.getpid()}-{number}")
    return do


def say(run):
    return f"{run['packets_s']:9.0f} packets/s {run['gb_s']:7.3f} GB/s " \
        f" mean {run['mean_us'] / 1e3:8.3f} ms  p99 {run['p99_us'] / 1e3:8.3f}" \
        f"  CPU server {run['server_cpu']:.2f} load {run['load_cpu']:.2f}" \
        f"  line {run['line_before_ns']:.0f}/{run['line_after_ns']:.0f} ns"


# ---- Tables -----------------------------------------------------------------

def cost_us(run):
    return run["server_cpu"] / max(1, run["packets_s"]) * 1e6


def to_plain(value):
    def column(bench, cell, name):
        return bench.ratio((cell, name), (cell, "plain"), value)
    return column


def ms(which):
    get = tcp.median_of(which)

    def column(bench, cell, name):
        found = get(bench, cell, name)
        return None if found is None else found / 1e3
    return column


COLUMNS = [
    ("packets/s", 10, "{:.0f}", tcp.median_of("packets_s")),
    ("plain", 6, "{:.3f}", to_plain(RATE)),
    ("GB/s", 7, "{:.3f}", tcp.median_of("gb_s")),
    ("mean", 8, "{:.3f}", ms("mean_us")),
    ("p50", 8, "{:.3f}", ms("p50_us")),
    ("p95", 8, "{:.3f}", ms("p95_us")),
    ("p99", 8, "{:.3f}", ms("p99_us")),
    ("max", 8, "{:.3f}", ms("max_us")),
    ("lost", 4, "{:.0f}", tcp.median_of("lost")),
    ("us/pkt", 7, "{:.2f}", lambda bench, cell, name: bench.median(
        cell, name, cost_us)),
    ("plain", 6, "{:.3f}", to_plain(cost_us)),
    ("CPU", 4, "{:.2f}", tcp.median_of("server_cpu")),
    ("load", 4, "{:.2f}", tcp.median_of("load_cpu")),
]


def plot(bench, made, path):
    names = list(dict.fromkeys(case.system.name for case in made))
    cells = list(dict.fromkeys(case.cell for case in made))
    lines = ["set terminal pngcairo noenhanced size 1400,700",
             f"set output '{path}.png'", "set style data linespoints",
             "set yrange [0:]", "set grid", "set xtics rotate by -60",
             "set ylabel 'packets/s, as part of plain'",
             "set key outside right", "$d << EOD"]
    for cell in cells:
        values = [bench.ratio((cell, name), (cell, "plain"), RATE)
                  for name in names]
        lines.append(f"\"{cell}\" " + " ".join(
            "?" if one is None else str(one) for one in values))
    lines += ["EOD", "plot " + ", ".join(
        f"$d using {2 + i}:xtic(1) title '{name}'"
        for i, name in enumerate(names))]
    return drawing.gnuplot(lines, path)


def worst(bench, made):
    """Where each system is furthest behind plain, and furthest ahead."""
    lines = []
    for name in dict.fromkeys(case.system.name for case in made):
        found = {case.cell: bench.ratio((case.cell, name),
                                        (case.cell, "plain"), RATE)
                 for case in made if case.system.name == name}
        found = {cell: one for cell, one in found.items() if one}
        if name != "plain" and found:
            low, high = min(found, key=found.get), max(found, key=found.get)
            lines.append(f"{name}: to plain from {found[low]:.3f} ({low}) to"
                         f" {found[high]:.3f} ({high})")
    return "\n".join(lines)


def summarize(made):
    def make(bench, path):
        text = tcp.table(bench, made, COLUMNS)
        text += "\nplain: the column before, to that of plain. mean ... max:" \
            " round trips, ms. us/pkt: CPU of the server a packet.\nCPU, load:" \
            " busy processors of the server and of the load program.\n"
        return text + worst(bench, made), plot(bench, made, path)
    return make


def main():
    options = parse()
    made = cases(options)
    return tcp.run_all(options, work(options, made), summarize(made))


if __name__ == "__main__":
    sys.exit(main())
