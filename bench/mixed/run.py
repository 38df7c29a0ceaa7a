#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/mixed: a local reader's latency while TCP receivers are saturated.

idle: no receivers. Then as many as are asked for, who are sent more than the
machine can carry. README.md says what is measured, and how to read it.
"""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fanout import systems  # noqa: E402
from support import bench as drawing  # noqa: E402
from support import tcp  # noqa: E402

DUE = tcp.field("due_us", "p50")
SENT = tcp.field("sent_us", "p50")
LONGER_S = 0.1  # the receivers stay than the sender
ASKED = 3       # times the idle p50, with one egress thread


def parse():
    parser = tcp.parser(__doc__, "mixed", rounds=5)
    parser.add_argument("--receivers", type=int, default=16)
    parser.add_argument("--sources", default="tcp,local",
                        help="who sends: a TCP sender, a local publisher"
                        " (%(default)s)")
    parser.add_argument("--message", default="64K",
                        help="an update (%(default)s)")
    parser.add_argument("--ring", default="1G", help="(%(default)s)")
    parser.add_argument("--updates", type=float, default=5000,
                        help="a second (%(default)s)")
    parser.add_argument("--egress-threads", default="0,1",
                        help="bcastd's (%(default)s)")
    parser.add_argument("--pin", choices=["reader", "none"], default="reader",
                        help="the reader has the first processor to itself, all"
                        " others share the rest (%(default)s)")
    parser.add_argument("--quick", action="store_true",
                        help="to see that it works: 2 receivers, 200 updates a"
                        " second, half a second")
    options = parser.parse_args()
    if options.quick:
        options.receivers, options.updates, options.rounds = 2, 200, 1
        options.ring = "64M"
        options.seconds, options.warmup = 0.4, 0.1
        options.retries, options.patience = 0, 0
    return tcp.finish(options, ["bench_mixed"])


def variants(options):
    """bcastd without receivers, and with, by its egress threads."""
    # the last --ring-size counts; in one this large they may fall behind for
    # the whole run, and nobody holds the sender up (src/backpressure.h)
    lag = ["--ring-size", options.ring]
    made = [tcp.Bcastd("idle", policy="skip", extra=lag)]
    for threads in options.egress_threads.split(","):
        extra = list(lag)
        reason = tcp.lacks(options, "--egress-threads")
        if reason is None:
            extra += ["--egress-threads", threads]
        elif threads != "0":
            print(f"skipped threads-{threads}: {reason}")
            continue
        made.append(tcp.Bcastd(f"threads-{threads}", policy="skip",
                               extra=extra))
    return tcp.available(options, made)


def cases(options):
    return [tcp.Case(system, source,
                     0 if system.name == "idle" else options.receivers)
            for source in options.sources.split(",")
            for system in variants(options)]


def processors(options):
    """The reader's (-1: any), and those of all others."""
    mine = sorted(os.sched_getaffinity(0))
    if options.pin == "none" or len(mine) < 2:
        return -1, mine
    return mine[0], mine[1:]


class Mixed:
    """Measures one case: a daemon, its receivers, the sender and the reader."""

    def __init__(self, bench, options):
        self.bench = bench
        self.options = options
        self.reader, self.others = processors(options)

    def receivers(self, case, server):
        """They outlast the sender, and take what comes."""
        options = self.options
        if case.receivers == 0:
            return None
        return subprocess.Popen(
            [os.path.join(options.build, "bench", "bench_scale_load"),
             "--unchecked", "--egress", server.egress,
             "--receivers", str(case.receivers),
             "--server-pid", str(server.pid), "--warmup",
             str(options.warmup), "--seconds", str(options.seconds + LONGER_S),
             "--congestion", options.congestion],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=systems.die_with_parent)

    def command(self, case, server):
        options = self.options
        line = [os.path.join(options.build, "bench", "bench_mixed"),
                "--name", options.stream, "--message", options.message,
                "--updates", str(options.updates),
                "--warmup", str(options.warmup),
                "--seconds", str(options.seconds),
                "--reader-cpu", str(self.reader),
                "--congestion", options.congestion]
        return line + (["--ingest", server.ingest]
                       if case.cell == "tcp" else [])

    def latency(self, case, server):
        receivers = self.receivers(case, server)
        try:
            done = subprocess.run(
                self.command(case, server), capture_output=True, text=True,
                check=False, preexec_fn=systems.die_with_parent,
                timeout=self.options.warmup + self.options.seconds
                + tcp.LOAD_EXTRA_S)
            if done.returncode != 0:
                return {"error": f"{done.stderr.strip()}; {server.tail()}"}
            result = json.loads(done.stdout)
            if receivers:
                out, errors = receivers.communicate(timeout=30)
                if receivers.returncode != 0:
                    return {"error": errors.strip()}
                loaded = json.loads(out)
                for name in ("egress_gbit_s", "server_cpu_s_per_gb"):
                    result[name] = loaded[name]
            return result
        finally:
            if receivers and receivers.poll() is None:
                receivers.kill()
                receivers.wait()

    def __call__(self, case):
        allowed = os.sched_getaffinity(0)
        measure = self.bench.load
        os.sched_setaffinity(0, self.others)
        self.bench.load = self.latency
        try:
            return self.bench.measure(case)
        finally:
            self.bench.load = measure
            os.sched_setaffinity(0, allowed)


def say(run):
    text = " ".join(f"{at} {run['due_us'][at]:9.2f}"
                    for at in ("p50", "p99", "p999"))
    egress = run.get("egress_gbit_s")
    return f"{text} us (from send(): p50 {run['sent_us']['p50']:.2f})  " + \
        (f"{egress:.2f} Gbit/s  " if egress is not None else "") + \
        f"line {run['line_before_ns']:.0f}/{run['line_after_ns']:.0f} ns"


def to_idle(value):
    def column(bench, cell, name):
        return bench.ratio((cell, name), (cell, "idle"), value)
    return column


def taken(options):
    """Of what was sent; less than 100: TCP was saturated."""
    def column(bench, cell, name):
        egress = tcp.median_of("egress_gbit_s")(bench, cell, name)
        sent = options.updates * systems.size(options.message) * 8e-9
        return None if egress is None else \
            100 * egress / (sent * options.receivers)
    return column


def pauses(bench, cell, name):
    """Receivers held the sender up, and what is shown is that."""
    return bench.median(cell, name, lambda run: run["counters"][
        "sender_paused_ns"] / 1e6)


def columns(options):
    return COLUMNS + [("taken %", 7, "{:.0f}", taken(options)),
                      ("paused ms", 9, "{:.0f}", pauses)]


COLUMNS = [
    ("p50", 9, "{:.2f}", tcp.median_of("due_us", "p50")),
    ("p99", 9, "{:.1f}", tcp.median_of("due_us", "p99")),
    ("p99.9", 9, "{:.1f}", tcp.median_of("due_us", "p999")),
    ("idle", 6, "{:.2f}", to_idle(DUE)),
    ("sent p50", 9, "{:.2f}", tcp.median_of("sent_us", "p50")),
    ("p99", 9, "{:.1f}", tcp.median_of("sent_us", "p99")),
    ("p99.9", 9, "{:.1f}", tcp.median_of("sent_us", "p999")),
    ("idle", 6, "{:.2f}", to_idle(SENT)),
    ("late p50", 8, "{:.1f}", tcp.median_of("late_us", "p50")),
    ("Gbit/s", 7, "{:.2f}", tcp.median_of("egress_gbit_s")),
]


def plot(bench, made, path):
    lines = ["set terminal pngcairo noenhanced size 1000,640",
             f"set output '{path}.png'",
             "set title 'A local reader, from when an update was due'",
             "set logscale y", "set grid", "set key outside right",
             "set xtics ('p50' 0, 'p90' 1, 'p99' 2, 'p99.9' 3)",
             "set xrange [-0.2:3.2]", "set ylabel 'us'"]
    drawn = []
    for case in made:
        block = f"$d{len(drawn)}"
        rows = []
        for at, name in enumerate(("p50", "p90", "p99", "p999")):
            found = bench.median(case.cell, case.system.name,
                                 tcp.field("due_us", name))
            if found is not None:
                rows.append(f"{at} {found}")
        if rows:
            lines += [f"{block} << EOD"] + rows + ["EOD"]
            drawn.append(f"{block} with linespoints title"
                         f" '{case.cell} {case.system.name}'")
    if not drawn:
        return False
    return drawing.gnuplot(lines + ["plot " + ", ".join(drawn)], path)


def summarize(made, options):
    reader, others = processors(options)
    where = "nobody is pinned" if reader < 0 else \
        f"reader on processor {reader}, all others on " + \
        ",".join(str(n) for n in others)

    def make(bench, path):
        return tcp.table(
            bench, made, columns(options),
            f"us; p50, p99, p99.9 from when an update was due, then from when"
            f" send() was called.\nidle: the p50, to that without receivers;"
            f" asked of tcp, threads-1: at most {ASKED}.\n{where}"), \
            plot(bench, made, path)
    return make


def main():
    options = parse()
    made = cases(options)

    def work(bench):
        bench.rounds(made, say, Mixed(bench, options))

    return tcp.run_all(options, work, summarize(made, options))


if __name__ == "__main__":
    sys.exit(main())
