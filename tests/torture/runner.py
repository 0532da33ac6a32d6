"""Runs attacks one after another and adds up the lines they end with.

Each program reports `attack: NAME | cases=N | violations=V | windows=TEXT`, once for each attack it carries out. One that ends in
failure, or reports fewer attacks than it should, counts as a violation of what the whole promises: then nothing is proved.
"""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass

LINE = re.compile(r"attack: (?P<attack>[^|]+) \| cases=(?P<cases>\d+) \| violations=(?P<violations>\d+) \| windows=(?P<windows>.+)")


@dataclass(frozen=True)
class Result:
    """What one attack came to, and how long it took."""

    attack: str
    cases: int
    violations: int
    windows: str
    seconds: float


def run_all(programs, environment=None):
    """Runs the programs, prints their output as it comes, then the table and the closing line; whether all of it held."""
    results, failures = [], []
    for program in programs:
        told, failure = run(program, environment)
        results += told
        failures += [failure] if failure else []
    print()
    print_table(results)
    for failure in failures:
        print(f"failed: {failure}")
    violations = sum(result.violations for result in results)
    print(f"torture: attacks={len(results)} cases={sum(result.cases for result in results)} violations={violations}")
    return bool(results) and not violations and not failures


def run(program, environment=None):
    """Runs one program; its results, and what is wrong with it if anything."""
    shown = " ".join(program.command)
    print(f"== {shown}", flush=True)
    try:
        # A group of its own, so that whatever it starts is ended with it.
        process = subprocess.Popen(
            program.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return [], f"{shown}: {error}"
    results, since = [], time.monotonic()
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            if found := LINE.fullmatch(line.strip()):
                now = time.monotonic()
                results.append(result_of(found, now - since))
                since = now
        status = process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        process.stdout.close()
    if status and not any(result.violations for result in results):
        return results, f"{shown}: ended with status {status} and named no violation"
    if status:
        return results, f"{shown}: ended with status {status}"
    if len(results) < program.lines:
        return results, f"{shown}: reported {len(results)} of {program.lines} attacks"
    return results, None


def result_of(found, seconds):
    return Result(found["attack"], int(found["cases"]), int(found["violations"]), found["windows"], seconds)


def print_table(results):
    heads = ("attack", "cases", "violations", "documented windows", "seconds")
    rows = [
        (result.attack, f"{result.cases:,}", str(result.violations), result.windows, f"{result.seconds:.0f}") for result in results
    ]
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    to_the_right = (False, True, True, False, True)

    def line(cells):
        padded = (
            cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(cells, widths, to_the_right, strict=True)
        )
        return "| " + " | ".join(padded) + " |"

    print(line(heads))
    print("|" + "|".join("-" * (width + 1) + (":" if right else "-") for width, right in zip(widths, to_the_right, strict=True)) + "|")
    for row in rows:
        print(line(row))
