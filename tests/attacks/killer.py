"""Kills functions of a local cloud at random moments: SIGKILL, which no process hears of."""

import os
import random
import signal
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

# Between two looks at what runs; what used the processor meanwhile is at work, and not waiting for a call.
LOOK_SECONDS = 0.03
JOIN_SECONDS = 10


@dataclass(frozen=True)
class Process:
    """A function's process: its id, whose it is (`replicate` or `publish`), and the processor time it had so far, in ticks."""

    pid: int
    function: str
    ticks: int


def functions_of(process_group):
    """The functions that a cloud runs now, by the id of its process group."""
    found = {}
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            name, _, rest = (directory / "stat").read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            if name != "bootstrap" or int(fields[2]) != process_group:
                continue
            variables = (directory / "environ").read_bytes().split(b"\0")
        except OSError:
            # It ended while it was looked at.
            continue
        called = next((text.decode() for text in variables if text.startswith(b"AWS_LAMBDA_FUNCTION_NAME=")), "")
        function = "publish" if "Publish" in called else "replicate"
        found[int(directory.name)] = Process(int(directory.name), function, int(fields[11]) + int(fields[12]))
    return found


class Killer(threading.Thread):
    """Kills now and then one of `victims` (names of functions) that is at work, until told to stop; `kills` counts them by name.

    `pauses` are the shortest and the longest time between two kills, in seconds; the seed draws them, and the victim. After `most` kills it ends.
    """

    def __init__(self, process_group, victims, pauses, most, seed):
        super().__init__(daemon=True)
        self._group = process_group
        self._victims = victims
        self._pauses = pauses
        self._most = most
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self.kills = Counter()
        # What made this thread fail: a killer that died must not pass for one that found nothing to do.
        self.failure = None

    def run(self):
        try:
            while self.kills.total() < self._most and not self._stopping.wait(self._random.uniform(*self._pauses)):
                self._kill_one()
        except Exception as failure:  # noqa: BLE001 - told by whoever started it
            self.failure = failure

    def stop(self):
        """Ends it; nothing is killed afterwards."""
        self._stopping.set()
        self.join(JOIN_SECONDS)

    def _kill_one(self):
        before = functions_of(self._group)
        while not self._stopping.wait(LOOK_SECONDS):
            now = functions_of(self._group)
            at_work = [
                process
                for pid, process in sorted(now.items())
                if process.function in self._victims and process.ticks > before.get(pid, process).ticks
            ]
            if at_work:
                victim = self._random.choice(at_work)
                try:
                    os.kill(victim.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.kills[victim.function] += 1
                return
            before = now
