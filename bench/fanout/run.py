#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/fanout: the bare limit, bcastd and its peers, side by side.

Round by round, all systems run one after the other, each round in another
order; so a drift of the machine meets all of them. README.md says what is
measured, and how to read it.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import machine  # noqa: E402
import report  # noqa: E402
import systems  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(TREE, "build"),
                        help="build folder (%(default)s)")
    parser.add_argument("--bcastd", help="(BUILD/src/bcastd)")
    parser.add_argument("--bcastd-options", default="",
                        help="more options for it, in one string")
    parser.add_argument("--systems", default=systems.DEFAULT,
                        help="NAME[@MESSAGESIZE],... (%(default)s)")
    parser.add_argument("--receivers", default="16",
                        help="N,... (%(default)s)")
    parser.add_argument("--sweep", action="store_true",
                        help="--receivers 1,2,4,8,16,32,64")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--window", default="32M")
    parser.add_argument("--buffer", default="256K")
    parser.add_argument("--congestion", default="cubic")
    parser.add_argument("--retries", type=int, default=2,
                        help="of a run that the machine disturbed (2)")
    parser.add_argument("--patience", type=float, default=15,
                        help="s to wait for the machine's best state (15)")
    parser.add_argument("--results", default=os.path.join(TREE, "bench",
                                                          "results"))
    parser.add_argument("--install", action="store_true",
                        help="apt-get install missing peers (root)")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.bcastd = os.path.abspath(
        options.bcastd or os.path.join(options.build, "src", "bcastd"))
    options.stream = f"bench-fanout-{os.getpid()}"
    if options.sweep:
        options.receivers = "1,2,4,8,16,32,64"
    options.receivers = [int(n) for n in options.receivers.split(",")]
    return options


def install():
    if os.geteuid() != 0:
        sys.exit("--install needs root")
    subprocess.run(["apt-get", "install", "-y", "--no-install-recommends"]
                   + systems.PACKAGES, check=True)


def available(options):
    found = []
    for name in options.systems.split(","):
        one = systems.find(name)
        reason = one.missing(options)
        if reason:
            print(f"skipped {name}: {reason}")
        else:
            found.append(one)
    return found


class Bench:
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

    def load(self, system, server, receivers):
        options = self.options
        command = [os.path.join(options.build, "bench", "bench_fanout_load"),
                   "--protocol", system.protocol, "--egress", server.egress,
                   "--receivers", str(receivers),
                   "--stalled", str(system.stalled),
                   "--window", options.window, "--buffer", options.buffer,
                   "--warmup", str(options.warmup),
                   "--seconds", str(options.seconds),
                   "--server-pid", str(server.pid),
                   "--congestion", options.congestion]
        if server.ingest:
            command += ["--ingest", server.ingest]
        if system.message:
            command += ["--message", system.message]
        return subprocess.Popen(command, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                start_new_session=True,
                                preexec_fn=systems.die_with_parent)

    def measure(self, system, receivers):
        """Start the server, load it, stop it: one result."""
        options = self.options
        server = load = None
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            try:
                server = system.start(options, folder)
                load = self.load(system, server, receivers)
                time.sleep(options.warmup * 0.8)
                used = machine.congestion_of_port(server.egress.split(":")[1])
                out, errors = load.communicate(
                    timeout=options.warmup + options.seconds + 30)
                if load.returncode != 0:
                    raise RuntimeError(errors.strip() + "; " + server.tail())
                return dict(json.loads(out), server_congestion=used)
            except (RuntimeError, OSError, ValueError,
                    subprocess.TimeoutExpired) as error:
                return {"error": str(error), "receivers": receivers}
            finally:
                if load and load.poll() is None:
                    load.kill()
                    load.wait()
                if server:
                    server.stop()

    def run(self, system, receivers, round_number):
        """measure(), again if the machine changed meanwhile."""
        for attempt in range(self.options.retries + 1):
            before = self.wait_until_steady()
            result = self.measure(system, receivers)
            after = self.probe()["line_round_trip_ns"]
            result = dict({"system": system.name, "kind": system.kind,
                           "round": round_number, "attempt": attempt,
                           "line_before_ns": before,
                           "line_after_ns": after}, **result)
            self.record("run", result)
            if "error" in result or report.steady(
                    result, self.probe.best_ns, self.probe.SLACK):
                break
        self.runs.append(result)
        print(f"round {round_number}  {receivers:>3} receivers  "
              f"{system.name:<16} ", end="")
        if "error" in result:
            print(f"failed: {result['error']}", flush=True)
            return
        print(f"{result['egress_gbit_s']:7.2f} Gbit/s  "
              f"{result['server_cpu_s_per_gbit']:.4f} CPU s/Gbit  "
              f"slowest/fastest {self.fairness(result):.2f}  "
              f"line {before:.0f}/{after:.0f} ns  "
              f"others' CPU {max(0, result['other_cpu_s']):.1f} s", flush=True)

    @staticmethod
    def fairness(result):
        return result["slowest_bytes"] / max(1, result["fastest_bytes"])

    def full_probe(self, round_number, when):
        speed = self.probe("full", self.options.congestion)
        self.record("probe", dict({"round": round_number, "when": when},
                                  **speed))
        print(f"round {round_number}  {when}: cache line "
              f"{speed['line_round_trip_ns']:.0f} ns, copy "
              f"{speed['memory_copy_gb_s']:.1f} GB/s, one connection "
              f"{speed['loopback_gbit_s']:.1f} Gbit/s", flush=True)

    def rounds(self, found):
        for round_number in range(1, self.options.rounds + 1):
            self.full_probe(round_number, "before")
            for receivers in self.options.receivers:
                order = list(found)
                random.Random(round_number * 1000 + receivers).shuffle(order)
                for system in order:
                    self.run(system, receivers, round_number)
            self.full_probe(round_number, "after")


def remove_segments(stream):
    """What a bcastd that had to be killed left behind."""
    for name in os.listdir("/dev/shm") if os.path.isdir("/dev/shm") else []:
        if name == f"bcast.{stream}" or name.startswith(f"bcast.{stream}."):
            os.unlink(os.path.join("/dev/shm", name))


def leave(*_):
    sys.exit(130)


def show(bench, found, state, path):
    best = bench.probe.best_ns
    rows = report.summarize(bench.runs, [one.name for one in found], best,
                            machine.Probe.SLACK)
    text = report.table(rows)
    bench.record("summary", {"rows": rows, "best_line_round_trip_ns": best,
                             "steal_s": state["steal_s"]})
    with open(path + ".txt", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    print("\n" + text)
    print(f"steal during the run: {state['steal_s']:.1f} s")
    drawn = report.plot(rows, path)
    print(f"{path}.jsonl .txt .gp" + (" .png" if drawn else ""))


def main():
    options = parse()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    if options.install and not os.environ.get(machine.INSIDE):
        install()
    machine.enter_namespace()
    for program in ("load", "limit", "probe"):
        path = os.path.join(options.build, "bench", f"bench_fanout_{program}")
        if not os.access(path, os.X_OK):
            sys.exit(f"no {path}: build the tree first, or give --build")
    routed = machine.set_up_network(options.congestion)
    state = dict(machine.state(), congestion_by_route=routed,
                 command=sys.argv[1:])
    print(json.dumps(state))
    found = available(options)
    os.makedirs(options.results, exist_ok=True)
    path = os.path.join(options.results, time.strftime("%Y%m%dT%H%M%SZ",
                                                       time.gmtime()))
    folder = tempfile.mkdtemp(prefix="bench-fanout-")
    try:
        with open(path + ".jsonl", "w", encoding="utf-8") as out:
            bench = Bench(options, folder, out)
            bench.record("machine", state)
            stolen = machine.steal_s()
            try:
                bench.rounds(found)
            finally:
                # Also of a run that was interrupted.
                state["steal_s"] = machine.steal_s() - stolen
                show(bench, found, state, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        remove_segments(options.stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
