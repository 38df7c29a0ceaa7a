#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/packets: messages of a size from one publisher to N subscribers.

All are framed: bcastd by its records at a --packet address, its peers by their
own protocols, and publisher and subscribers are TCP clients of each. README.md
says what is measured, and how to read it.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fanout import systems  # noqa: E402
from support import bench as drawing  # noqa: E402
from support import tcp  # noqa: E402

# Deliveries beside the best peer's, by payload.
ASKED = {64: 4.0, 1024: 2.5}
PEERS = ["redis", "nats", "mosquitto"]


class Packets(systems.Bcastd):
    """bcastd with --packet; the window keeps everybody within the ring."""

    protocol = "packet"

    def start(self, options, folder):
        server = systems.Server(
            [options.bcastd, "--name", options.stream, "--format", "packet",
             "--packet", "127.0.0.1:0", "--ring-size", "256M",
             "--slow-policy", "block", "--idle-timeout", "60m",
             "--congestion", options.congestion] + list(self.extra)
            + options.bcastd_options.split(), folder)
        server.wait_for_log(["packet"])
        return server


class PacketsChecked(Packets):
    """The same, each record with a checksum, which the daemon checks."""

    protocol = "packet-crc"


class PacketsMany(Packets):
    """The same, with the publisher as one of many: one copy more."""

    extra = ("--publishers", "many")


OURS = {"bcastd": Packets, "bcastd-crc": PacketsChecked,
        "bcastd-many": PacketsMany}


class Bench(tcp.Bench):
    """With bench/fanout's load program: a thread a subscriber."""

    def command(self, case, server):
        options = self.options
        return [os.path.join(options.build, "bench", "bench_fanout_load"),
                "--protocol", case.system.protocol,
                "--egress", server.egress, "--ingest", server.ingest,
                "--receivers", str(case.receivers),
                "--message", str(case.load["message"]),
                "--window", options.window,
                "--warmup", str(options.warmup),
                "--seconds", str(options.seconds),
                "--server-pid", str(server.pid),
                "--congestion", options.congestion]


def parse():
    parser = tcp.parser(__doc__, "packets", rounds=3, seconds=2.0)
    parser.add_argument("--sizes", default="64,1024,65536",
                        help="payloads (%(default)s)")
    parser.add_argument("--subscribers", type=int, default=16,
                        help="(%(default)s)")
    parser.add_argument("--systems", default=",".join(list(OURS) + PEERS),
                        help="(%(default)s)")
    parser.add_argument("--window", default="32M",
                        help="how far the publisher may be ahead of the"
                        " slowest subscriber (%(default)s)")
    parser.add_argument("--quick", action="store_true",
                        help="to see that it works: one size, no peers")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.rounds, options.subscribers = "1024", 1, 2
        options.systems = "bcastd,bcastd-crc,bcastd-many"
        options.seconds, options.warmup = 0.3, 0.1
        options.retries, options.patience = 0, 0
    return tcp.finish(options, ["bench_fanout_load"])


def find(name, size):
    if name in OURS:
        return OURS[name](name, str(size))
    one = systems.find(f"{name}@{size}")
    one.name = name
    return one


def cases(options):
    return [tcp.Case(one, f"{size} B", options.subscribers, message=size)
            for size in tcp.numbers(options.sizes)
            for one in tcp.available(options, [
                find(name, size) for name in options.systems.split(",")])]


def rate(run):
    """Deliveries a second: a message to one subscriber is one."""
    return run["payload_bytes"] / run["message_bytes"] / run["seconds"]


def millions(bench, cell, name):
    found = bench.median(cell, name, rate)
    return None if found is None else found / 1e6


def cpu(run):
    """Of the server, ns a delivery."""
    return run["server_cpu_s"] / run["seconds"] / rate(run) * 1e9


def to_best_peer(bench, cell, name):
    best = bench.best(cell, "peer", rate)
    return bench.ratio((cell, name), (cell, best), rate) if best else None


def to_plain(bench, cell, name):
    return bench.ratio((cell, name), (cell, "bcastd"), rate)


def say(run):
    return f"{rate(run) / 1e6:8.3f} M/s  {run['egress_gbit_s']:6.2f} Gbit/s" \
        f"  {cpu(run):6.0f} ns CPU  line {run['line_before_ns']:.0f}/" \
        f"{run['line_after_ns']:.0f} ns"


def verdicts(bench, options):
    lines = []
    for size in tcp.numbers(options.sizes):
        cell = f"{size} B"
        best = bench.best(cell, "peer", rate)
        found = to_best_peer(bench, cell, "bcastd")
        if best and found and size in ASKED:
            lines.append(f"{cell}: {found:.2f} times {best}"
                         f" (asked {ASKED[size]})")
        checked = to_plain(bench, cell, "bcastd-crc")
        if checked:
            lines.append(f"{cell}: checksums cost {100 * (1 - checked):.1f} %"
                         + (" (asked 10)" if size == 1024 else ""))
    return "\n".join(lines)


def main():
    options = parse()
    made = cases(options)

    def summarize(bench, path):
        columns = [
            ("M/s", 9, "{:.3f}", millions),
            ("Gbit/s", 7, "{:.2f}", tcp.median_of("egress_gbit_s")),
            ("ns CPU", 7, "{:.0f}",
             lambda b, c, n: b.median(c, n, cpu)),
            ("best peer", 9, "{:.2f}", to_best_peer),
            ("bcastd", 7, "{:.2f}", to_plain)]
        text = tcp.table(bench, made, columns, verdicts(bench, options))
        return text, draw(bench, made, options, path)

    return tcp.run_all(options, lambda bench: bench.rounds(made, say),
                       summarize, Bench)


def draw(bench, made, options, path):
    sizes = tcp.numbers(options.sizes)
    names = list(dict.fromkeys(case.system.name for case in made))
    lines = ["set terminal pngcairo noenhanced size 1000,640",
             f"set output '{path}.png'",
             f"set title '{options.subscribers} subscribers'",
             "set xlabel 'payload, bytes'", "set logscale xy",
             "set ylabel 'deliveries, millions a second'", "set grid",
             "set key outside right"]
    for number, name in enumerate(names):
        points = [(size, millions(bench, f"{size} B", name))
                  for size in sizes]
        lines += [f"$s{number} << EOD"] + [
            f"{size} {found}" for size, found in points if found] + ["EOD"]
    lines.append("plot " + ", ".join(
        f"$s{number} with linespoints title '{name}'"
        for number, name in enumerate(names)))
    return bool(bench.runs) and drawing.gnuplot(lines, path)


if __name__ == "__main__":
    sys.exit(main())
