#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/resume: how long until it goes on, after a kill.

A server, a publisher and a subscriber, each a process; one of them is killed
by SIGKILL again and again, and started again at once. README.md says what is
measured, and how to read it.
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

VICTIMS = ["server", "publisher", "subscriber"]
DEADLINE_S = 25     # for each kill


class Door:
    """What is killed, and where its clients come in."""

    kind = "bcast"
    protocol = "bcast"

    def __init__(self, name, shm=False, extra=()):
        self.name = name
        self.shm = shm
        self.extra = list(extra)

    def missing(self, options):
        return None if os.access(options.bcastd, os.X_OK) else \
            f"no {options.bcastd}"

    def command(self, options, port, _):
        return [options.bcastd, "--name", options.stream, "--format",
                "packet", "--packet", f"127.0.0.1:{port}", "--ring-size",
                "64M"] + self.extra + options.bcastd_options.split()

    def address(self, options, port):
        return f"shm:{options.stream}" if self.shm else \
            f"tcp://127.0.0.1:{port}"


class Redis(systems.Redis):
    def command(self, _, port, folder):
        return ["redis-server", "--port", str(port), "--bind", "127.0.0.1",
                "--save", "", "--appendonly", "no", "--dir", folder]

    def address(self, _, port):
        return f"127.0.0.1:{port}"


class Nats(systems.Nats):
    def command(self, _, port, __):
        return ["nats-server", "-a", "127.0.0.1", "-p", str(port)]

    def address(self, _, port):
        return f"127.0.0.1:{port}"


KNOWN = [Door("shm", True), Door("tcp"),
         Door("tcp-epoll", extra=["--backend", "epoll"]),
         Redis("redis"), Nats("nats")]


class Bench(tcp.Bench):
    def measure(self, case):
        options = self.options
        port = systems.free_port()
        command = [os.path.join(options.build, "bench", "bench_resume"),
                   "--address", case.system.address(options, port),
                   "--protocol", case.system.protocol,
                   "--victim", case.cell, "--kills", str(options.kills),
                   "--pause", str(options.pause), "--"]
        done = subprocess.run(
            command + case.system.command(options, port, self.folder),
            capture_output=True, text=True, check=False, cwd=self.folder,
            timeout=DEADLINE_S * (options.kills + 1),
            preexec_fn=systems.die_with_parent)
        tcp.remove_segments(options.stream)
        result = json.loads(done.stdout) if done.stdout else {}
        if done.returncode != 0:
            result["error"] = done.stderr.strip()
        return result


def parse():
    parser = tcp.parser(__doc__, "resume", rounds=1)
    parser.add_argument("--kills", type=int, default=50,
                        help="of each (%(default)s)")
    parser.add_argument("--pause", type=int, default=200,
                        help="us between two messages (%(default)s)")
    parser.add_argument("--victims", default=",".join(VICTIMS),
                        help="(%(default)s)")
    parser.add_argument("--systems",
                        default=",".join(one.name for one in KNOWN),
                        help="(%(default)s)")
    parser.add_argument("--quick", action="store_true",
                        help="to see that it works: three kills, no peers")
    options = parser.parse_args()
    if options.quick:
        options.kills, options.systems = 3, "shm,tcp"
        options.retries, options.patience = 0, 0
    return tcp.finish(options, ["bench_resume"])


def cases(options):
    wanted = options.systems.split(",")
    found = tcp.available(options, [one for one in KNOWN
                                    if one.name in wanted])
    return [tcp.Case(one, victim, 1) for victim in options.victims.split(",")
            for one in found]


def say(run):
    return f"p50 {run['p50_ms']:8.2f} ms  max {run['max_ms']:8.2f} ms  " \
        f"lost {run['lost']}  doubled {run['doubled']}"


COLUMNS = [
    ("p50 ms", 9, "{:.2f}", tcp.median_of("p50_ms")),
    ("p90 ms", 9, "{:.2f}", tcp.median_of("p90_ms")),
    ("max ms", 9, "{:.2f}", tcp.median_of("max_ms")),
    ("messages", 9, "{:.0f}", tcp.median_of("messages")),
    ("lost", 7, "{:.0f}", tcp.median_of("lost")),
    ("doubled", 7, "{:.0f}", tcp.median_of("doubled")),
]


def draw(bench, made, path):
    rows = []
    for case in made:
        found = [bench.median(case.cell, case.system.name,
                              tcp.field(key)) for key in ("p50_ms", "p90_ms")]
        if None not in found:
            rows.append(f"\"{case.cell} {case.system.name}\""
                        f" {found[0]} {found[1]}")
    lines = ["set terminal pngcairo noenhanced size 1000,640",
             f"set output '{path}.png'",
             "set title 'From a kill to the next message, ms'",
             "set style data histograms", "set style fill solid 0.6",
             "set logscale y", "set grid ytics",
             "set xtics rotate by -30", "$d << EOD"] + rows + [
                 "EOD", "plot $d using 2:xtic(1) title 'p50',"
                 " $d using 3 title 'p90'"]
    return bool(rows) and drawing.gnuplot(lines, path)


def main():
    options = parse()
    made = cases(options)

    def summarize(bench, path):
        return tcp.table(
            bench, made, COLUMNS, "From the SIGKILL to when the subscriber has"
            " a message that was published after it."), \
            draw(bench, made, path)

    return tcp.run_all(options, lambda bench: bench.rounds(made, say),
                       summarize, Bench)


if __name__ == "__main__":
    sys.exit(main())
