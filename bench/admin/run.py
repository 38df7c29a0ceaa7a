#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/admin: what it costs the data path to be looked at.

One run with saturated receivers; in turns nobody looks, and /metrics is asked
for 1000 times a second while bcast-shmstat --watch runs in a terminal. README.md
says what is measured, and how to read it.
"""
import json
import os
import pty
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fanout import systems  # noqa: E402
from support import tcp  # noqa: E402

ASKED = 2.0   # may be lost at most, per cent
SETTLE_S = 0.2


def parse():
    parser = tcp.parser(__doc__, "admin", rounds=3, seconds=1.0)
    parser.add_argument("--receivers", type=int, default=16,
                        help="(%(default)s)")
    parser.add_argument("--pairs", type=int, default=10,
                        help="of windows, without and with, in each round"
                        " (%(default)s)")
    parser.add_argument("--rate", type=float, default=1000,
                        help="requests a second (%(default)s)")
    parser.add_argument("--path", default="/metrics", help="(%(default)s)")
    parser.add_argument("--interval", default="500ms",
                        help="of --watch (%(default)s)")
    parser.add_argument("--quick", action="store_true",
                        help="to see that it works: a second, 4 receivers")
    options = parser.parse_args()
    if options.quick:
        options.receivers, options.rounds, options.pairs = 4, 1, 1
        options.seconds, options.warmup = 0.3, 0.1
    return tcp.finish(options, ["bench_fanout_load", "bench_admin_scrape"])


def admin_port(server):
    with open(server.log, encoding="utf-8") as log:
        return re.search(r"addr=\S*:(\d+) role=admin", log.read()).group(1)


class Watch:
    """bcast-shmstat --watch in a terminal, whose output is thrown away."""

    def __init__(self, options):
        tool = os.path.join(options.build, "tools", "bcast-shmstat")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            systems.die_with_parent()
            os.environ["TERM"] = "xterm"
            os.execv(tool, [tool, "--watch", "--interval", options.interval,
                            options.stream])
        self.seen = 0
        self.reader = threading.Thread(target=self.drain)
        self.reader.start()

    def drain(self):
        try:
            while data := os.read(self.fd, 65536):
                self.seen += len(data)
        except OSError:
            pass

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.reader.join()
        os.close(self.fd)
        if not self.seen:
            raise RuntimeError("--watch has shown nothing")


def bytes_out(options):
    told = subprocess.run(
        [os.path.join(options.build, "tools", "bcast-shmstat"), "--json",
         options.stream], capture_output=True, check=True, timeout=20).stdout
    return json.loads(told)["summary"]["bytes_out"]


def window(options):
    """Gbit/s of all receivers, for a while."""
    time.sleep(SETTLE_S)
    before, began = bytes_out(options), time.monotonic()
    time.sleep(options.seconds)
    moved = bytes_out(options) - before
    return moved * 8 / 1e9 / (time.monotonic() - began)


def watched_window(options, port):
    """The same while everybody looks; and how often they were answered."""
    scrape = watch = None
    try:
        watch = Watch(options)
        scrape = subprocess.Popen(
            [os.path.join(options.build, "bench", "bench_admin_scrape"), port,
             options.path, str(options.rate),
             str(options.seconds + 2 * SETTLE_S)], stdout=subprocess.PIPE,
            preexec_fn=systems.die_with_parent)
        speed = window(options)
        told = json.loads(scrape.communicate(timeout=60)[0])
        return speed, told["scrapes"] / told["seconds"]
    finally:
        if watch:
            watch.stop()
        if scrape and scrape.poll() is None:
            scrape.kill()
            scrape.wait()


def load(options, server):
    length = options.pairs * 2 * (options.seconds + 2 * SETTLE_S + 1) + 5
    return subprocess.Popen(
        [os.path.join(options.build, "bench", "bench_fanout_load"),
         "--protocol", "raw", "--ingest", server.ingest, "--egress",
         server.egress, "--receivers", str(options.receivers), "--window",
         "32M", "--buffer", "256K", "--warmup", str(options.warmup),
         "--seconds", str(length), "--server-pid", str(server.pid),
         "--congestion", options.congestion], stdout=subprocess.DEVNULL,
        preexec_fn=systems.die_with_parent)


def one_round(options, folder, number):
    """What was lost in each pair, per cent."""
    server = systems.Bcastd("bcastd")
    server.extra = ["--admin", "127.0.0.1:0"]
    server = server.start(options, folder)
    lost = []
    crowd = None
    try:
        port = admin_port(server)
        crowd = load(options, server)
        time.sleep(options.warmup + 1)
        for pair in range(options.pairs):
            if pair % 2:
                on, rate = watched_window(options, port)
                off = window(options)
            else:
                off = window(options)
                on, rate = watched_window(options, port)
            lost.append(100 * (1 - on / off) if off else 100)
            print(f"round {number}  without {off:6.2f}  with {on:6.2f} Gbit/s"
                  f"  lost {lost[-1]:5.1f} %  {rate:.0f} answers a second",
                  flush=True)
    finally:
        if crowd:
            crowd.kill()
            crowd.wait()
        server.stop()
        tcp.remove_segments(options.stream)
    return lost


def main():
    options = parse()
    lost = []
    with tempfile.TemporaryDirectory(prefix="bench-admin-") as folder:
        for number in range(1, options.rounds + 1):
            lost += one_round(options, folder, number)
    lost.sort()
    median = statistics.median(lost)
    print(f"\nlost, median of {len(lost)} pairs: {median:.1f} %"
          f" (quarters {lost[len(lost) // 4]:.1f} and"
          f" {lost[3 * len(lost) // 4]:.1f}; asked: under {ASKED:.0f} %);"
          f" ratio {1 - median / 100:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
