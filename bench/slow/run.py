#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/slow: what receivers that do not keep up cost those that do.

Each cell runs with them and without, in the same round; what counts is what
the good ones lose. README.md says what is measured, and how to read it.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import bench as drawing  # noqa: E402
from support import tcp  # noqa: E402

MIB = 1 << 20
SIP = 1024
MANY = 200
EGRESS = tcp.field("egress_gbit_s")
# May be lost at most: receivers stalled and in all.
ASKED = {"1/16": 0.02, "100/1000": 0.05}


def parse():
    parser = tcp.parser(__doc__, "slow", rounds=5)
    parser.add_argument("--cells", default="1/16,100/1000",
                        help="STALLED/ALL,... (%(default)s)")
    parser.add_argument("--policies", default="disconnect,skip",
                        help="also block, with --kinds sip: everybody then"
                        " waits for the slowest (%(default)s)")
    parser.add_argument("--kinds", default="never,sip",
                        help="never: connected, reads nothing. sip: 1 KiB a"
                        " second (%(default)s)")
    parser.add_argument("--quick", action="store_true",
                        help="to see that it works: half a second, 1 of 4")
    options = parser.parse_args()
    if options.quick:
        options.cells, options.rounds, options.policies = "1/4", 1, "disconnect"
        options.seconds, options.warmup = 0.4, 0.1
        options.retries, options.patience = 0, 0
    return tcp.finish(options)


def bcastd(options, name, policy, receivers, window):
    """Slow is who lags four windows: the good ones never do."""
    extra = ["--max-receivers", str(2 * receivers + 1), "--max-lag",
             str(min(192 * MIB, 4 * window))]
    if receivers > MANY:
        extra += ["--sndbuf", "256K"]
    system = tcp.Bcastd(name, policy=policy, extra=extra)
    return tcp.available(options, [system])


def cases(options):
    made = []
    for cell in options.cells.split(","):
        stalled, receivers = (int(n) for n in cell.split("/"))
        many = receivers > MANY
        window = MIB if many else 32 * MIB
        load = {"message": "64K", "window": window,
                "rcvbuf": "64K" if many else None,
                # for long enough that the slow ones become slow
                "seconds": options.seconds * (2 if many else 1),
                "warmup": options.warmup * (2 if many else 1)}
        for policy in options.policies.split(","):
            for kind in options.kinds.split(","):
                if policy == "block" and kind == "never":
                    continue
                name = f"{cell} {policy} {kind}"
                for which, count in (("without", 0), ("with", stalled)):
                    sip = SIP if kind == "sip" and count else None
                    made += [tcp.Case(one, name, receivers - stalled,
                                      stalled=count, sip=sip, **dict(load))
                             for one in bcastd(options, which, policy,
                                               receivers, window)]
    return made


def say(run):
    return f"{run['egress_gbit_s']:7.2f} Gbit/s  " \
        f"{run['server_cpu_s_per_gb']:.3f} CPU s/GB  slowest/fastest " \
        f"{run['slowest_bytes'] / max(1, run['fastest_bytes']):.2f}  " \
        f"dropped {run['stalled_dropped']}  " \
        f"line {run['line_before_ns']:.0f}/{run['line_after_ns']:.0f} ns"


def loss(bench, cell, name):
    if name != "with":
        return None
    ratio = bench.ratio((cell, "with"), (cell, "without"), EGRESS)
    return None if ratio is None else 100 * (1 - ratio)


def skips(bench, cell, name):
    return bench.median(cell, name, lambda run: run.get(
        "counters", {}).get("receivers_skips", 0))


COLUMNS = [
    ("Gbit/s", 7, "{:.2f}", tcp.median_of("egress_gbit_s")),
    ("lost %", 7, "{:.1f}", loss),
    ("asked", 6, "< {:.0f}", lambda bench, cell, name:
        100 * ASKED[cell.split()[0]] if name == "with"
        and cell.split()[0] in ASKED else None),
    ("CPU s/GB", 8, "{:.3f}", tcp.median_of("server_cpu_s_per_gb")),
    ("slow/fast", 9, "{:.3f}", lambda bench, cell, name: bench.median(
        cell, name, lambda run:
        run["slowest_bytes"] / max(1, run["fastest_bytes"]))),
    ("dropped", 7, "{:.0f}", tcp.median_of("stalled_dropped")),
    ("skips", 7, "{:.0f}", skips),
]


def plot(bench, made, path):
    rows = []
    for cell in dict.fromkeys(case.cell for case in made):
        found = [bench.median(cell, which, EGRESS)
                 for which in ("without", "with")]
        if None not in found:
            rows.append(f"\"{cell}\" {found[0]} {found[1]}")
    lines = ["set terminal pngcairo noenhanced size 1000,640",
             f"set output '{path}.png'",
             "set title 'Egress of the good receivers'",
             "set style data histograms", "set style fill solid 0.6",
             "set yrange [0:]", "set grid ytics", "set ylabel 'Gbit/s'",
             "set xtics rotate by -20", "$d << EOD"] + rows + [
                 "EOD", "plot $d using 2:xtic(1) title 'without stalled ones',"
                 " $d using 3 title 'with'"]
    return bool(rows) and drawing.gnuplot(lines, path)


def summarize(made):
    def make(bench, path):
        return tcp.table(bench, made, COLUMNS, "lost: of the egress of the"
                         " good ones, median over the rounds."), \
            plot(bench, made, path)
    return make


def main():
    options = parse()
    made = cases(options)
    return tcp.run_all(options, lambda bench: bench.rounds(made, say),
                       summarize(made))


if __name__ == "__main__":
    sys.exit(main())
