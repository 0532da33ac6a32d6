"""What `make torture` says at its end is what the attacks said, and a program that says too little is a failure."""

import contextlib
import io
import sys
import unittest

from torture.attacks import Program
from torture.runner import run_all

LINE = "attack: crash at every effect | cases=400 | violations=0 | windows=change in place 12"


def says(*lines, status=0):
    text = "\\n".join(lines)
    return (sys.executable, "-c", f"import sys; print('{text}'); sys.exit({status})")


def torture(*programs):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        held = run_all(programs)
    return held, printed.getvalue().splitlines()


class RunnerTest(unittest.TestCase):
    def test_the_lines_of_all_attacks_are_added_up(self):
        other = "attack: random histories | cases=1000 | violations=0 | windows=none"
        held, lines = torture(Program(says("some words", LINE, other), 2), Program(says(LINE)))
        self.assertTrue(held)
        self.assertEqual(lines[-1], "torture: attacks=3 cases=1800 violations=0")
        table = [line for line in lines if line.startswith("| ")]
        self.assertEqual(len(table), 4)
        cells = [cell.strip() for cell in table[1].strip("|").split("|")]
        self.assertEqual(cells[:4], ["crash at every effect", "400", "0", "change in place 12"])
        self.assertIn("some words", lines)

    def test_a_violation_is_a_failure(self):
        held, lines = torture(Program(says(LINE.replace("violations=0", "violations=3"), status=1)), Program(says(LINE)))
        self.assertFalse(held)
        self.assertEqual(lines[-1], "torture: attacks=2 cases=800 violations=3")

    def test_a_violation_counts_even_where_the_program_says_that_all_is_well(self):
        held, _ = torture(Program(says(LINE.replace("violations=0", "violations=1"))))
        self.assertFalse(held)

    def test_a_program_that_fails_or_says_too_little_is_a_failure(self):
        for command, told in (
            (says(LINE, status=3), "ended with status 3"),
            (says("nothing"), "reported 0 of 1 attacks"),
            (("/nowhere/attack",), "No such file"),
        ):
            held, lines = torture(Program(says(LINE)), Program(command))
            self.assertFalse(held, command)
            self.assertTrue(any(line.startswith("failed: ") and told in line for line in lines), lines)

    def test_no_attack_proves_nothing(self):
        held, lines = torture()
        self.assertFalse(held)
        self.assertEqual(lines[-1], "torture: attacks=0 cases=0 violations=0")


if __name__ == "__main__":
    unittest.main()
