# SPDX-License-Identifier: MIT
"""The servers that are compared: how each is started, fairly, and stopped.

Every one runs alone, without persistence, without logging of messages, and
with its rules against slow consumers set wide enough that none fires: the load
program keeps the sender within a window, so they are never needed.
"""
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time

START_S = 15
STOP_S = 8
KIB = 1024
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def size(text):
    """'64K' -> 65536."""
    factor = {"K": KIB, "M": KIB ** 2, "G": KIB ** 3}.get(text[-1:], 1)
    return int(text.rstrip("KMG")) * factor


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One running server: where to connect, which process, how to stop it."""

    def __init__(self, argv, folder, ports=None, environment=None):
        self.log = os.path.join(folder, "server.log")
        self.process = None
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=folder, start_new_session=True,
                preexec_fn=die_with_parent,
                env=dict(os.environ, **(environment or {})))
        self.pid = self.process.pid
        self.egress = self.ingest = ports

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-5:]).strip()

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"ended at once: {self.tail()}")

    def wait_for_log(self, roles):
        """Until the log has announced an address for every role."""
        deadline = time.monotonic() + START_S
        found = {}
        while time.monotonic() < deadline:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                for line in log:
                    address = re.search(r"\baddr=(\S+)", line)
                    role = re.search(r"\brole=(\S+)", line)
                    if " listening " in line and address and role:
                        found[role.group(1)] = address.group(1)
            if all(role in found for role in roles):
                self.egress = found.get("packet") or found.get("egress")
                self.ingest = found.get("packet") or found.get("ingest")
                return
            self.alive()
            time.sleep(0.02)
        raise RuntimeError(f"did not listen in time: {self.tail()}")

    def wait_for_port(self):
        deadline = time.monotonic() + START_S
        host, port = self.egress.split(":")
        while time.monotonic() < deadline:
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except OSError:
                self.alive()
                time.sleep(0.02)
        raise RuntimeError(f"did not listen in time: {self.tail()}")

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class System:
    """A row of the table. kind: limit, bcast or peer."""

    kind = "peer"
    protocol = "raw"
    stalled = 0     # receivers that never read, beside those that count
    message = None  # payload of a message; None: raw bytes
    package = None  # Debian's, to install a peer
    program = None
    extra = ()      # more options on its command line

    def __init__(self, name, message=None):
        self.name = name
        if message:
            self.message = message

    def missing(self, options):
        """Why it can't run here; None: it can."""
        if shutil.which(self.program):
            return None
        return f"no {self.program} (Debian package {self.package})"

    def start(self, options, folder):
        raise NotImplementedError


class Limit(System):
    """limit-hot, limit-walk; limit-hot-epoll for the other method."""

    kind = "limit"

    def __init__(self, name):
        super().__init__(name)
        _, self.memory, *method = name.split("-")
        self.method = method[0] if method else "io_uring"

    def missing(self, options):
        return None

    def start(self, options, folder):
        server = Server([os.path.join(options.build, "bench/bench_fanout_limit"),
                         "--memory", self.memory, "--method", self.method,
                         "--congestion", options.congestion]
                        + list(self.extra), folder)
        server.wait_for_log(["egress"])
        return server


class Bcastd(System):
    kind = "bcast"
    policy = "block"

    def missing(self, options):
        if os.access(options.bcastd, os.X_OK):
            return None
        return f"no {options.bcastd}"

    def start(self, options, folder):
        server = Server([options.bcastd, "--name", options.stream,
                         "--ingest", "127.0.0.1:0", "--egress", "127.0.0.1:0",
                         "--ring-size", "256M", "--slow-policy", self.policy,
                         "--congestion", options.congestion]
                        + list(self.extra)
                        + options.bcastd_options.split(), folder)
        server.wait_for_log(["ingest", "egress"])
        return server


class BcastdDisconnect(Bcastd):
    """The default policy: to be compared with the next."""

    policy = "disconnect"


class BcastdStalled(BcastdDisconnect):
    """One more receiver, that never reads, and comes again when dropped."""

    stalled = 1


class Ncat(System):
    program, package = "ncat", "ncat"

    def start(self, options, folder):
        port = free_port()
        server = Server(["ncat", "--broker", "--listen", "--max-conns", "1100",
                         "127.0.0.1", str(port)], folder, f"127.0.0.1:{port}")
        server.wait_for_port()
        return server


class Redis(System):
    program, package = "redis-server", "redis-server"
    protocol, message = "redis", "64K"
    threads = "1"

    def start(self, options, folder):
        port = free_port()
        server = Server(["redis-server", "--port", str(port),
                         "--bind", "127.0.0.1", "--save", "",
                         "--appendonly", "no", "--io-threads", self.threads,
                         "--loglevel", "warning", "--maxclients", "16000",
                         "--client-output-buffer-limit", "pubsub 0 0 0"],
                        folder, f"127.0.0.1:{port}")
        server.wait_for_port()
        return server


class RedisThreads(Redis):
    threads = "2"


class Nats(System):
    program, package = "nats-server", "nats-server"
    protocol, message = "nats", "64K"

    def start(self, options, folder):
        port = free_port()
        config = os.path.join(folder, "nats.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"listen: 127.0.0.1:{port}\n"
                       "max_payload: 8MB\nmax_pending: 256MB\n"
                       "write_deadline: \"60s\"\nping_interval: \"10m\"\n")
        server = Server(["nats-server", "--config", config], folder,
                        f"127.0.0.1:{port}")
        server.wait_for_port()
        return server


class Mosquitto(System):
    program, package = "mosquitto", "mosquitto"
    protocol, message = "mqtt", "64K"

    def start(self, options, folder):
        port = free_port()
        config = os.path.join(folder, "mosquitto.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\n"
                       "persistence false\nmax_queued_messages 0\n"
                       "max_queued_bytes 0\nmax_inflight_messages 0\n"
                       "set_tcp_nodelay true\nlog_type error\nuser root\n")
        server = Server(["mosquitto", "-c", config], folder,
                        f"127.0.0.1:{port}",
                        # Debian keeps it where only root looks.
                        {"PATH": os.environ["PATH"] + ":/usr/sbin"})
        server.wait_for_port()
        return server


LIMITS = ["limit-hot", "limit-walk", "limit-hot-epoll", "limit-walk-epoll"]
CLASSES = {
    "bcastd": Bcastd, "bcastd-disconnect": BcastdDisconnect,
    "bcastd-stalled": BcastdStalled, "ncat": Ncat, "redis": Redis, "redis-io2": RedisThreads,
    "nats": Nats, "mosquitto": Mosquitto,
}
DEFAULT = ("limit-hot,limit-walk,bcastd,ncat,redis@64K,redis-io2@1M,nats@4M,"
           "mosquitto@64K,mosquitto@1M")
PACKAGES = ["iproute2", "gnuplot-nox"] + sorted(
    {one.package for one in CLASSES.values() if one.package})


def find(name):
    """A system by its name: 'redis', or 'redis@256K' for a message size."""
    base, _, message = name.partition("@")
    if name in LIMITS:
        return Limit(name)
    if base not in CLASSES:
        raise ValueError(f"unknown system {base}; there are: "
                         + ", ".join(LIMITS + list(CLASSES)))
    return CLASSES[base](name, message)
