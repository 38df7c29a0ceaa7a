# SPDX-License-Identifier: MIT
"""The machine under the benchmark: its state, its speed now, its network.

A namespace of its own gives every socket in it, the peers' included, the same
congestion control by way of the loopback routes; no peer has an option for it.
(The sysctl does the same but may not be written inside a namespace.) The same
namespace keeps the run away from whatever else listens on this machine.
"""
import json
import os
import platform
import subprocess
import sys

INSIDE = "BENCH_FANOUT_NAMESPACE"


def read(path, default="unknown"):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return default


def enter_namespace():
    """Start this program anew in its own network; come back if that fails."""
    if os.environ.get(INSIDE):
        return
    ways = [["unshare", "--net"]]
    if os.geteuid() != 0:
        ways = [["unshare", "--user", "--map-root-user", "--net"]]
    for way in ways:
        try:
            test = subprocess.run(way + ["true"], capture_output=True,
                                  check=False)
        except FileNotFoundError:
            break
        if test.returncode == 0:
            os.environ[INSIDE] = "own"
            os.execvp(way[0], way + [sys.executable] + sys.argv)
    os.environ[INSIDE] = "none"
    print("no network namespace (needs root or user namespaces): the peers"
          " keep the system's congestion control", flush=True)


def set_up_network(congestion):
    """Loopback up, and its routes with `congestion`. True if that worked."""
    if os.environ.get(INSIDE) != "own":
        return False
    commands = [["ip", "link", "set", "lo", "up"]]
    for target in ("127.0.0.0/8", "127.0.0.1"):
        commands.append(["ip", "route", "change", "local", target, "dev", "lo",
                         "table", "local", "proto", "kernel", "scope", "host",
                         "src", "127.0.0.1", "congctl", congestion])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            print(" ".join(command), "failed:", done.stderr.strip())
            return False
    return True


def congestion_of_port(port):
    """Which congestion control the sockets of a server's port use, by ss."""
    known = read("/proc/sys/net/ipv4/tcp_available_congestion_control").split()
    try:
        out = subprocess.run(["ss", "-tniH", "sport", "=", f":{port}"],
                             capture_output=True, text=True, check=False,
                             timeout=10).stdout.split()
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return []
    return sorted(set(out) & set(known))


def state():
    """What a reader of the results must know of the machine."""
    cpu = "unknown"
    for line in read("/proc/cpuinfo", "").splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    governor = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    net = "/proc/sys/net/"
    return {
        "kernel": platform.release(),
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "governor": read(governor, "none"),
        "load_average": read("/proc/loadavg").split()[:3],
        "system_congestion": read(net + "ipv4/tcp_congestion_control"),
        "tcp_wmem": read(net + "ipv4/tcp_wmem").split(),
        "tcp_rmem": read(net + "ipv4/tcp_rmem").split(),
        "loopback_mtu": read("/sys/class/net/lo/mtu"),
        "namespace": os.environ.get(INSIDE, "none"),
    }


def steal_s():
    """Seconds taken from this machine by its hypervisor so far."""
    fields = read("/proc/stat", "cpu").splitlines()[0].split()
    if len(fields) < 9:
        return 0.0
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


class Probe:
    """Speed of the machine now, and the best round trip seen so far."""

    # Farther apart than this times the best: another state of the machine.
    # Measured: 65-80 ns with a shared cache, 230-330 ns without.
    SLACK = 1.6

    def __init__(self, program):
        self.program = program
        self.best_ns = None

    def __call__(self, kind="quick", congestion=None):
        command = [self.program, kind] + ([congestion] if congestion else [])
        out = subprocess.run(command, capture_output=True, text=True,
                             check=True, timeout=30).stdout
        result = json.loads(out)
        trip = result["line_round_trip_ns"]
        if trip > 0 and (self.best_ns is None or trip < self.best_ns):
            self.best_ns = trip
        return result

    def near(self, trip):
        return trip == 0 or self.best_ns is None or \
            trip <= self.SLACK * self.best_ns
