#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/ring: messages a second from one writer to its readers through memory:
bare rings, bcast, and Aeron where the build has it, in turns.

The default takes about two minutes. README.md says what is measured, and how
to read it.
"""
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fanout import machine, systems  # noqa: E402
from support import bench  # noqa: E402

DEFAULT = "bare-each,bare-batch,bcast-each,bcast-batch,aeron"
SMALL = 64
# What is asked for: system, compared with, sizes, at least.
TARGETS = [("bcast-each", "aeron", lambda size: size == SMALL, 1.3),
           ("bcast-batch", "bare-batch", lambda size: True, 0.85)]
# Columns.
OTHERS = [("bare-each", "each"), ("bare-batch", "batch"), ("aeron", "aeron")]


def parse():
    parser = bench.parser(__doc__, "ring")
    parser.add_argument("--systems", help=f"({DEFAULT}, if built);"
                        " bench_ring --list shows all")
    parser.add_argument("--sizes", default="64,1K,64K")
    parser.add_argument("--rings", default="4M,64M",
                        help="ring sizes, powers of two (%(default)s)")
    parser.add_argument("--depths", default="1",
                        help="0: each message's first 8 bytes are read, 1: a"
                        " word of each of its cache lines (%(default)s)")
    parser.add_argument("--readers", default="1", help="N,... up to 8")
    parser.add_argument("--sweep", action="store_true",
                        help="--readers 1,2,3,4,6,8")
    parser.add_argument("--loss", default="no", choices=["no", "yes", "both"],
                        help="yes: the writer waits for nobody (%(default)s)")
    parser.add_argument("--warm-up-ms", type=int, default=60)
    parser.add_argument("--aeronmd", help="Aeron's media driver"
                        " (AERON_ROOT/bin/aeronmd of the build)")
    options = bench.finish(parser.parse_args())
    if options.sweep:
        options.readers = "1,2,3,4,6,8"
    return options


def cells(options):
    losses = {"no": [False], "yes": [True], "both": [False, True]}
    return [f"{size}B/{ring >> 20}M/T{depth}/{readers}r"
            + ("/lossy" if lossy else "")
            for lossy in losses[options.loss]
            for readers in bench.numbers(options.readers)
            for size in bench.numbers(options.sizes)
            for depth in bench.numbers(options.depths)
            for ring in bench.numbers(options.rings)]


def parts(cell):
    size, ring, depth, readers, *lossy = cell.split("/")
    return (int(size[:-1]), systems.size(ring), depth[1:], readers[:-1],
            bool(lossy))


class Aeron:
    """Its media driver, alive only while it is measured."""

    def __init__(self, options):
        self.program = options.aeronmd
        self.real_time = options.real_time
        self.server = None
        cache = machine.read(os.path.join(options.build, "CMakeCache.txt"), "")
        for line in cache.splitlines():
            if line.startswith("AERON_ROOT:") and not self.program:
                root = line.split("=", 1)[1]
                self.program = os.path.join(root, "bin", "aeronmd")
        self.folder = tempfile.mkdtemp(prefix="bench-aeron-", dir="/dev/shm")

    def start(self):
        if self.server:
            return
        # with --real-time it would never run, and nothing be published
        first = ["chrt", "-f", "2"] if self.real_time else []
        self.server = systems.Server(
            first + [self.program], self.folder, environment={
                "AERON_DIR": self.client_folder(),
                "AERON_THREADING_MODE": "SHARED",
                "AERON_SHARED_IDLE_STRATEGY": "backoff",
                "AERON_DIR_DELETE_ON_START": "1",
                "AERON_DIR_DELETE_ON_SHUTDOWN": "1"})

    def client_folder(self):
        return os.path.join(self.folder, "driver")

    def stop(self):
        if self.server:
            self.server.stop()
            self.server = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def arguments(options, aeron, streams, system, cell):
    size, ring, depth, readers, lossy = parts(cell)
    line = ["--size", str(size), "--ring", str(ring), "--depth", depth,
            "--readers", readers, "--warm-up", str(options.warm_up_ms)]
    if system.startswith("bcast"):
        line += ["--stream", streams.get(ring)]
    if system == "aeron":
        if lossy:
            return None
        aeron.start()
        line += ["--folder", aeron.client_folder()]
    else:
        aeron.stop()
    return line + (["--lossy"] if lossy else [])


# ---- Afterwards ------------------------------------------------------------

def rate(run):
    return run["slowest"] / run["seconds"] / 1e6


def lost_share(run):
    return run["lost"] / max(1, run["lost"] + run["slowest"])


def asked(system, size, ratios):
    for name, other, applies, least in TARGETS:
        if name == system and applies(size) and ratios.get(other) is not None:
            met = "met" if ratios[other] >= least else "MISSED"
            return f"asked: >= {least} x {other}: {met}"
    return ""


def row(one, system, cell, where):
    good = list(one.good(system, cell, where).values())
    if not good:
        return None
    size = parts(cell)[0]
    rates = [rate(run) for run in good]
    ratios = {other: bench.median(one.ratios(system, other, cell, where, rate))
              for other, _ in OTHERS if other != system}
    columns = " ".join(f"{bench.show(ratios.get(other), '{:.2f}'):>6}"
                       for other, _ in OTHERS)
    faults = sum(run["wrong"] for run in good)
    lossy = parts(cell)[4]
    lost = bench.median([lost_share(run) for run in good])
    note = asked(system, size, ratios)
    if lossy or lost > 0:
        note = f"lost {lost:.1%}  " + note
    if faults:
        note = f"{faults} WRONG  " + note
    form = "{:.1f}" if max(rates) >= 10 else "{:.3f}"
    return (f"{system:<17} {len(good):>2}{one.mark(system, cell, where)} {bench.spread(rates, form):>20} "
            f"{bench.median(rates) * 1e6 * size / 1e9:>6.1f}  {columns}  "
            f"{note}")


def summarize(one, path, names, all_cells):
    out = ["M messages/s at the slowest reader, min/med/max over the rounds;"
           " ratios within a round, medians",
           "*: others were at work in all of these runs"]
    for cell in all_cells:
        for where in one.wheres(cell):
            rows = [row(one, system, cell, where) for system in names]
            out += ["", f"{cell}, {where}",
                    f"{'system':<17} {'n':>2}  {'M/s':>20} {'GB/s':>6}  "
                    + " ".join(f"{'/' + short:>6}" for _, short in OTHERS)]
            out += [text for text in rows if text]
    failed = [run for run in one.runs if "error" in run]
    out += [f"failed: {run['system']} {run['cell']}: {run['error']}"
            for run in failed]
    return "\n".join(out), plot(one, path, names, all_cells)


def plot(one, path, names, all_cells):
    """Near, or what there is most of: a bar for each system and cell."""
    counts = {}
    for run in one.runs:
        where = run.get("placement")
        counts[where] = counts.get(where, 0) + 1
    where = max((w for w in counts if w not in (None, "mixed")),
                key=lambda w: counts[w], default="near")
    lines = ["set terminal pngcairo noenhanced size 1200,640",
             f"set output '{path}.png'",
             f"set title 'One writer through memory, slowest reader, {where}'",
             "set ylabel 'M messages/s'", "set logscale y", "set grid y",
             "set style data histogram", "set style fill solid 0.7",
             "set key outside right", "set xtics rotate by -30", "$d << EOD"]
    for cell in all_cells:
        values = [bench.median([rate(run) for run in
                                one.good(system, cell, where).values()])
                  for system in names]
        lines.append(f'"{cell}" ' + " ".join(
            "nan" if v is None else f"{v:.4f}" for v in values))
    lines += ["EOD", "plot " + ", ".join(
        f"$d using {number + 2}" + (":xtic(1)" if number == 0 else "")
        + f" title '{name}'" for number, name in enumerate(names))]
    return bench.gnuplot(lines, path)


def main():
    options = parse()
    names, known = bench.chosen(options, DEFAULT)
    all_cells = cells(options)
    aeron = Aeron(options)
    try:
        bench.run_all(
            options, names, known, all_cells,
            lambda streams, system, cell: arguments(options, aeron, streams,
                                                    system, cell),
            lambda one, path: summarize(one, path, names, all_cells))
    finally:
        aeron.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
