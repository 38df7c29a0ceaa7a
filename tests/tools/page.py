#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""page.py BCASTD SHMSTAT ... - the page at --admin, in headless Chromium.

BCAST_TEST_SHOTS: a folder for screenshots, for a person's eye.
"""
import os
import re
import signal
import sys

import browser
from stage import KIB, run

SENT = 300 * KIB
DOORS = ("ingest", "egress", "admin")


def text(page, element):
    return page.value(f"document.getElementById('{element}').textContent")


def tile(page, name):
    return page.value("[...document.querySelectorAll('.tile')].find(t => t.firstChild"
                      f".textContent === '{name}')?.querySelector('b').textContent")


def shoot(page, name):
    folder = os.environ.get("BCAST_TEST_SHOTS")
    if folder:
        page.shoot(os.path.join(folder, name + ".png"))


class Page(browser.Browser):
    """The page of a stage, with two receivers and a sender."""

    def __init__(self, stage):
        super().__init__()
        self.stage = stage
        stage.start("--slow-policy", "block", doors=DOORS)
        self.receivers = [stage.connect("egress")[0] for _ in range(2)]
        self.sender = stage.connect("ingest")[0]
        self.size(1280, 800)
        self.open(f"http://127.0.0.1:{stage.ports['admin']}/")
        self.until("document.getElementById('state').textContent === 'live'")

    def send(self, count=SENT):
        self.sender.sendall(b"p" * count)
        for receiver in self.receivers:
            left = count
            while left:
                left -= len(receiver.recv(left))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def fill(page):
    """Send until the receiver that takes nothing holds it up."""
    page.sender.settimeout(.5)
    page.receivers[0].setblocking(False)
    try:
        while True:
            page.sender.send(b"l" * 65536)
            try:
                while page.receivers[0].recv(1 << 20):
                    pass
            except BlockingIOError:
                pass
    except TimeoutError:
        pass


# ---- Claims ------------------------------------------------------------------

def numbers_are_live(stage):
    with Page(stage) as page:
        page.until("document.querySelectorAll('#peers tbody tr').length === 3")
        assert text(page, "name") == stage.name
        page.send()
        page.until("[...document.querySelectorAll('.tile b')].some(b => b.textContent === "
                   "'300 KiB')")
        assert tile(page, "Receivers") == "2"
        page.until("[...document.querySelectorAll('#peers td')].filter(d => d.textContent === "
                   "'300 KiB').length >= 3")
        page.send()
        page.until("[...document.querySelectorAll('.tile b')].some(b => b.textContent === "
                   "'600 KiB')")
        assert page.value("document.querySelectorAll('#rates path.series').length") == 2
        assert page.value("document.querySelectorAll('#ring .dot').length") >= 1
        shoot(page, "page")
        assert page.problems == [], page.problems


def nothing_comes_from_elsewhere(stage):
    with Page(stage) as page:
        page.until("document.querySelectorAll('#peers tbody tr').length === 3")
        here = f"http://127.0.0.1:{stage.ports['admin']}/"
        assert page.asked and all(url.startswith(here) or url.startswith("data:")
                                  for url in page.asked), page.asked
        source = page.value("document.documentElement.outerHTML")
        strange = set(re.findall(r"https?://[^\s\"'<]*", source)) - {"http://www.w3.org/2000/svg"}
        assert not strange, strange
        assert page.problems == [], page.problems


def who_lags_is_seen_first(stage):
    with Page(stage) as page:
        idle = page.receivers.pop()
        name = "127.0.0.1:%d" % idle.getsockname()[1]
        fill(page)
        page.until("document.querySelector('#peers td.bad')?.textContent === 'stalled'")
        assert page.value("document.querySelector('#peers tbody td').textContent") == name
        page.until(f"[...document.querySelectorAll('#ring text')].some(t => t.textContent === '{name}')")
        page.value("[...document.querySelectorAll('#peers th button')].find(b => b.textContent"
                   ".startsWith('Peer')).click()")
        names = page.value("[...document.querySelectorAll('#peers tbody tr')].map(r => "
                           "r.firstChild.textContent)")
        assert names == sorted(names), names
        assert page.problems == [], page.problems


def small_and_dark_fit(stage):
    with Page(stage) as page:
        page.dark(True)
        page.size(390, 844, phone=True)
        page.send()
        page.until("document.querySelectorAll('#peers tbody tr').length === 3")
        assert page.value("document.documentElement.scrollWidth <= innerWidth")
        assert page.value("matchMedia('(prefers-color-scheme: dark)').matches")
        back = page.value("getComputedStyle(document.body).backgroundColor")
        assert all(int(part) < 64 for part in re.findall(r"\d+", back)), back
        shoot(page, "phone-dark")


def death_is_told_and_a_return_too(stage):
    with Page(stage) as page:
        stage.daemon.send_signal(signal.SIGKILL)
        stage.daemon.wait()
        page.until("document.getElementById('state').textContent === 'gone'")
        assert "has not answered since" in text(page, "banner")
        assert page.value("!document.getElementById('banner').hidden")
        shoot(page, "gone")
        stage.daemon.stderr.close()
        stage.start("--slow-policy", "block", "--admin", str(stage.ports["admin"]),
                    doors=("ingest", "egress"))
        page.until("document.getElementById('state').textContent === 'live'")
        assert page.value("document.getElementById('banner').hidden")
        assert "daemon number 2" in text(page, "about")


if not browser.PROGRAM:
    print("skipped: no chromium", flush=True)
    sys.exit(77)
sys.exit(run([numbers_are_live, nothing_comes_from_elsewhere, who_lags_is_seen_first,
              small_and_dark_fit, death_is_told_and_a_return_too]))
