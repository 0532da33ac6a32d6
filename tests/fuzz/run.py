"""Builds the fuzz targets and runs them, two at a time: `make fuzz [SECONDS_EACH=600] [TARGETS="release indices"]`.

libFuzzer begins with the corpus in the tree (corpus/TARGET) and puts what it finds beyond it into target/fuzz/found/TARGET.
For each target a line says what libFuzzer's own statistics say; the last line is the attack's. An input that breaks a promise
is kept, with the command that plays it again, and fails the run. `--merge` takes into the tree what is worth keeping of what
was found, as few and as small inputs as reach the same code.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILT = ROOT / "target" / "fuzz"
CORPUS, DICTIONARIES = HERE / "corpus", HERE / "dictionaries"
FOUND, CRASHES, LOGS = BUILT / "found", BUILT / "crashes", BUILT / "logs"

# Targets that are features of the package as well.
FEATURES = {"events", "signatures"}

SECONDS_EACH = 60
# As many as the smallest machine this runs on has processors.
AT_A_TIME = 2
# One input takes milliseconds; what takes so long hangs.
TIMEOUT_SECONDS = 20
# xz may take 80 MiB (MAX_XZ_MEMORY_BYTES), twice for an input that is read twice over; the rest is room for the fuzzer.
MEMORY_MEBIBYTES = 512
# Longer inputs reach nothing that shorter ones do not, and take their time.
LONGEST_INPUT_BYTES = 16 * 1024
# Beyond its time a target is given so long to write its statistics down.
PATIENCE_SECONDS = 120


@dataclass
class Outcome:
    """What a target's own lines said."""

    target: str
    seed: int = 0
    runs: int = 0
    coverage_before: int = 0
    coverage: int = 0
    corpus: int = 0
    crash: str = ""

    def __str__(self):
        crashes = 1 if self.crash else 0
        return (
            f"fuzz: {self.target:<14} runs={self.runs} cov={self.coverage_before}->{self.coverage} corpus={self.corpus} "
            f"seed={self.seed} crashes={crashes}"
        )


def targets():
    return sorted(path.stem for path in (HERE / "src" / "bin").glob("*.rs"))


def build(chosen):
    """Builds the chosen targets, with what takes long to build only where it is asked for."""
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", HERE / "Cargo.toml", "--target-dir", BUILT]
    for feature in FEATURES.intersection(chosen):
        command += ["--features", feature]
    for target in chosen:
        command += ["--bin", target]
    subprocess.run(command, check=True, env=os.environ | {"RUSTC_WRAPPER": str(HERE / "instrument.sh")})


def program(target):
    return BUILT / "release" / target


def run(target, seconds):
    """Lets libFuzzer at a target for so long."""
    found, crashes, log = FOUND / target, CRASHES / target, LOGS / f"{target}.log"
    for directory in (found, crashes, log.parent):
        directory.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in crashes.iterdir()}
    command = [program(target), f"-max_total_time={seconds}", f"-timeout={TIMEOUT_SECONDS}", f"-rss_limit_mb={MEMORY_MEBIBYTES}"]
    command += [f"-max_len={LONGEST_INPUT_BYTES}", "-print_final_stats=1", f"-artifact_prefix={crashes}/"]
    dictionary = DICTIONARIES / f"{target}.dict"
    command += [f"-dict={dictionary}"] if dictionary.exists() else []
    command += [found, CORPUS / target]
    with log.open("wb") as output:
        try:
            status = subprocess.run(command, stdout=output, stderr=output, check=False, timeout=seconds + PATIENCE_SECONDS).returncode
        except subprocess.TimeoutExpired:
            status = "it did not end in its time"
    outcome = read(target, log.read_text(errors="replace"))
    new = sorted(path for path in crashes.iterdir() if path.name not in before)
    if status or new or not outcome.runs:
        outcome.crash = f"{target} ended with {status}; its last lines are in {log.relative_to(ROOT)}"
        for path in new:
            again = f"{program(target).relative_to(ROOT)} {path.relative_to(ROOT)}"
            outcome.crash += f"\n  the input is kept; to play it again: {again}"
    return outcome


def read(target, log):
    """Takes the figures from the lines that libFuzzer prints."""

    def last(pattern):
        found = re.findall(pattern, log, re.MULTILINE)
        return int(found[-1]) if found else 0

    return Outcome(
        target,
        seed=last(r"^INFO: Seed: (\d+)"),
        runs=last(r"^stat::number_of_executed_units: (\d+)"),
        coverage_before=last(r"^#\d+\s+INITED cov: (\d+)"),
        coverage=last(r"^#\d+\s+\w+\s+cov: (\d+)"),
        corpus=last(r"^#\d+\s+\w+\s+cov: \d+ ft: \d+ corp: (\d+)"),
    )


def merge(target):
    """Takes into the tree what of the found inputs reaches code that the tree's do not, and lets go of what no longer does."""
    merged = BUILT / "merged" / target
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    sources = [directory for directory in (CORPUS / target, FOUND / target) if directory.exists()]
    subprocess.run(
        [program(target), "-merge=1", f"-rss_limit_mb={MEMORY_MEBIBYTES}", f"-max_len={LONGEST_INPUT_BYTES}", merged, *sources],
        check=True,
        capture_output=True,
    )
    shutil.rmtree(CORPUS / target, ignore_errors=True)
    shutil.copytree(merged, CORPUS / target)
    sizes = [path.stat().st_size for path in merged.iterdir()]
    print(f"corpus: {target:<14} inputs={len(sizes)} bytes={sum(sizes)}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("targets", nargs="*", help=f"of {', '.join(targets())}; all of them by default")
    arguments.add_argument("--seconds-each", type=int, default=SECONDS_EACH)
    arguments.add_argument("--merge", action="store_true", help="renew the corpus in the tree instead of fuzzing")
    given = arguments.parse_args()
    chosen = given.targets or targets()
    if unknown := sorted(set(chosen) - set(targets())):
        arguments.error(f"no such target: {', '.join(unknown)}")
    build(chosen)
    if given.merge:
        for target in chosen:
            merge(target)
        return 0
    began = time.monotonic()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        outcomes = list(pool.map(lambda target: run(target, given.seconds_each), chosen))
    for outcome in outcomes:
        print(outcome)
        if outcome.crash:
            print(f"violation: {outcome.crash}")
    crashes = sum(1 for outcome in outcomes if outcome.crash)
    runs = sum(outcome.runs for outcome in outcomes)
    print(f"fuzz: {len(outcomes)} targets in {time.monotonic() - began:.0f} s")
    print(f"attack: coverage-guided fuzzing | cases={runs} | violations={crashes} | windows=none")
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
