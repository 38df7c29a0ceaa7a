#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/slow: what receivers that do not keep up cost those that do.

The good ones stay while the others come and go: windows without and with them,
in turns; what counts is what the good ones lose. README.md says what is measured, and how to read it.
"""
import os
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import bench as drawing  # noqa: E402
from support import tcp  # noqa: E402

MIB = 1 << 20
SIP = 1024
MANY = 200
# May be lost at most: receivers stalled and in all.
ASKED = {"1/16": 0.02, "100/1000": 0.05}


def parse():
    parser = tcp.parser(__doc__, "slow", rounds=2, seconds=1.0)
    parser.add_argument("--pairs", type=int, default=4,
                        help="of windows, without and with, in each round"
                        " (%(default)s)")
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
        options.cells, options.rounds, options.pairs = "1/4", 1, 1
        options.seconds, options.warmup = 0.3, 0.1
        options.retries, options.patience = 0, 0
    return tcp.finish(options)


def bcastd(options, policy, receivers, window):
    """Slow is who lags four windows: the good ones never do."""
    extra = ["--max-receivers", str(2 * receivers + 1), "--max-lag",
             str(min(192 * MIB, 4 * window))]
    if receivers > MANY:
        extra += ["--sndbuf", "256K"]
    return tcp.available(options, [tcp.Bcastd(policy, policy=policy,
                                              extra=extra)])


def cases(options):
    made = []
    for cell in options.cells.split(","):
        stalled, receivers = (int(n) for n in cell.split("/"))
        many = receivers > MANY
        window = MIB if many else 32 * MIB
        load = {"message": "64K", "window": window, "stalled": stalled,
                "phases": 2 * options.pairs,
                "rcvbuf": "64K" if many else None,
                # for long enough that the slow ones become slow
                "seconds": options.seconds * (2 if many else 1)}
        for policy in options.policies.split(","):
            for kind in options.kinds.split(","):
                if policy == "block" and kind == "never":
                    continue
                made += [tcp.Case(one, f"{cell} {kind}", receivers - stalled,
                                  sip=SIP if kind == "sip" else None,
                                  **dict(load))
                         for one in bcastd(options, policy, receivers, window)]
    return made


def pairs(run):
    """What was lost in each, per cent: without, with; with, without."""
    found = run["phases"]
    lost = []
    for first, second in zip(found[0::2], found[1::2]):
        off, on = (second, first) if first["stalled"] else (first, second)
        if off["egress_gbit_s"]:
            lost.append(100 * (1 - on["egress_gbit_s"] / off["egress_gbit_s"]))
    return lost


def all_pairs(bench, cell, name):
    return sorted(one for run in bench.good(cell, name).values()
                  for one in pairs(run))


def quantile(part):
    def column(bench, cell, name):
        lost = all_pairs(bench, cell, name)
        return lost[min(len(lost) - 1, int(part * len(lost)))] if lost else None
    return column


def phases_of(stalled, value):
    def column(bench, cell, name):
        found = [phase[value] for run in bench.good(cell, name).values()
                 for phase in run["phases"] if phase["stalled"] == stalled]
        return statistics.median(found) if found else None
    return column


def say(run):
    lost = sorted(pairs(run))
    return f"{run['egress_gbit_s']:7.2f} Gbit/s  lost " + \
        f"{statistics.median(lost):.1f} % ({lost[0]:.1f} to {lost[-1]:.1f})" \
        f"  dropped {run['stalled_dropped']}  " \
        f"line {run['line_before_ns']:.0f}/{run['line_after_ns']:.0f} ns"


def skips(bench, cell, name):
    return bench.median(cell, name, lambda run: run.get(
        "counters", {}).get("receivers_skips", 0))


def asked(bench, cell, name):
    return 100 * ASKED[cell.split()[0]] if cell.split()[0] in ASKED else None


COLUMNS = [
    ("without", 8, "{:.2f}", phases_of(False, "egress_gbit_s")),
    ("with", 8, "{:.2f}", phases_of(True, "egress_gbit_s")),
    ("lost %", 7, "{:.1f}", lambda *of: statistics.median(all_pairs(*of))),
    ("quarter", 7, "{:.1f}", quantile(0.25)),
    ("3/4", 7, "{:.1f}", quantile(0.75)),
    ("asked", 6, "< {:.0f}", asked),
    ("CPU s/GB", 8, "{:.3f}", phases_of(False, "server_cpu_s_per_gb")),
    ("with", 6, "{:.3f}", phases_of(True, "server_cpu_s_per_gb")),
    ("dropped", 7, "{:.0f}", tcp.median_of("stalled_dropped")),
    ("skips", 7, "{:.0f}", skips),
]


def plot(bench, made, path):
    rows = []
    for case in made:
        found = [phases_of(stalled, "egress_gbit_s")(
            bench, case.cell, case.system.name) for stalled in (False, True)]
        if None not in found:
            rows.append(f"\"{case.cell} {case.system.name}\""
                        f" {found[0]} {found[1]}")
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
        return tcp.table(
            bench, made, COLUMNS, "Gbit/s of the good ones, without stalled"
            " ones and with them; lost: median and quarters of the pairs."), \
            plot(bench, made, path)
    return make


def main():
    options = parse()
    made = cases(options)
    return tcp.run_all(options, lambda bench: bench.rounds(made, say),
                       summarize(made))


if __name__ == "__main__":
    sys.exit(main())
