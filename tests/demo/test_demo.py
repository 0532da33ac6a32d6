"""The demo comes to its good end, and to a bad one when somebody swaps early."""

import os
import re
import subprocess
import sys
import unittest

from cloud.apt import is_installed
from cloud.paths import ROOT

DEMO_SECONDS = 300


def play(*arguments):
    """Runs the demo; its exit status and the figures of its last line."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-m", "demo", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEMO_SECONDS, check=False)
    last = done.stdout.rstrip().splitlines()[-1] if done.stdout.strip() else ""
    if not last.startswith("demo: "):
        raise AssertionError(f"the demo ended with {done.returncode} and no last line:\n{done.stdout}{done.stderr}")
    return done.returncode, {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", last)}, done.stdout


class TheDemo(unittest.TestCase):
    """`make demo`, as a script sees it."""

    def test_three_regions_swap_and_nothing_inconsistent_is_seen(self):
        status, figures, told = play()
        self.assertEqual(status, 0, told)
        self.assertEqual((figures["regions"], figures["swapped"], figures["inconsistent"]), (3, 3, 0), told)
        self.assertEqual(figures["apt"], 3 if is_installed() else 0, told)
        self.assertGreater(figures["looks"], 3, told)

    def test_the_reader_sees_an_early_swap(self):
        status, figures, told = play("--break=early-swap")
        self.assertNotEqual(status, 0, told)
        self.assertGreater(figures["inconsistent"], 0, told)


if __name__ == "__main__":
    unittest.main()
