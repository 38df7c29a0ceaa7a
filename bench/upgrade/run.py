#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/upgrade: for how long a stream stands still while a new daemon takes it
over, as its receivers see it.

Windows without and with an upgrade, in turns, under receivers that take all
they can: what counts is the longest time in which one of them got nothing,
beside what it is without. Every byte is checked.
"""
import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(HERE, "../../build"))
    parser.add_argument("--upgrades", type=int, default=20)
    parser.add_argument("--receivers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=0.5,
                        help="of a window (%(default)s)")
    parser.add_argument("--ring-size", default="256M")
    parser.add_argument("--options", default="",
                        help="more of them for bcastd, between spaces")
    parser.add_argument("--results", default=os.path.join(HERE, "../results"),
                        help="where the figures go (%(default)s)")
    parser.add_argument("--quick", action="store_true",
                        help="to see that it works: two upgrades, 4 receivers")
    options = parser.parse_args()
    if options.quick:
        options.upgrades, options.receivers = 2, 4
        options.seconds, options.ring_size = 0.2, "8M"
    return options


class Daemons:
    """One after the other, of one name."""

    def __init__(self, options):
        self.program = os.path.join(options.build, "src/bcastd")
        self.name = f"bench-upgrade-{os.getpid()}"
        self.options = ["--listen", "127.0.0.1:0", "--ring-size",
                        options.ring_size, "--slow-policy", "block",
                        *options.options.split()]
        self.log = tempfile.TemporaryFile("w+")
        self.current = None

    def launch(self, *more):
        return subprocess.Popen([self.program, "--name", self.name,
                                 *self.options, *more], stderr=self.log)

    def said(self, pattern):
        self.log.seek(0)
        return re.findall(pattern, self.log.read())

    def await_line(self, pattern, times):
        deadline = time.monotonic() + 20
        while len(self.said(pattern)) < times:
            if time.monotonic() > deadline:
                raise SystemExit(f"no line {pattern}:\n" + self.text())
            time.sleep(0.01)

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def start(self):
        self.current = self.launch()
        self.await_line(r"listening addr=", 1)
        return self.said(r"listening addr=(\S+)")[0]

    def upgrade(self):
        old, self.current = self.current, self.launch("--takeover")
        if old.wait(timeout=30) != 0 or self.current.poll() is not None:
            raise SystemExit("the upgrade has failed:\n" + self.text())

    def stop(self):
        if self.current and self.current.poll() is None:
            self.current.send_signal(signal.SIGTERM)
            try:
                self.current.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.current.kill()


class Load:
    def __init__(self, options, address):
        self.process = subprocess.Popen(
            [os.path.join(options.build, "bench/bench_upgrade_load"), address,
             str(options.receivers)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def window(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seconds, moved, pause = self.process.stdout.readline().split()
        return float(moved) * 8 / float(seconds) / 1e9, float(pause)

    def end(self):
        self.process.stdin.close()
        return self.process.stdout.readline().strip()


def measure(options, daemons):
    load = Load(options, daemons.start())
    time.sleep(1)
    load.window()
    quiet, busy = [], []
    for _ in range(options.upgrades):
        time.sleep(options.seconds)
        quiet.append(load.window())
        daemons.upgrade()
        time.sleep(options.seconds)
        busy.append(load.window())
    return quiet, busy, load.end()


def line_of(what, windows):
    rates = [rate for rate, _ in windows]
    pauses = [pause for _, pause in windows]
    return (f"{what:10} {statistics.median(rates):6.1f} Gbit/s, longest pause"
            f" of a receiver: median {statistics.median(pauses):6.1f} ms,"
            f" worst {max(pauses):6.1f} ms")


def main():
    options = parse()
    daemons = Daemons(options)
    try:
        quiet, busy, verdict = measure(options, daemons)
        still = [float(ms) for ms in
                 daemons.said(r"upgrade_taken .* ms=([0-9.]+)")]
    finally:
        daemons.stop()
    text = "\n".join([
        f"{options.upgrades} upgrades, {options.receivers} receivers",
        line_of("without", quiet),
        line_of("with", busy),
        f"the daemons say they stood still for: median"
        f" {statistics.median(still):.1f} ms, worst {max(still):.1f} ms",
        verdict])
    print(text)
    os.makedirs(options.results, exist_ok=True)
    name = time.strftime("%Y-%m-%dT%H%M%S-upgrade.txt")
    with open(os.path.join(options.results, name), "w") as file:
        file.write(text + "\n")
    return 0 if verdict.endswith("all right") else 1


if __name__ == "__main__":
    sys.exit(main())
