# SPDX-License-Identifier: MIT
"""terminal.py - a program in a pseudo-terminal, and what its screen shows.

Understands what ncurses sends to TERM=xterm, and no more: an unknown sequence
fails the test rather than be guessed at.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

DEADLINE = 20


class Terminal:
    def __init__(self, argv, rows=24, columns=80, term="xterm", utf8=True):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = dict(os.environ, TERM=term, LC_ALL="C.UTF-8" if utf8 else "C")
            for name in ("LINES", "COLUMNS"):
                environment.pop(name, None)
            # the size must be there before ncurses asks for it
            os.read(0, 1)
            try:
                os.execve(argv[0], argv, environment)
            finally:
                os._exit(127)
        self.buffer = b""
        self.status = None
        self.resize(rows, columns)
        os.write(self.fd, b"\n")

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.last = " "
        self.region = (0, rows - 1)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    # ---- What it prints -----------------------------------------------------

    def feed(self, data):
        self.buffer += data
        text = self.buffer.decode("utf-8", "ignore")
        # an unfinished character or sequence waits for its rest
        whole = len(self.buffer)
        for back in range(1, 4):
            if len(self.buffer) >= back and self.buffer[-back] >= 0xC0:
                whole = len(self.buffer) - back
                break
        text = self.buffer[:whole].decode("utf-8", "ignore")
        rest = self.buffer[whole:]
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                match = re.compile(
                    r"\x1b(?:\[([?>!]?)([0-9;]*)([@-~])|([()])(.)|([78=>cMDE])|"
                    r"\].*?(?:\x07|\x1b\\))").match(text, at)
                if not match:
                    break
                self.escape(match)
                at = match.end()
            else:
                self.character(text[at])
                at += 1
        self.buffer = text[at:].encode() + rest

    def character(self, letter):
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.line_feed()
        elif letter == "\b":
            self.column = max(0, self.column - 1)
        elif letter == "\t":
            self.column = min(self.columns - 1, (self.column // 8 + 1) * 8)
        elif letter >= " ":
            if self.column >= self.columns:
                self.column = 0
                self.line_feed()
            if self.row < self.rows:
                self.cells[self.row][self.column] = letter
            self.column += 1
            self.last = letter

    def line_feed(self):
        if self.row == self.region[1]:
            self.scroll(1)
        else:
            self.row = min(self.rows - 1, self.row + 1)

    def scroll(self, count):
        top, bottom = self.region
        for _ in range(count):
            del self.cells[top]
            self.cells.insert(bottom, [" "] * self.columns)

    def insert_lines(self, count):
        for _ in range(count):
            del self.cells[self.region[1]]
            self.cells.insert(self.row, [" "] * self.columns)

    def delete_lines(self, count):
        for _ in range(count):
            del self.cells[self.row]
            self.cells.insert(self.region[1], [" "] * self.columns)

    def clear(self, row, begin, end):
        for column in range(begin, min(end, self.columns)):
            self.cells[row][column] = " "

    def escape(self, match):
        mark, numbers, final = match.group(1), match.group(2), match.group(3)
        if final is None:
            if match.group(6) == "M":
                if self.row == self.region[0]:
                    self.insert_lines(1)
                else:
                    self.row -= 1
            return
        values = [int(n) if n else 0 for n in numbers.split(";")]
        first = values[0]
        count = max(1, first)
        self.column = min(self.column, self.columns - 1) if final != "m" else self.column
        if mark or final in "mhlt":
            return
        if final in "Hf":
            self.row = min(self.rows, max(1, first)) - 1
            self.column = min(self.columns, max(1, values[1] if len(values) > 1 else 1)) - 1
        elif final == "A":
            self.row = max(0, self.row - count)
        elif final == "B":
            self.row = min(self.rows - 1, self.row + count)
        elif final == "C":
            self.column = min(self.columns - 1, self.column + count)
        elif final == "D":
            self.column = max(0, self.column - count)
        elif final == "G":
            self.column = min(self.columns, count) - 1
        elif final == "d":
            self.row = min(self.rows, count) - 1
        elif final == "J":
            rows = {0: range(self.row + 1, self.rows), 1: range(self.row),
                    2: range(self.rows), 3: range(0)}[first]
            for row in rows:
                self.clear(row, 0, self.columns)
            if first == 0:
                self.clear(self.row, self.column, self.columns)
            elif first == 1:
                self.clear(self.row, 0, self.column + 1)
        elif final == "K":
            begin, end = {0: (self.column, self.columns), 1: (0, self.column + 1),
                          2: (0, self.columns)}[first]
            self.clear(self.row, begin, end)
        elif final == "X":
            self.clear(self.row, self.column, self.column + count)
        elif final == "b":
            for _ in range(count):
                self.character(self.last)
        elif final == "P":
            line = self.cells[self.row]
            del line[self.column:self.column + count]
            line.extend([" "] * (self.columns - len(line)))
        elif final == "@":
            line = self.cells[self.row]
            line[self.column:self.column] = [" "] * count
            del line[self.columns:]
        elif final == "L":
            self.insert_lines(count)
        elif final == "M":
            self.delete_lines(count)
        elif final == "S":
            self.scroll(count)
        elif final == "T":
            self.row, row = self.region[0], self.row
            self.insert_lines(count)
            self.row = row
        elif final == "r":
            bottom = values[1] if len(values) > 1 and values[1] else self.rows
            self.region = (max(1, first) - 1, bottom - 1)
            self.row = self.column = 0
        else:
            raise AssertionError(f"unknown sequence {match.group(0)!r}")

    def screen(self):
        return "\n".join("".join(line).rstrip() for line in self.cells)

    # ---- Talking to it --------------------------------------------------------

    def keys(self, text):
        os.write(self.fd, text.encode())

    def take_in(self, seconds):
        """What it prints within so long. False: it has ended."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.feed(data)
        return bool(data)

    def until(self, condition, what):
        """Wait until condition(screen) holds."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            found = condition(self.screen())
            if found:
                return found
            if not self.take_in(0.1):
                break
        raise AssertionError(f"not seen: {what}; the screen:\n{self.screen()}")

    def sees(self, pattern):
        return self.until(lambda screen: re.search(pattern, screen, re.M), pattern)

    def ends(self):
        """Its exit status, once it has ended."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                while self.take_in(0):
                    if not select.select([self.fd], [], [], 0)[0]:
                        break
                return self.status
            self.take_in(0.05)
        raise AssertionError("it does not end")

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -9
        os.close(self.fd)
