"""What the person at the terminal reads."""

import os
import sys
import threading
import time

COLOURS = {"us-east-1": "36", "eu-west-1": "33", "ap-southeast-2": "35", "good": "32", "bad": "31", "title": "1", "faint": "2"}


class Telling:
    """Lines with the time since the start; colours on a terminal only. Safe from several threads."""

    def __init__(self):
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def seconds(self):
        """Since the start."""
        return time.monotonic() - self._began

    def title(self, text):
        """What happens next."""
        self._print("\n" + self._painted("title", text))

    def line(self, who, text, mood=None):
        """What somebody does or sees."""
        when = self._painted("faint", f"{self.seconds():6.1f} s")
        self._print(f"{when}  {self._painted(who, f'{who:<15}')} {self._painted(mood, text)}")

    def plain(self, text):
        """A line as it is."""
        self._print(text)

    def _painted(self, colour, text):
        code = COLOURS.get(colour)
        return f"\033[{code}m{text}\033[0m" if self._coloured and code else text

    def _print(self, text):
        with self._lock:
            print(text, flush=True)
