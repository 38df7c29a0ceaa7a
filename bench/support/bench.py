# SPDX-License-Identifier: MIT
"""What the runners of bench/ring and bench/latency share.

Programs that measure one system once are run in turns, round by round, each
round in another order. Every result says how far apart the processors were
before and after it (support/line.h); it is near, far, or mixed if that changed
meanwhile. Only what was measured in the same placement is compared.
"""
import argparse
import glob
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from fanout import machine, systems

TREE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
RUN_S = 40          # one run, at most
POLLING_WAIT = 0.02  # share of the window: others are at work
PARKED_WAIT = 0.25   # who is woken waits a little each time


def parser(description, name):
    """The options that both have."""
    made = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--build", default=os.path.join(TREE, "build"),
                      help="build folder (%(default)s)")
    made.add_argument("--bcastd", help="(BUILD/src/bcastd)")
    made.add_argument("--results",
                      default=os.path.join(TREE, "bench", "results"))
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--window-ms", type=int, default=100)
    made.add_argument("--retries", type=int, default=2,
                      help="of a run during which the placement changed, or"
                      " others were at work (%(default)s)")
    made.add_argument("--real-time", action="store_true",
                      help="let the measured run before all else on this"
                      " machine: for one that is not idle (root)")
    made.add_argument("--near-ns", type=float, default=110,
                      help="a cache line's way that still is near"
                      " (%(default)s)")
    made.set_defaults(program=f"bench_{name}", name=name)
    return made


def finish(options):
    """Paths, numbers; the program must be there."""
    options.build = os.path.abspath(options.build)
    options.bcastd = os.path.abspath(
        options.bcastd or os.path.join(options.build, "src", "bcastd"))
    options.program = os.path.join(options.build, "bench", options.program)
    for path in (options.program, options.bcastd):
        if not os.access(path, os.X_OK):
            sys.exit(f"no {path}: build the tree first, or give --build")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    return options


def numbers(text):
    return [systems.size(one) for one in text.split(",")]


def known_systems(options):
    """The first word of each line of --list."""
    out = subprocess.run([options.program, "--list"], capture_output=True,
                         text=True, check=True, timeout=10).stdout
    return {line.split()[0]: line for line in out.splitlines()}


def chosen(options, default):
    """--systems, less those that this build has not."""
    known = known_systems(options)
    found = []
    for name in (options.systems or default).split(","):
        if name in known:
            found.append(name)
        elif options.systems:
            sys.exit(f"no system {name}; there are: " + ", ".join(known))
        else:
            print(f"skipped {name}: not in this build")
    return found, known


# ---- The machine -----------------------------------------------------------

def core_map():
    """Per processor: package, core, and who shares its last cache."""
    found = {}
    for path in sorted(glob.glob("/sys/devices/system/cpu/cpu[0-9]*")):
        caches = sorted(glob.glob(path + "/cache/index*"))
        found[os.path.basename(path)] = {
            "package": machine.read(path + "/topology/physical_package_id"),
            "core": machine.read(path + "/topology/core_id"),
            "last_cache_with": machine.read(
                caches[-1] + "/shared_cpu_list") if caches else "unknown",
        }
    return found


def state(options):
    whole = machine.state()
    kept = ("kernel", "cpu", "cores", "governor", "load_average")
    return dict({key: whole[key] for key in kept},
                core_map=core_map(),
                clock=machine.read("/sys/devices/system/clocksource/"
                                   "clocksource0/current_clocksource"),
                huge_pages=machine.read(
                    "/sys/kernel/mm/transparent_hugepage/shmem_enabled"),
                members="writer on the first usable processor, readers in"
                " turns on the others",
                near_ns=options.near_ns, command=sys.argv[1:])


def placement(run, near_ns):
    """near, far or mixed; 'one' on a machine with one processor."""
    ways = run["line_before_ns"], run["line_after_ns"]
    if max(ways) == 0:
        return "one"
    near = [way <= near_ns for way in ways]
    if all(near):
        return "near"
    return "mixed" if any(near) else "far"


# ---- Streams ---------------------------------------------------------------

class Streams:
    """One bcastd for each stream of packets that is asked for."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.servers = {}

    def get(self, ring_bytes, end="there"):
        """The name of a stream with such a ring."""
        key = f"{ring_bytes >> 20}M-{end}"
        name = f"bench-{self.options.name}-{os.getpid()}-{key}"
        if key not in self.servers:
            folder = tempfile.mkdtemp(dir=self.folder)
            self.servers[key] = server = systems.Server(
                [self.options.bcastd, "--name", name, "--format", "packet",
                 "--ring-size", f"{ring_bytes >> 20}M",
                 "--listen", "127.0.0.1:0"], folder)
            self.wait_for_listener(server)
        return name

    @staticmethod
    def wait_for_listener(server):
        deadline = time.monotonic() + systems.START_S
        while " listening " not in machine.read(server.log, ""):
            server.alive()
            if time.monotonic() > deadline:
                raise RuntimeError(f"did not start: {server.tail()}")
            time.sleep(0.02)

    def stop(self):
        for server in self.servers.values():
            server.stop()
        for path in glob.glob(
                f"/dev/shm/bcast.bench-{self.options.name}-{os.getpid()}-*"):
            os.unlink(path)


# ---- Runs ------------------------------------------------------------------

class Bench:
    """Runs programs, keeps their results."""

    def __init__(self, options, out, known):
        self.options = options
        self.out = out
        self.known = known
        self.served = ("aeron",)  # a driver of its own runs beside it
        self.runs = []

    def record(self, kind, values):
        line = dict({"type": kind, "time": round(time.time(), 1)}, **values)
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()

    def parks(self, system):
        return self.known[system].split()[1:2] == ["parks"]

    def disturbed(self, run):
        """Others were at work: who has a processor had to wait for it."""
        mild = self.parks(run["system"]) or run["system"] in self.served
        share = PARKED_WAIT if mild else POLLING_WAIT
        return run["waited_s"] > share * run["seconds"]

    def once(self, system, cell, arguments):
        command = [self.options.program, "--system", system,
                   "--window", str(self.options.window_ms)] + arguments
        if self.options.real_time:
            command.append("--real-time")
        try:
            done = subprocess.run(command, capture_output=True, text=True,
                                  check=False, timeout=RUN_S,
                                  preexec_fn=systems.die_with_parent)
            if done.returncode != 0:
                raise RuntimeError(done.stderr.strip())
            run = json.loads(done.stdout)
        except (RuntimeError, ValueError, OSError,
                subprocess.TimeoutExpired) as error:
            return {"system": system, "cell": cell, "error": str(error)}
        run.update(cell=cell,
                   placement=placement(run, self.options.near_ns))
        run["disturbed"] = self.disturbed(run)
        return run

    def measure(self, system, cell, arguments, round_number):
        for attempt in range(self.options.retries + 1):
            run = self.once(system, cell, arguments)
            run.update(round=round_number, attempt=attempt)
            self.record("run", run)
            if "error" in run or not (run["disturbed"] or
                                      run["placement"] == "mixed"):
                break
        self.runs.append(run)
        if "error" in run:
            print(f"round {round_number}  {cell}  {system}: failed:"
                  f" {run['error']}", flush=True)

    def rounds(self, names, cells, arguments):
        """arguments(system, cell): the command line; None: not that one."""
        for number in range(1, self.options.rounds + 1):
            for cell in cells:
                order = list(names)
                random.Random(f"{number} {cell}").shuffle(order)
                for system in order:
                    line = arguments(system, cell)
                    if line is not None:
                        self.measure(system, cell, line, number)
            print(f"round {number} of {self.options.rounds}: load"
                  f" {machine.read('/proc/loadavg').split()[0]}, "
                  + self.placements(number), flush=True)

    def placements(self, number):
        mine = [run for run in self.runs
                if run["round"] == number and "error" not in run]
        counts = {}
        for run in mine:
            counts[run["placement"]] = counts.get(run["placement"], 0) + 1
        return ", ".join(f"{n} runs {name}"
                         for name, n in sorted(counts.items())) + \
            f", {sum(run['disturbed'] for run in mine)} disturbed"

    # ---- Afterwards --------------------------------------------------------

    def good(self, system, cell, where):
        """The runs that count, by round; the disturbed if there are no other."""
        mine = [run for run in self.runs
                if run["system"] == system and run["cell"] == cell
                and run.get("placement") == where]
        calm = [run for run in mine if not run["disturbed"]]
        return {run["round"]: run for run in calm or mine}

    def mark(self, system, cell, where):
        good = self.good(system, cell, where).values()
        return "*" if any(run["disturbed"] for run in good) else " "

    def ratios(self, system, other, cell, where, value):
        """Of two systems, within each round that has both."""
        mine = self.good(system, cell, where)
        theirs = self.good(other, cell, where)
        return [value(mine[n]) / value(theirs[n]) for n in sorted(mine)
                if n in theirs and value(theirs[n]) > 0]

    def wheres(self, cell):
        return [where for where in ("near", "far", "one")
                if any(run["cell"] == cell and run.get("placement") == where
                       for run in self.runs)]


def median(values):
    return statistics.median(values) if values else None


def show(value, form):
    return "-" if value is None else form.format(value)


def spread(values, form):
    """min/med/max"""
    if not values:
        return "-"
    return "/".join(form.format(v) for v in
                    (min(values), statistics.median(values), max(values)))


def gnuplot(lines, path):
    """PATH.gp, and by it PATH.png. False: no gnuplot."""
    with open(path + ".gp", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    try:
        return subprocess.run(["gnuplot", path + ".gp"], check=False,
                              timeout=60).returncode == 0
    except FileNotFoundError:
        return False


def run_all(options, names, known, cells, arguments, summarize):
    """All rounds, and what they came to, also if they were interrupted."""
    os.makedirs(options.results, exist_ok=True)
    path = os.path.join(
        options.results,
        options.name + "-" + time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    now = state(options)
    print(json.dumps(now, indent=1))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, \
            open(path + ".jsonl", "w", encoding="utf-8") as out:
        bench = Bench(options, out, known)
        bench.record("machine", now)
        streams = Streams(options, folder)
        stolen = machine.steal_s()
        try:
            bench.rounds(names, cells,
                         lambda system, cell: arguments(streams, system, cell))
        finally:
            streams.stop()
            text, drawn = summarize(bench, path)
            text += f"\nsteal during the run: {machine.steal_s() - stolen:.1f} s"
            with open(path + ".txt", "w", encoding="utf-8") as file:
                file.write(json.dumps(now, indent=1) + "\n" + text + "\n")
            print("\n" + text)
            print(f"{path}.jsonl .txt" + (" .gp .png" if drawn else ""))
