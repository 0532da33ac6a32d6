"""Runs tests, and says of each mutant whether one of them notices it."""

import collections
import dataclasses
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import threading
import time

from mutants.switches import CHOSEN, ENTERED

# What a mutant came to.
CAUGHT, MISSED, TIMEOUT, UNVIABLE = "caught", "missed", "timeout", "unviable"
# A test that takes ten times what it takes without a mutant hangs. Up to the second summand it may just have been unlucky.
HANG_FACTOR = 10
LEAST_PROCESSOR_SECONDS = 20
# The machine may be busy with other things.
LEAST_SECONDS = 120
# The likelihood that a test notices a change, before it noticed any.
UNKNOWN = 0.02
# All mutants are shown to the tests that take less before any is shown to those that take longer.
QUICK_SECONDS = 1
# What takes longer `--quick` leaves out, as it does the attacks.
SLOW_SECONDS = 10
# Tests of an async function that is there thirty times over need large frames.
STACK_BYTES = 256 << 20
ENVIRONMENT = {
    "RUST_MIN_STACK": str(STACK_BYTES),
    # A verdict may not depend on the dice, nor on what an earlier mutant made fail.
    "PROPTEST_RNG_SEED": "1",
    "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "true",
}


@dataclasses.dataclass
class Test:
    """A test function, and what it does without a mutant."""

    binary: object
    name: str
    # Until it is observed, what hardly one takes.
    seconds: float = 10
    # The numbers of the functions it enters.
    entered: frozenset = frozenset()

    def __str__(self):
        return f"{self.binary.name}::{self.name}"


@dataclasses.dataclass
class Verdict:
    """What a mutant came to, and by which test."""

    kind: str
    test: str = ""


def tests_of(binary):
    """The tests of a binary that would be run by default."""

    def listed(*arguments):
        command = [binary.path, "--list", "--format", "terse", *arguments]
        lines = subprocess.run(command, check=True, capture_output=True, text=True, cwd=binary.folder).stdout.splitlines()
        return [line.removesuffix(": test") for line in lines if line.endswith(": test")]

    ignored = set(listed("--ignored"))
    return [Test(binary, name) for name in listed() if name not in ignored]


def run(test, environment, seconds=None, processor_seconds=None):
    """Runs one test by itself. Says whether it was green, whether it hung, and what it printed."""

    def limit():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if processor_seconds:
            resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 1))

    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [test.binary.path, "--exact", test.name],
            cwd=test.binary.folder,
            env=os.environ | ENVIRONMENT | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
        )
        try:
            process.wait(seconds)
            hung = process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            hung = True
        output.seek(0)
        return process.returncode == 0, hung, output.read().decode(errors="replace")


def observe(tests, workers):
    """Runs every test once without a mutant: how long it takes, and which functions it enters. All must be green."""

    def observe_one(test):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "entered")
            began = time.monotonic()
            passed, _, output = run(test, {ENTERED: str(file)})
            test.seconds = time.monotonic() - began
            if not passed:
                raise RuntimeError(f"{test} is red without a mutant\n{output}")
            test.entered = frozenset(map(int, file.read_text().split())) if file.exists() else frozenset()

    # The slowest of earlier runs are unknown; two long ones at the end cost less than one.
    each(observe_one, tests, workers)


def limits_of(test):
    processor_seconds = int(max(LEAST_PROCESSOR_SECONDS, HANG_FACTOR * test.seconds))
    return {"processor_seconds": processor_seconds, "seconds": max(LEAST_SECONDS, HANG_FACTOR * test.seconds)}


def verdict_by(tests, environment):
    """Runs tests until one is red or hangs."""
    for test in tests:
        passed, hung, _ = run(test, environment, **limits_of(test))
        if not passed:
            return Verdict(TIMEOUT if hung else CAUGHT, str(test))
    return Verdict(MISSED)


class Judge:
    """Chooses the tests that may notice a mutant, the likeliest and quickest first."""

    def __init__(self, tests, function_of):
        self.tests = tests
        self.function_of = function_of
        # By function and test, and by test.
        self.catches = collections.Counter()
        self.runs = collections.Counter()

    def tests_for(self, number, package):
        """Those that enter the mutant's function; all, if it is in none."""
        function = self.function_of.get(number)
        reaching = [
            test
            for test in self.tests
            if test.binary.package == package and (function is None or function in test.entered)
        ]
        return sorted(reaching, key=lambda test: self.cost(function, str(test), test.seconds))

    def cost(self, function, name, seconds):
        """What a test takes against how likely it notices: what noticed one change of a function often notices the others."""
        return seconds / (UNKNOWN + self.catches[function, name] + self.catches[name] / (1 + self.runs[name]))

    def judge(self, number, mutant, is_wanted, noticed_by=""):
        """The verdict of those tests that are wanted on a mutant that is a switch; the one that noticed it before comes first."""
        function = self.function_of[number]
        for test in sorted(self.tests_for(number, mutant.package), key=lambda test: str(test) != noticed_by):
            if not is_wanted(test):
                continue
            verdict = verdict_by([test], {CHOSEN: str(number)})
            self.runs[str(test)] += 1
            if verdict.kind != MISSED:
                self.catches[str(test)] += 1
                self.catches[function, str(test)] += 1
                return verdict
        return Verdict(MISSED)


def each(action, items, workers):
    """Calls the action for each item, by so many threads. The first failure ends it."""
    waiting = collections.deque(items)
    failures = []

    def work():
        while waiting and not failures:
            try:
                action(waiting.popleft())
            except IndexError:
                return
            except Exception as failure:  # noqa: BLE001 (raised again below, in the thread that asked)
                failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
