"""Changes the code of `shared/mirror` and `shared/engine` in small ways, one at a time (cargo-mutants), and counts how often a
test turns red. Prints what no test noticed and, in the end, one line; ends non-zero below the promised share.

`mirror` is tested by its own tests, `engine` by the quick tests of the whole, as one binary (`tests/mutants/engine.rs`).
The results stay in `target/mutants/<package>/mutants.out`; with `--count` they are only counted again. `tests/mutants.md` has the
reasons of those that survive for good.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

# Of the mutants that compile, in percent.
SHARE = 95
RESULTS = pathlib.Path("target/mutants")
# The arguments that say what a package's mutants are tested with.
PACKAGES = {
    "mirror": [],
    "engine": ["--test-package", "suitecast-mutants", "--features", "run"],
}
# What a mutant came to, as `outcomes.json` calls it.
CAUGHT, MISSED, TIMEOUT, UNVIABLE = "CaughtMutant", "MissedMutant", "Timeout", "Unviable"


def run(program, package, file):
    """One run over a package; whether it came to its end (missed mutants are no failure here)."""
    command = [program, "mutants", "--package", f"suitecast-{package}", *PACKAGES[package]]
    command += ["--output", str(RESULTS / package), "--no-shuffle", "--colors=never"]
    if file:
        command += ["--file", file]
    (RESULTS / package).mkdir(parents=True, exist_ok=True)
    # The tree is copied for each run; what it depends on need not be built again for that.
    environment = os.environ | {"CARGO_TERM_COLOR": "never", "CARGO_TARGET_DIR": str((RESULTS / "build").resolve())}
    # 2 and 3 say that mutants were missed, or hung.
    return subprocess.run(command, env=environment, check=False).returncode in (0, 2, 3)


def outcomes(package):
    """What came of each mutant that was tried, by its name."""
    path = RESULTS / package / "mutants.out/outcomes.json"
    if not path.exists():
        return {}
    found = {}
    for outcome in json.loads(path.read_text())["outcomes"]:
        if isinstance(outcome["scenario"], dict):
            found[outcome["scenario"]["Mutant"]["name"]] = outcome["summary"]
    return found


def line(title, summaries):
    """The figures, for a person. A mutant that does not compile tells nothing of the tests."""
    count = {kind: summaries.count(kind) for kind in (CAUGHT, MISSED, TIMEOUT, UNVIABLE)}
    tested = count[CAUGHT] + count[MISSED] + count[TIMEOUT]
    # A test that hangs is as red as one that fails.
    caught = count[CAUGHT] + count[TIMEOUT]
    share = 100 * caught / tested if tested else 0
    print(
        f"{title}: tested={tested} caught={caught} ({share:.1f}%) missed={count[MISSED]} "
        f"timeout={count[TIMEOUT]} unviable={count[UNVIABLE]}"
    )
    return tested > 0 and share >= SHARE


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", help="where cargo-mutants is")
    arguments.add_argument("--file", help="only what this file holds")
    arguments.add_argument("--count", action="store_true", help="count again what the last run found")
    options = arguments.parse_args()
    packages = [package for package in PACKAGES if not options.file or f"shared/{package}/" in options.file]
    ended = True
    if not options.count:
        for package in packages:
            ended &= run(options.program, package, options.file)
    all_summaries = []
    for package in packages:
        found = outcomes(package)
        for name in (name for name, summary in found.items() if summary == MISSED):
            print(f"missed: {name}")
        line(package, list(found.values()))
        all_summaries += found.values()
    is_enough = line("mutants", all_summaries)
    if not ended:
        print("mutants: a run did not come to its end")
    return 0 if is_enough and ended else 1


if __name__ == "__main__":
    sys.exit(main())
