#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/latency: how long a message takes from one process to others: a bare
cache line, a bare futex, bare rings, and bcast, in turns.

The default takes about two minutes. README.md says what is measured, and how
to read it.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import bench  # noqa: E402

DEFAULT = ("line,bare,bcast-spin,futex,bare-futex,bcast-park,bcast-wait")
SMALL = 64
RING_BYTES = 4 << 20
WITHOUT_PAYLOAD = ("line", "futex")
POINTS = ["p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"]
# What each is compared with.
LIMITS = {"bare": "line", "bcast-spin": "bare", "bare-futex": "futex",
          "bcast-park": "futex", "bcast-wait": "futex"}
# What is asked for: system, mode, size, point, at most.
TARGETS = [("bcast-spin", "trip", SMALL, "p50_ns", 1.15),
           ("bcast-spin", "trip", SMALL, "p99_ns", 1.5),
           ("bcast-park", "trip", SMALL, "p50_ns", 1.15)]


def parse():
    parser = bench.parser(__doc__, "latency")
    parser.add_argument("--systems", help=f"({DEFAULT});"
                        " bench_latency --list shows all")
    parser.add_argument("--sizes", default="64,1K,64K")
    parser.add_argument("--readers", default="1", help="N,... up to 8")
    parser.add_argument("--sweep", action="store_true",
                        help="--readers 1,2,3,4,6,8")
    parser.add_argument("--modes", default="trip,plan",
                        help="trip: half of a round trip; plan: one way, by a"
                        " fixed schedule, from when it was due (%(default)s)")
    parser.add_argument("--every-us", default="20,200", help="of a schedule:"
                        " polling readers, sleeping ones (%(default)s)")
    parser.add_argument("--warm-up-ms", type=int, default=20)
    options = bench.finish(parser.parse_args())
    if options.sweep:
        options.readers = "1,2,3,4,6,8"
    return options


def cells(options):
    return [f"{mode}/{size}B/{readers}r"
            for mode in options.modes.split(",")
            for readers in bench.numbers(options.readers)
            for size in bench.numbers(options.sizes)]


def parts(cell):
    mode, size, readers = cell.split("/")
    return mode, int(size[:-1]), readers[:-1]


def arguments(options, known, streams, system, cell):
    mode, size, readers = parts(cell)
    line = ["--size", str(size), "--readers", readers,
            "--warm-up", str(options.warm_up_ms)]
    if mode == "plan":
        polls, parks = options.every_us.split(",")
        every = parks if known[system].split()[1] == "parks" else polls
        # a large message takes longer than that to copy
        factor = 5 if size > 4096 and every == polls else 1
        line += ["--schedule", str(int(float(every) * 1000) * factor)]
    if system.startswith("bcast"):
        line += ["--stream", streams.get(RING_BYTES, "there"),
                 "--back", streams.get(RING_BYTES, "back")]
    return line


# ---- Afterwards ------------------------------------------------------------

def asked(system, cell, ratios):
    mode, size, readers = parts(cell)
    out = []
    for name, in_mode, of_size, point, most in TARGETS:
        if (name, in_mode, of_size, "1") == (system, mode, size, readers) \
                and ratios.get(point) is not None:
            met = "met" if ratios[point] <= most else "MISSED"
            out.append(f"asked: {point[:-3]} <= {most} x {LIMITS[system]}:"
                       f" {met}")
    return ", ".join(out)


def row(one, system, cell, where):
    good = list(one.good(system, cell, where).values())
    good = [run for run in good if run["samples"] > 0]
    if not good:
        return None
    other = LIMITS.get(system)
    ratios = {point: bench.median(one.ratios(
        system, other, cell, where, lambda run: run[point]))
        for point in ("p50_ns", "p99_ns")} if other else {}
    values = " ".join(
        f"{bench.median([run[point] for run in good]):>9.0f}"
        for point in POINTS[1:-1])
    worst = max(run["max_ns"] for run in good)
    p50 = bench.spread([run["p50_ns"] for run in good], "{:.0f}")
    note = asked(system, cell, ratios)
    lost = sum(run["lost"] for run in good)
    wrong = sum(run["wrong"] for run in good)
    if lost:
        note = f"{lost} missed  " + note
    if wrong:
        note = f"{wrong} WRONG  " + note
    compared = (f"{bench.show(ratios.get('p50_ns'), '{:.2f}'):>6} "
                f"{bench.show(ratios.get('p99_ns'), '{:.2f}'):>6} "
                f"{other or '':<6}")
    return (f"{system:<11} {len(good):>2}{one.mark(system, cell, where)} "
            f"{sum(run['samples'] for run in good):>9} {p50:>20} {values} "
            f"{worst:>10.0f} {compared} {note}")


def summarize(one, path, names, all_cells):
    out = ["ns, one way. p50: min/med/max over the rounds; p90, p99, p99.9:"
           " medians; max: of all. Ratios within a round, medians.",
           "trip: half of a round trip. plan: by schedule, from when it was"
           " due; all readers together.",
           "*: others were at work in all of these runs"]
    for cell in all_cells:
        for where in one.wheres(cell):
            rows = [row(one, system, cell, where) for system in names]
            out += ["", f"{cell}, {where}",
                    f"{'system':<11} {'n':>2}  {'samples':>9} {'p50':>20} "
                    f"{'p90':>9} {'p99':>9} {'p99.9':>9} {'max':>10} "
                    "   p50    p99 of"]
            out += [text for text in rows if text]
    skews = [run["skew_ns"] for run in one.runs if "error" not in run]
    out += ["", "the processors' counters differ by "
            + bench.spread(skews, "{:.0f}") + " ns (which plan includes)"]
    out += [f"failed: {run['system']} {run['cell']}: {run['error']}"
            for run in one.runs if "error" in run]
    return "\n".join(out), plot(one, path, names, all_cells)


def plot(one, path, names, all_cells):
    """The first cell, where there is most of it: from the median to the max."""
    cell = all_cells[0]
    counts = {where: sum(len(one.good(system, cell, where))
                         for system in names) for where in one.wheres(cell)}
    if not counts:
        return False
    where = max(counts, key=lambda w: counts[w])
    lines = ["set terminal pngcairo noenhanced size 1000,640",
             f"set output '{path}.png'",
             f"set title 'One way, {cell}, {where}: medians over the rounds'",
             "set ylabel 'ns'", "set logscale y", "set grid",
             "set key outside right", "set xrange [-0.2:4.2]",
             "set xtics ('p50' 0, 'p90' 1, 'p99' 2, 'p99.9' 3, 'max' 4)"]
    shown = []
    for number, system in enumerate(names):
        good = list(one.good(system, cell, where).values())
        if not good:
            continue
        lines.append(f"$s{number} << EOD")
        lines += [f"{place} {bench.median([run[point] for run in good])}"
                  for place, point in enumerate(POINTS)]
        lines.append("EOD")
        shown.append(f"$s{number} with linespoints title '{system}'")
    lines.append("plot " + ", ".join(shown))
    return bench.gnuplot(lines, path)


def main():
    options = parse()
    names, known = bench.chosen(options, DEFAULT)
    all_cells = cells(options)

    def line(streams, system, cell):
        # what carries nothing is alike for all sizes, but a limit of each
        return arguments(options, known, streams, system, cell)

    bench.run_all(
        options, names, known, all_cells, line,
        lambda one, path: summarize(one, path, names, all_cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
