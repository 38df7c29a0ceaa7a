# SPDX-License-Identifier: MIT
"""browser.py - a page in headless Chromium, by its debugging pipe.

No driver and no port: Chromium reads commands from descriptor 3 and writes to 4,
each a JSON text that ends with a zero byte.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

DEADLINE = 60
PROGRAM = shutil.which("chromium")


def high(fd):
    """The same, where 3 and 4 are not in the way."""
    made = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(fd)
    return made


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp()
        down, self.to = map(high, os.pipe())
        self.come, up = map(high, os.pipe())

        def place():
            os.dup2(down, 3)
            os.dup2(up, 4)

        self.process = subprocess.Popen(
            [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage",
             "--user-data-dir=" + self.folder, "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place, pass_fds=(3, 4), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(down)
        os.close(up)
        self.bytes = b""
        self.number = 0
        self.session = None
        self.problems = []  # what the page's console has to complain of
        self.asked = set()  # the addresses that it asked for
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def next(self, until):
        while b"\0" not in self.bytes:
            ready = select.select([self.come], [], [], max(0, until - time.monotonic()))[0]
            piece = os.read(self.come, 1 << 20) if ready else b""
            if not piece:
                raise AssertionError("Chromium does not answer")
            self.bytes += piece
        text, self.bytes = self.bytes.split(b"\0", 1)
        return json.loads(text)

    def note(self, event):
        method, values = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(values["exceptionDetails"]))
        elif method == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.problems.append(values["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.asked.add(values["request"]["url"])

    def call(self, method, **values):
        self.number += 1
        command = {"id": self.number, "method": method, "params": values}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.to, json.dumps(command).encode() + b"\0")
        until = time.monotonic() + DEADLINE
        while True:
            answer = self.next(until)
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.note(answer)

    def size(self, width, height, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=phone)

    def dark(self, dark):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, url):
        self.call("Page.navigate", url=url)

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression,
                         returnByValue=True)["result"].get("value")

    def until(self, expression):
        """Wait until it holds; the value that did."""
        until = time.monotonic() + DEADLINE
        while True:
            found = self.value(expression)
            if found:
                return found
            assert time.monotonic() < until, f"{expression} is {found}; {self.problems}"

    def shoot(self, path, whole=False):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(data["data"]))

    def close(self):
        os.close(self.to)
        os.close(self.come)
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
