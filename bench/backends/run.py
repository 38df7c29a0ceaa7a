#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/backends: io_uring and epoll, zero copy on, off and auto, beside the
bare limit of each.

Saturated, and small updates at a pace, where what counts is what a delivery
costs. Options that this bcastd has not are left out. README.md says what is
measured, and how to read it.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fanout import systems  # noqa: E402
from support import bench as drawing  # noqa: E402
from support import tcp  # noqa: E402

MIB = 1 << 20
MANY = 200
EGRESS = tcp.field("egress_gbit_s")
DELIVERY = tcp.field("cpu_us_per_delivery")


def parse():
    parser = tcp.parser(__doc__, "backends", rounds=2)
    parser.add_argument("--saturated", default="1,16,64",
                        help="receivers (%(default)s)")
    parser.add_argument("--paced", default="16,1000",
                        help="receivers of small updates (%(default)s)")
    parser.add_argument("--message", default="256",
                        help="a small update (%(default)s)")
    parser.add_argument("--deliveries", type=float, default=100000,
                        help="of these a second, to all together, but at most"
                        " 1000 updates (%(default)s)")
    parser.add_argument("--backends", default="io_uring,epoll")
    parser.add_argument("--zerocopy", default="off,auto,on")
    parser.add_argument("--quick", action="store_true",
                        help="to see that it works: 2 receivers, half a second")
    options = parser.parse_args()
    if options.quick:
        options.saturated, options.paced, options.rounds = "2", "2", 1
        options.seconds, options.warmup = 0.3, 0.1
        options.retries, options.patience = 0, 0
    return tcp.finish(options)


class PacedLimit(systems.Limit):
    """The bare limit, which sends one update to all at its own pace."""

    def __init__(self, name, message, updates, buffer):
        super().__init__(name)
        self.extra = ["--chunk", message, "--every",
                      str(round(1e6 / updates))] + buffer


def variants(options, extra):
    """bcastd by each backend, and by io_uring with each zero copy."""
    found = [tcp.Bcastd(f"bcastd-{backend}", backend=backend, extra=extra)
             for backend in options.backends.split(",")]
    for value in options.zerocopy.split(","):
        if tcp.lacks(options, "--zerocopy", value) is None:
            found.append(tcp.Bcastd(f"bcastd-zc-{value}", backend="io_uring",
                                    extra=extra + ["--zerocopy", value]))
    return tcp.available(options, found)


def sockets(receivers):
    return ["--sndbuf", "256K"] if receivers > MANY else []


def updates(options, receivers):
    return min(1000.0, options.deliveries / receivers)


def cases(options):
    made = []
    limits = ["limit-hot", "limit-hot-epoll"]
    for receivers in tcp.numbers(options.saturated):
        load = {"message": "64K", "window": 32 * MIB}
        extra = ["--max-receivers", str(receivers + 1)] + sockets(receivers)
        for system in [systems.find(name) for name in limits] \
                + variants(options, extra):
            made.append(tcp.Case(system, f"{receivers} saturated", receivers,
                                 **load))
    for receivers in tcp.numbers(options.paced):
        pace = updates(options, receivers)
        load = {"message": options.message,
                "rcvbuf": "64K" if receivers > MANY else None}
        extra = ["--max-receivers", str(receivers + 1)] + sockets(receivers)
        cell = f"{receivers} x {options.message} B"
        for name in limits:
            system = PacedLimit(name, options.message, pace,
                                sockets(receivers))
            made.append(tcp.Case(system, cell, receivers, **load))
        for system in variants(options, extra):
            made.append(tcp.Case(system, cell, receivers, updates=pace, **load))
    return made


def say(run):
    return f"{run['egress_gbit_s']:8.3f} Gbit/s  " \
        f"{run['server_cpu_s_per_gb']:7.3f} CPU s/GB  " \
        f"{run['cpu_us_per_delivery']:7.3f} us/delivery  " \
        f"line {run['line_before_ns']:.0f}/{run['line_after_ns']:.0f} ns"


def to(other, value):
    def column(bench, cell, name):
        return bench.ratio((cell, name), (cell, other), value)
    return column


def to_limit(value, least):
    """The better limit: more egress, or less time a delivery."""
    def column(bench, cell, name):
        found = {one: bench.median(cell, one, value)
                 for one in ("limit-hot", "limit-hot-epoll")}
        found = {one: n for one, n in found.items() if n}
        if not found:
            return None
        best = (min if least else max)(found, key=found.get)
        return bench.ratio((cell, name), (cell, best), value)
    return column


def calls(bench, cell, name):
    """Sends of the daemon's in a turn of its loop: with io_uring, one system
    call."""
    return bench.median(cell, name, lambda run: run.get("counters", {}).get(
        "sends", 0) / max(1, run.get("counters", {}).get("loop_passes", 1)))


def ms(which):
    get = tcp.median_of(which, "p50")

    def column(bench, cell, name):
        found = get(bench, cell, name)
        return None if found is None else found / 1e3
    return column


SATURATED = [
    ("Gbit/s", 7, "{:.2f}", tcp.median_of("egress_gbit_s")),
    ("limit", 6, "{:.2f}", to_limit(EGRESS, False)),
    ("io_uring", 8, "{:.2f}", to("bcastd-io_uring", EGRESS)),
    ("CPU s/GB", 8, "{:.3f}", tcp.median_of("server_cpu_s_per_gb")),
    ("io_uring", 8, "{:.2f}", to("bcastd-io_uring",
                                 tcp.field("server_cpu_s_per_gb"))),
    ("sends/turn", 10, "{:.1f}", calls),
]
PACED = [
    ("us/delivery", 11, "{:.3f}", tcp.median_of("cpu_us_per_delivery")),
    ("limit", 6, "{:.2f}", to_limit(DELIVERY, True)),
    ("io_uring", 8, "{:.2f}", to("bcastd-io_uring", DELIVERY)),
    ("first", 7, "{:.3f}", ms("first_us")),
    ("median", 7, "{:.3f}", ms("median_us")),
    ("last", 7, "{:.3f}", ms("last_us")),
    ("sends/turn", 10, "{:.1f}", calls),
]


def plot(bench, made, path):
    lines = ["set terminal pngcairo noenhanced size 1000,900",
             f"set output '{path}.png'", "set multiplot layout 2,1",
             "set style data histograms", "set style fill solid 0.6",
             "set yrange [0:]", "set grid ytics", "set key outside right"]
    for paced, label, value in ((False, "egress, Gbit/s", EGRESS),
                                (True, "CPU us a delivery", DELIVERY)):
        mine = [case for case in made
                if case.cell.endswith("saturated") != paced]
        names = list(dict.fromkeys(case.system.name for case in mine))
        cells = list(dict.fromkeys(case.cell for case in mine))
        if not mine:
            continue
        block = f"$d{int(paced)}"
        lines += [f"{block} << EOD"]
        for cell in cells:
            values = [bench.median(cell, name, value) for name in names]
            lines.append(f"\"{cell}\" " + " ".join(
                "?" if one is None else str(one) for one in values))
        lines += ["EOD", f"set ylabel '{label}'", "plot " + ", ".join(
            f"{block} using {2 + i}:xtic(1) title '{name}'"
            for i, name in enumerate(names))]
    return drawing.gnuplot(lines, path)


def summarize(made):
    def make(bench, path):
        texts = []
        for paced, columns in ((False, SATURATED), (True, PACED)):
            mine = [case for case in made
                    if case.cell.endswith("saturated") != paced]
            if mine:
                texts.append(tcp.table(bench, mine, columns))
        texts.append("limit, io_uring: the column before, to the better limit"
                     " and to bcastd by io_uring.\nfirst, median, last:"
                     " receiver that had an update, p50, ms from when it was"
                     " due.")
        return "\n\n".join(texts), plot(bench, made, path)
    return make


def main():
    options = parse()
    made = cases(options)
    return tcp.run_all(options, lambda bench: bench.rounds(made, say),
                       summarize(made))


if __name__ == "__main__":
    sys.exit(main())
