#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/scale: from one receiver to ten thousand: bcastd, the bare limit and
its peers, side by side.

saturated: as fast as the slowest receiver takes. paced: small updates at a
fixed pace; when does the first, the median, the last receiver have each?
README.md says what is measured, and how to read it.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fanout import machine, systems  # noqa: E402
from support import bench as drawing  # noqa: E402
from support import tcp  # noqa: E402

MIB = 1 << 20
MANY = 5000         # from here on, more time and smaller buffers
NCAT_MAX = 100      # it serves all by select(), and copies by 8 KiB
PACED_DELIVERIES = 50000    # a second, of all receivers together
PACED_UPDATES = 1000
SOCKETS = 1 << 30   # what all sockets together may hold
EGRESS = tcp.field("egress_gbit_s")


def parse():
    parser = tcp.parser(__doc__, "scale", rounds=1)
    parser.add_argument("--receivers", default="16,1000,10000",
                        help="N,... up to 16384 (%(default)s)")
    parser.add_argument("--sweep", action="store_true",
                        help="--receivers 1,16,64,100,1000,10000")
    parser.add_argument("--modes", default="saturated,paced")
    parser.add_argument("--systems",
                        default="limit-hot,bcastd,redis,nats,mosquitto,ncat",
                        help="also limit-walk, limit-hot-epoll, redis-io2"
                        " (%(default)s)")
    parser.add_argument("--backends", default="auto",
                        help="bcastd's, one system each: auto, io_uring, epoll"
                        " (%(default)s)")
    parser.add_argument("--message", default="1K",
                        help="a paced update (%(default)s)")
    parser.add_argument("--sndbuf", default="auto",
                        help="of the server's sockets; auto: the system's up"
                        " to 100 receivers, then 256K, from 5000 on 64K")
    parser.add_argument("--quick", action="store_true",
                        help="to see that it works: 2 and 200 receivers, half"
                        " a second, bcastd and the limit")
    options = parser.parse_args()
    if options.sweep:
        options.receivers = "1,16,64,100,1000,10000"
    if options.quick:
        options.receivers, options.rounds = "2,200", 1
        options.seconds, options.warmup = 0.4, 0.1
        options.retries, options.patience = 0, 0
        options.systems = "limit-hot,bcastd"
    return tcp.finish(options)


def sndbuf(options, receivers):
    """'' for the system's."""
    if options.sndbuf != "auto":
        return options.sndbuf
    if receivers <= NCAT_MAX:
        return ""
    return "64K" if receivers >= MANY else "256K"


def bcastds(options, receivers):
    size = sndbuf(options, receivers)
    extra = ["--max-receivers", str(receivers + 1)] + \
        (["--sndbuf", size] if size else [])
    return [tcp.Bcastd("bcastd" if one == "auto" else f"bcastd-{one}",
                       backend=None if one == "auto" else one, extra=extra)
            for one in options.backends.split(",")]


def wanted(options, receivers):
    found = []
    size = sndbuf(options, receivers)
    for name in options.systems.split(","):
        if name == "bcastd":
            found += bcastds(options, receivers)
            continue
        if name.startswith("ncat") and receivers > NCAT_MAX:
            continue
        one = systems.find(name)
        if one.kind == "limit" and size:
            one.extra = ["--sndbuf", size]
        found.append(one)
    return tcp.available(options, found)


def saturated(options, system, receivers):
    """How it is loaded. Peers hold a copy of what each receiver lags: their
    window is smaller when there are many. The others end with so much to come
    that nobody waits for it."""
    message = "64K" if system.kind != "peer" or receivers <= 1000 else "16K"
    if "@" in system.name:
        message = system.message
    if system.kind != "peer":
        return {"message": message, "window": 32 * MIB,
                "leave": receivers > NCAT_MAX}
    window = max(SOCKETS // receivers, 8 * systems.size(message))
    return {"message": message, "window": min(32 * MIB, window)}


def cases(options):
    made = []
    for receivers in tcp.numbers(options.receivers):
        found = wanted(options, receivers)
        many = receivers >= MANY
        time = {"seconds": options.seconds * (3 if many else 1),
                "warmup": options.warmup * (3 if many else 1)}
        time["rcvbuf"] = "64K" if receivers > NCAT_MAX else None
        for mode in options.modes.split(","):
            for system in found:
                if mode == "paced" and system.kind == "limit":
                    continue
                load = saturated(options, system, receivers) \
                    if mode == "saturated" else \
                    {"message": options.message,
                     "updates": min(PACED_UPDATES,
                                    PACED_DELIVERIES / receivers)}
                made.append(tcp.Case(system, f"{receivers} {mode}", receivers,
                                     **dict(load, **time)))
    return made


def measure(bench, options):
    """The send buffers of peers and limit follow those of bcastd."""
    def one(case):
        size = sndbuf(options, case.receivers)
        tcp.limit_send_buffers(options,
                               2 * systems.size(size) if size else 4 * MIB)
        run = bench.measure(case)
        if case.system.kind == "bcast" and "user_bytes" in run:
            # slots are touched at start: what none of them would take
            run["user_per_receiver"] = round(
                (run["user_bytes"] - bench.bare_bytes) / case.receivers)
        return run
    return one


def bare_bytes(bench, options):
    """Of a bcastd with a single slot, and nobody there."""
    server = tcp.Bcastd(extra=["--max-receivers", "1"]).start(
        options, bench.folder)
    try:
        lines = machine.read(f"/proc/{server.pid}/smaps_rollup", "")
        return sum(int(line.split()[1]) * 1024 for line in lines.splitlines()
                   if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    finally:
        server.stop()


def say(run):
    text = f"{run['egress_gbit_s']:7.3f} Gbit/s  " \
        f"{run['server_cpu_s_per_gb']:.3f} CPU s/GB  "
    if "last_us" in run:
        text += "first/median/last " + "/".join(
            f"{run[which]['p50'] / 1e3:.2f}"
            for which in ("first_us", "median_us", "last_us")) + " ms  "
    else:
        text += f"slowest/fastest {fairness(run):.2f}  "
    return text + f"line {run['line_before_ns']:.0f}/" \
        f"{run['line_after_ns']:.0f} ns"


def fairness(run):
    return run["slowest_bytes"] / max(1, run["fastest_bytes"])


def to_best(kind):
    """The column: egress as part of that of the best of a kind."""
    def value(bench, cell, name):
        best = bench.best(cell, kind, EGRESS)
        return bench.ratio((cell, name), (cell, best), EGRESS) if best else None
    return value


def ms(which, at):
    get = tcp.median_of(which, at)

    def value(bench, cell, name):
        found = get(bench, cell, name)
        return None if found is None else found / 1e3
    return value


SATURATED = [
    ("Gbit/s", 7, "{:.2f}", tcp.median_of("egress_gbit_s")),
    ("limit", 5, "{:.2f}", to_best("limit")),
    ("peer", 5, "{:.2f}", to_best("peer")),
    ("CPU s/GB", 8, "{:.3f}", tcp.median_of("server_cpu_s_per_gb")),
    ("slow/fast", 9, "{:.3f}",
     lambda bench, cell, name: bench.median(cell, name, fairness)),
    ("user B/rcv", 10, "{:.0f}", tcp.median_of("user_per_receiver")),
    ("sock B/rcv", 10, "{:.0f}", tcp.median_of("socket_bytes_per_receiver")),
]
PACED = [
    ("us/delivery", 11, "{:.2f}", tcp.median_of("cpu_us_per_delivery")),
    ("first", 7, "{:.2f}", ms("first_us", "p50")),
    ("median", 7, "{:.2f}", ms("median_us", "p50")),
    ("last", 7, "{:.2f}", ms("last_us", "p50")),
    ("p99", 7, "{:.2f}", ms("last_us", "p99")),
    ("user B/rcv", 10, "{:.0f}", tcp.median_of("user_per_receiver")),
]


def plot(bench, made, path):
    """Two: egress, and the last receiver's delay, against receivers."""
    lines = ["set terminal pngcairo noenhanced size 1000,900",
             f"set output '{path}.png'", "set multiplot layout 2,1",
             "set logscale x", "set grid", "set key outside right",
             "set xlabel 'receivers'"]
    for mode, label, value in (
            ("saturated", "egress, Gbit/s", tcp.median_of("egress_gbit_s")),
            ("paced", "last receiver, p50, ms", ms("last_us", "p50"))):
        drawn = []
        for name in dict.fromkeys(case.system.name for case in made):
            rows = []
            for case in made:
                if case.system.name == name and case.cell.endswith(mode):
                    found = value(bench, case.cell, name)
                    if found is not None:
                        rows.append(f"{case.receivers} {found}")
            if rows:
                block = f"$d{len(lines)}"
                lines += [f"{block} << EOD"] + rows + ["EOD"]
                drawn.append(f"{block} with linespoints title '{name}'")
        if drawn:
            lines += [f"set ylabel '{label}'",
                      "set yrange [0:]" if mode == "saturated" else
                      "set logscale y; set yrange [*:*]",
                      "plot " + ", ".join(drawn)]
    return drawing.gnuplot(lines, path)


def summarize(made):
    def make(bench, path):
        texts = []
        for mode, columns in (("saturated", SATURATED), ("paced", PACED)):
            mine = [case for case in made if case.cell.endswith(mode)]
            if mine:
                texts.append(tcp.table(bench, mine, columns))
        texts.append("limit, peer: egress to the best of those. user B/rcv:"
                     " Pss of the server; bcastd's to one without slots.\n"
                     "first, median, last: receiver that had an update, p50 of"
                     " the updates, and p99 of the last; ms from when it was"
                     " due.")
        return "\n\n".join(texts), plot(bench, made, path)
    return make


def main():
    options = parse()
    made = cases(options)

    def work(bench):
        bench.bare_bytes = bare_bytes(bench, options)
        bench.rounds(made, say, measure(bench, options))

    return tcp.run_all(options, work, summarize(made))


if __name__ == "__main__":
    sys.exit(main())
