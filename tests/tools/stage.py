# SPDX-License-Identifier: MIT
"""stage.py - a real daemon and who is connected to it; and a list of claims.

BCASTD, SHMSTAT, NODE, TAIL and PUB are the first arguments of each test; one
more is a part of the names of the claims to be tried.
"""
import os
import re
import socket
import subprocess
import sys
import time

from terminal import Terminal

BCASTD, SHMSTAT, NODE, TAIL, PUB = sys.argv[1:6]
KIB = 1024


class Stage:
    def __init__(self, name):
        self.name = f"stage-{os.getpid()}-{name}"
        self.daemon = None
        self.sockets = []
        self.programs = []
        self.terminals = []

    def start(self, *options, doors=("ingest", "egress")):
        self.daemon = subprocess.Popen(
            [BCASTD, "--name", self.name, "--ring-size", "1M", *options]
            + [word for door in doors for word in (f"--{door}", "127.0.0.1:0")], stderr=subprocess.PIPE, text=True)
        self.ports = {}
        while len(self.ports) < len(doors):
            line = self.daemon.stderr.readline()
            if not line:
                raise AssertionError("bcastd does not start")
            found = re.search(r"listening addr=\S*:(\d+) role=(\w+)", line)
            if found:
                self.ports[found.group(2)] = int(found.group(1))

    def connect(self, role):
        made = socket.create_connection(("127.0.0.1", self.ports[role]))
        self.sockets.append(made)
        return made, "127.0.0.1:%d" % made.getsockname()[1]

    def join(self, node):
        program = subprocess.Popen([NODE, self.name, "join", node, "--read"],
                                   stdout=subprocess.DEVNULL)
        self.programs.append(program)
        return program

    def watch(self, *options, **how):
        terminal = Terminal([SHMSTAT, "--watch", "--interval", "100ms", *options, self.name],
                            **how)
        self.terminals.append(terminal)
        return terminal

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()

    def close(self):
        for terminal in self.terminals:
            terminal.close()
        for program in self.programs:
            program.kill()
            program.wait()
        for one in self.sockets:
            one.close()
        if self.daemon:
            self.kill()
            self.daemon.stderr.close()
        for suffix in ("", ".nodes", ".lock"):
            try:
                os.unlink(f"/dev/shm/bcast.{self.name}{suffix}")
            except FileNotFoundError:
                pass


def run(claims):
    """Try each claim on a stage of its own. Returns the exit status."""
    failed = 0
    for number, claim in enumerate(claims):
        if len(sys.argv) > 6 and sys.argv[6] not in claim.__name__:
            continue
        stage = Stage(str(number))
        began = time.monotonic()
        try:
            claim(stage)
            print(f"ok      {claim.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as problem:  # the next claims are worth trying
            print(f"FAILED  {claim.__name__}: {type(problem).__name__}: {problem}", flush=True)
            failed += 1
        finally:
            stage.close()
    return failed > 0
