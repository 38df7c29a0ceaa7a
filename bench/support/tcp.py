# SPDX-License-Identifier: MIT
"""What the runners of bench/scale, slow, backends and mixed share.

A cell is what is asked (1000 receivers, paced), a case is one system in it.
Round by round all cases of all cells are run, within a cell each round in
another order; a ratio is formed within a round. A run that the machine
disturbed (fanout/machine.py) is repeated, and counts only if there is no other.
"""
import argparse
import json
import os
import random
import resource
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from fanout import machine, report, systems

TREE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
LOAD_EXTRA_S = 75   # joining 10,000, and waiting until all have all
GIB = 1 << 30


# ---- Systems ----------------------------------------------------------------

class Bcastd(systems.Bcastd):
    """bcastd with some options more; backend: of --backend, or None."""

    def __init__(self, name="bcastd", policy="block", backend=None, extra=()):
        super().__init__(name)
        self.policy = policy
        self.backend = backend
        self.extra = list(extra) + (["--backend", backend] if backend else [])

    def missing(self, options):
        why = super().missing(options)
        if why is None and self.backend:
            return lacks(options, "--backend", self.backend)
        return why


def help_text(options):
    if not hasattr(options, "bcastd_help"):
        options.bcastd_help = subprocess.run(
            [options.bcastd, "--help"], capture_output=True, text=True,
            check=True, timeout=10).stdout
    return options.bcastd_help


def lacks(options, option, value=None):
    """Why this bcastd can't be given an option; None: it can."""
    for line in help_text(options).splitlines():
        words = line.split()
        if words and words[0] == option:
            if value is None or "|" not in words[1] or \
                    value in words[1].split("|"):
                return None
            return f"no {option} {value} in this build"
    return f"no {option} in this build"


# ---- Options ----------------------------------------------------------------

def parser(description, name, rounds=3, seconds=2.0):
    """The options that all have."""
    made = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--build", default=os.path.join(TREE, "build"),
                      help="build folder (%(default)s)")
    made.add_argument("--bcastd", help="(BUILD/src/bcastd)")
    made.add_argument("--bcastd-options", default="",
                      help="more options for it, in one string")
    made.add_argument("--rounds", type=int, default=rounds,
                      help="(%(default)s)")
    made.add_argument("--seconds", type=float, default=seconds,
                      help="length of a window (%(default)s)")
    made.add_argument("--warmup", type=float, default=0.5)
    made.add_argument("--threads", type=int, default=1,
                      help="of the load program, that receive (%(default)s)")
    made.add_argument("--congestion", default="cubic")
    made.add_argument("--retries", type=int, default=1,
                      help="of a run that the machine disturbed (%(default)s)")
    made.add_argument("--patience", type=float, default=5,
                      help="s to wait for the machine's best state"
                      " (%(default)s)")
    made.add_argument("--results",
                      default=os.path.join(TREE, "bench", "results"))
    made.set_defaults(name=name)
    return made


def finish(options, programs=()):
    """Paths; the programs must be there; into a network of our own."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    options.build = os.path.abspath(options.build)
    options.bcastd = os.path.abspath(
        options.bcastd or os.path.join(options.build, "src", "bcastd"))
    options.stream = f"bench-{options.name}-{os.getpid()}"
    bench = os.path.join(options.build, "bench")
    needed = ["bench_scale_load", "bench_fanout_limit", "bench_fanout_probe"]
    for path in [options.bcastd] + [os.path.join(bench, one)
                                    for one in needed + list(programs)]:
        if not os.access(path, os.X_OK):
            sys.exit(f"no {path}: build the tree first, or give --build")
    machine.enter_namespace()
    options.skipped = set()
    options.routed = machine.set_up_network(options.congestion)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return options


def numbers(text):
    return [int(one) for one in text.split(",")]


def limit_send_buffers(options, size):
    """For the peers, who have no option: False if it can't be set here."""
    if os.environ.get(machine.INSIDE) != "own":
        return False
    try:
        with open("/proc/sys/net/ipv4/tcp_wmem", "w",
                  encoding="ascii") as file:
            file.write(f"4096 16384 {size}\n")
    except OSError:
        return False
    return True


# ---- Runs -------------------------------------------------------------------

class Case:
    """One system in one cell, and how it is loaded."""

    def __init__(self, system, cell, receivers, **load):
        self.system = system
        self.cell = cell
        self.receivers = receivers
        self.load = load     # options of bench_scale_load, by name
        self.seconds = load.pop("seconds", None)
        self.warmup = load.pop("warmup", None)


class Bench:
    """Runs cases, keeps their results."""

    def __init__(self, options, folder, out):
        self.options = options
        self.folder = folder
        self.out = out
        self.runs = []
        self.probe = machine.Probe(
            os.path.join(options.build, "bench", "bench_fanout_probe"))

    def record(self, kind, values):
        line = dict({"type": kind, "time": round(time.time(), 1)}, **values)
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()

    def wait_until_steady(self):
        """The machine's distance now; waits some time for its best."""
        deadline = time.monotonic() + self.options.patience
        while True:
            trip = self.probe()["line_round_trip_ns"]
            if self.probe.near(trip) or time.monotonic() > deadline:
                return trip
            time.sleep(0.2)

    def command(self, case, server):
        options = self.options
        line = [os.path.join(options.build, "bench", "bench_scale_load"),
                "--protocol", case.system.protocol,
                "--egress", server.egress,
                "--receivers", str(case.receivers),
                "--threads", str(options.threads),
                "--warmup", str(case.warmup or options.warmup),
                "--seconds", str(case.seconds or options.seconds),
                "--server-pid", str(server.pid),
                "--congestion", options.congestion]
        if server.ingest:
            line += ["--ingest", server.ingest]
        for name, value in case.load.items():
            if value is True:
                line.append("--" + name)
            elif value:
                line += ["--" + name, str(value)]
        return line

    def counters(self, case):
        """The daemon's own, after the run; empty for others."""
        if case.system.kind != "bcast":
            return {}
        tool = os.path.join(self.options.build, "tools", "bcast-shmstat")
        out = subprocess.run([tool, "--json", "--counters", self.options.stream],
                             capture_output=True, text=True, check=False,
                             timeout=10).stdout
        try:
            found = {name: one["value"] for name, one
                     in json.loads(out)["counters"].items()}
        except (ValueError, KeyError, TypeError):
            return {}
        return {"counters": found}

    def load(self, case, server):
        seconds = ((case.warmup or self.options.warmup) +
                   (case.seconds or self.options.seconds)) * \
            max(1, case.load.get("phases") or 1)
        done = subprocess.run(self.command(case, server),
                              capture_output=True, text=True, check=False,
                              timeout=seconds + LOAD_EXTRA_S,
                              preexec_fn=systems.die_with_parent)
        result = json.loads(done.stdout) if done.stdout else {}
        if done.returncode != 0:
            result["error"] = f"{done.stderr.strip()}; {server.tail()}"
        return result

    def measure(self, case):
        """Start the server, load it, stop it: one result."""
        server = None
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            try:
                server = case.system.start(self.options, folder)
                return dict(self.load(case, server), **self.counters(case))
            except (RuntimeError, OSError, ValueError,
                    subprocess.TimeoutExpired) as error:
                return {"error": str(error)}
            finally:
                if server:
                    server.stop()

    def run(self, case, number, measure=None):
        """measure(), again if the machine changed meanwhile."""
        for attempt in range(self.options.retries + 1):
            before = self.wait_until_steady()
            run = (measure or self.measure)(case)
            after = self.probe()["line_round_trip_ns"]
            run = dict({"system": case.system.name, "cell": case.cell,
                        "kind": case.system.kind,
                        "receivers": case.receivers, "round": number,
                        "attempt": attempt, "line_before_ns": before,
                        "seconds": self.options.seconds,
                        "line_after_ns": after, "other_cpu_s": 0.0}, **run)
            self.record("run", run)
            if "error" in run or self.steady(run):
                break
        self.runs.append(run)
        return run

    def steady(self, run):
        return report.steady(run, self.probe.best_ns, self.probe.SLACK)

    def rounds(self, cases, say, measure=None):
        cells = list(dict.fromkeys(case.cell for case in cases))
        for number in range(1, self.options.rounds + 1):
            for cell in cells:
                order = [case for case in cases if case.cell == cell]
                random.Random(f"{number} {cell}").shuffle(order)
                for case in order:
                    run = self.run(case, number, measure)
                    start = f"round {number}  {cell:<18} " \
                        f"{case.system.name:<16} "
                    print(start + (f"failed: {run['error']}"
                                   if "error" in run else say(run)),
                          flush=True)

    # ---- Afterwards ---------------------------------------------------------

    def good(self, cell, system):
        """The runs that count, by round; the disturbed if there are no other."""
        mine = [run for run in self.runs if run["cell"] == cell
                and run["system"] == system and "error" not in run]
        calm = [run for run in mine if self.steady(run)]
        return {run["round"]: run for run in calm or mine}

    def disturbed(self, cell, system):
        good = self.good(cell, system).values()
        return any(not self.steady(run) for run in good)

    def error(self, cell, system):
        """Of the last run of one that has no good one."""
        mine = [run for run in self.runs if run["cell"] == cell
                and run["system"] == system and "error" in run]
        return mine[-1]["error"] if mine else None

    def median(self, cell, system, value):
        values = [value(run) for run in self.good(cell, system).values()]
        return statistics.median(values) if values else None

    def ratio(self, mine, other, value):
        """Median over the rounds that have both; each is (cell, system)."""
        ours, theirs = self.good(*mine), self.good(*other)
        values = [value(run) / value(theirs[n]) for n, run in ours.items()
                  if n in theirs and value(theirs[n])]
        return statistics.median(values) if values else None

    def best(self, cell, kind, value):
        """The name of the system of a kind with the best median."""
        names = {run["system"] for run in self.runs
                 if run["cell"] == cell and run["kind"] == kind}
        found = {name: self.median(cell, name, value) for name in names}
        found = {name: one for name, one in found.items() if one is not None}
        return max(found, key=found.get) if found else None


def show(value, form):
    return "-" if value is None else form.format(value)


def table(bench, cases, columns, extra=None):
    """columns: (title, width, form, value(bench, cell, system))."""
    wide = max(len(case.cell) for case in cases) + 2
    head = f"{'':<{wide}}{'system':<17} n " + " ".join(
        f"{title:>{width}}" for title, width, _, _ in columns)
    lines = [head]
    last = None
    for case in cases:
        cell, name = case.cell, case.system.name
        start = f"{cell if cell != last else '':<{wide}}{name:<17}"
        last = cell
        good = bench.good(cell, name)
        if not good:
            why = bench.error(cell, name)
            if why:
                lines.append(f"{start} failed: {why.splitlines()[0]}")
            continue
        mark = "*" if bench.disturbed(cell, name) else " "
        lines.append(f"{start}{len(good):>2}{mark}" + " ".join(
            f"{show(value(bench, cell, name), form):>{width}}"
            for _, width, form, value in columns))
    if any(bench.disturbed(case.cell, case.system.name) for case in cases):
        lines.append("* only disturbed runs: machine in a worse state, or"
                     " others at work")
    return "\n".join(lines + ([extra] if extra else []))


def field(*path):
    """Of a run: field("last_us", "p50")."""
    def get(run):
        for name in path:
            run = run[name]
        return run
    return get


def median_of(*path):
    """The value of a column."""
    return lambda bench, cell, name: bench.median(cell, name, field(*path)) \
        if all(has(run, path) for run in bench.good(cell, name).values()) \
        else None


def has(run, path):
    for name in path:
        if name not in run:
            return False
        run = run[name]
    return True


def state(options):
    return dict(machine.state(), congestion_by_route=options.routed,
                tcp_mem=machine.read("/proc/sys/net/ipv4/tcp_mem").split(),
                command=shlex.join(sys.argv[1:]))


def remove_segments(stream):
    """What a bcastd that had to be killed left behind."""
    for name in os.listdir("/dev/shm") if os.path.isdir("/dev/shm") else []:
        if name == f"bcast.{stream}" or name.startswith(f"bcast.{stream}."):
            os.unlink(os.path.join("/dev/shm", name))


def available(options, wanted):
    """Those of a list of systems that can run here; a line about others."""
    found = []
    for system in wanted:
        reason = system.missing(options)
        if reason:
            line = f"skipped {system.name}: {reason}"
            if line not in options.skipped:
                print(line)
            options.skipped.add(line)
        else:
            found.append(system)
    return found


def run_all(options, work, summarize, kind=Bench):
    """work(bench), and what it came to, also if it was interrupted. Exit code
    1 if a run of bcastd failed."""
    os.makedirs(options.results, exist_ok=True)
    path = os.path.join(
        options.results,
        options.name + "-" + time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    now = state(options)
    print(json.dumps(now))
    folder = tempfile.mkdtemp(prefix="bench-")
    try:
        with open(path + ".jsonl", "w", encoding="utf-8") as out:
            bench = kind(options, folder, out)
            bench.record("machine", now)
            stolen = machine.steal_s()
            try:
                work(bench)
            finally:
                text, drawn = summarize(bench, path)
                text += f"\nsteal during the run: " \
                    f"{machine.steal_s() - stolen:.1f} s"
                with open(path + ".txt", "w", encoding="utf-8") as file:
                    file.write(json.dumps(now) + "\n" + text + "\n")
                print("\n" + text)
                print(f"{path}.jsonl .txt" + (" .gp .png" if drawn else ""))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        remove_segments(options.stream)
    return any("error" in run and run["kind"] == "bcast"
               for run in bench.runs)
