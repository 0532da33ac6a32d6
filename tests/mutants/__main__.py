"""`python -m mutants --program …/cargo-mutants`: changes the code of `shared/mirror` and `shared/engine` in small ways, one at a
time, and counts how often a test turns red. Prints what no test noticed and, in the end, one line; ends non-zero below the
promised share. `tests/mutants.md` has the reasons of those that survive for good.

The results stay in `target/mutants/verdicts.json`.
"""

import argparse
import json
import random
import re
import sys
import threading
import time

from mutants.building import ATTACKS, PACKAGES, ROOT, BuildError, Tree
from mutants.judging import (
    CAUGHT,
    MISSED,
    QUICK_SECONDS,
    SLOW_SECONDS,
    TIMEOUT,
    UNVIABLE,
    Judge,
    Verdict,
    each,
    observe,
    tests_of,
    verdict_by,
)
from mutants.listing import digest_of, is_new_since, mutants_of
from mutants.switches import write

# Of the mutants that compile, in percent, in each package.
SHARE = 95
VERDICTS = ROOT / "verdicts.json"
UNVIABLES = ROOT / "unviable.json"


def build_switched(mutants):
    """The test binaries with all switches, what was written, and which mutants the compiler takes for nonsense."""
    tree = Tree("switched")
    digest = digest_of(mutants)
    known = json.loads(UNVIABLES.read_text()) if UNVIABLES.exists() else {}
    left_out = set(known["numbers"]) if known.get("digest") == digest else set()
    tree.copy()
    while True:
        arms = write(tree, mutants, left_out)
        try:
            binaries = [binary for package in PACKAGES for binary in tree.build(package)]
            break
        except BuildError as failure:
            nonsense = {
                arms.mutant_at(span["file_name"], span["line_start"])
                for error in failure.errors
                for span in error["spans"]
                if span["is_primary"]
            } - {None}
            if not nonsense:
                raise
            left_out |= nonsense
            print(f"{len(left_out)} of {len(mutants)} mutants do not compile so far")
    UNVIABLES.write_text(json.dumps({"digest": digest, "numbers": sorted(left_out)}))
    return binaries, arms, left_out


def judge_plain(mutant, names=None):
    """The verdict on a mutant by a build of its own, as cargo-mutants makes it, and the tests of these names, or all."""
    tree = Tree("plain")
    tree.copy()
    tree.write(mutant.file, mutant.changed)
    try:
        binaries = tree.build(mutant.package, names and {name.partition("::")[0] for name in names})
    except BuildError:
        return Verdict(UNVIABLE)
    tests = [test for binary in binaries for test in tests_of(binary)]
    return verdict_by([test for test in tests if names is None or str(test) in names], {})


def without_place(name):
    """The name of a mutant without its line and column, which change with what stands above it."""
    return re.sub(r":\d+:\d+:", ":", name, count=1)


class Record:
    """The verdicts by the mutants' names, those of the run before too if they are kept, in a file as they are given."""

    def __init__(self, mutants, keep_earlier):
        self.mutants = mutants
        self.count = 0
        earlier = json.loads(VERDICTS.read_text()) if VERDICTS.exists() else {}
        names = {mutant.name for mutant in mutants}
        self.by_name = {name: found for name, found in earlier.items() if name in names} if keep_earlier else {}
        self.noticed = {without_place(name): test for name, (_, test) in earlier.items() if test}
        self.lock = threading.Lock()

    def noticed_by(self, mutant):
        """The test that noticed it the last time, or one like it in the same function."""
        return self.noticed.get(without_place(mutant.name), "")

    def was_missed(self, mutant):
        return self.by_name.get(mutant.name, [MISSED])[0] == MISSED

    def add(self, number, verdict):
        mutant = self.mutants[number]
        with self.lock:
            self.count += 1
            self.by_name[mutant.name] = [verdict.kind, verdict.test]
            VERDICTS.write_text(json.dumps(self.by_name, indent=1))
            if self.count % 100 == 0:
                print(f"{self.count} judged")

    def kinds(self, package):
        return [kind for name, (kind, _) in self.by_name.items() if name.startswith(f"shared/{package}/")]

    def survivors(self):
        return sorted(name for name, (kind, _) in self.by_name.items() if kind == MISSED)


def judge_all(mutants, numbers, workers, record, is_quick):
    """Gives the verdicts on the mutants of these numbers."""
    binaries, arms, unviable = build_switched(mutants)
    tests = [test for binary in binaries for test in tests_of(binary)]
    if is_quick:
        tests = [test for test in tests if not str(test).startswith(ATTACKS)]
    began = time.monotonic()
    observe(tests, workers)
    print(f"{len(tests)} tests are green without a mutant, in {time.monotonic() - began:.0f} s")
    judge = Judge(tests, arms.function_of)

    switchable = [number for number in numbers if mutants[number].is_switchable]
    most_seconds = SLOW_SECONDS if is_quick else float("inf")
    passes = [lambda test: test.seconds < QUICK_SECONDS, lambda test: QUICK_SECONDS <= test.seconds < most_seconds]
    for is_wanted in passes:

        def judge_one(number, is_wanted=is_wanted):
            mutant = mutants[number]
            noticed_by = record.noticed_by(mutant)
            is_unviable = number in unviable
            record.add(number, Verdict(UNVIABLE) if is_unviable else judge.judge(number, mutant, is_wanted, noticed_by))

        each(judge_one, switchable, workers)
        switchable = [number for number in switchable if record.was_missed(mutants[number])]
        print(f"{len(switchable)} left of {len(numbers)}")
    # One at a time: each build takes all processors.
    for number in (number for number in numbers if not mutants[number].is_switchable):
        reaching = judge.tests_for(number, mutants[number].package)
        verdict = judge_plain(mutants[number], {str(test) for test in reaching}) if reaching else Verdict(MISSED)
        record.add(number, verdict)


def verify(mutants, record, count, seed):
    """Gives so many of the last run's verdicts once more, each by a build of the one change, and says whether they are the same.
    What was caught has to be caught by the very test; what was missed, by none at all."""
    judged = [mutant for mutant in mutants if mutant.name in record.by_name]
    drawn = random.Random(seed).sample(judged, min(count, len(judged)))
    print(f"verifying {len(drawn)} of {len(judged)} verdicts, drawn by --seed {seed}")
    differ = 0
    for mutant in drawn:
        kind, name = record.by_name[mutant.name]
        again = judge_plain(mutant, {name} if name else None)
        differ += again.kind != kind
        print(f"{'same' if again.kind == kind else 'DIFFERS'}: {kind}, and {again.kind} by itself: {mutant.name} {name}")
    print(f"verified: drawn={len(drawn)} differ={differ}")
    return differ == 0


def line(title, kinds):
    """The figures, for a person. A mutant that does not compile tells nothing of the tests."""
    count = {kind: kinds.count(kind) for kind in (CAUGHT, MISSED, TIMEOUT, UNVIABLE)}
    tested = count[CAUGHT] + count[MISSED] + count[TIMEOUT]
    # A test that hangs is as red as one that fails.
    caught = count[CAUGHT] + count[TIMEOUT]
    share = 100 * caught / tested if tested else 0
    print(
        f"{title}: tested={tested} caught={caught} ({share:.1f}%) missed={count[MISSED]} "
        f"timeout={count[TIMEOUT]} unviable={count[UNVIABLE]}"
    )
    return share >= SHARE


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True, help="where cargo-mutants is")
    arguments.add_argument("--file", default="", help="only what these files hold, with blanks between them")
    arguments.add_argument("--since", metavar="COMMIT", help="only what stands in functions that were not yet so at this commit")
    arguments.add_argument("--again", action="store_true", help="only what was missed the last time")
    arguments.add_argument("--quick", action="store_true", help="without the tests that take long: what only they notice counts as missed")
    arguments.add_argument("--workers", type=int, default=2, help="how many tests run side by side")
    arguments.add_argument("--verify", type=int, default=0, metavar="N", help="try N verdicts of the last run, drawn at random, by builds of their own")
    arguments.add_argument("--seed", type=int, help="draw by this")
    options = arguments.parse_args()
    ROOT.mkdir(parents=True, exist_ok=True)
    mutants = [mutant for package in PACKAGES for mutant in mutants_of(options.program, package)]
    print(f"{len(mutants)} mutants")
    record = Record(mutants, options.again or options.verify)
    if options.verify:
        seed = random.randrange(1 << 32) if options.seed is None else options.seed
        return 0 if verify(mutants, record, options.verify, seed) else 1
    files = options.file.split()
    if absent := set(files) - {mutant.file for mutant in mutants}:
        arguments.error(f"nothing to change in {' '.join(sorted(absent))}: name files of mirror and engine as git does")
    numbers = [
        number
        for number, mutant in enumerate(mutants)
        if (not files or mutant.file in files)
        and (not options.again or record.was_missed(mutant))
        and (not options.since or is_new_since(options.since, mutant))
    ]
    judge_all(mutants, numbers, options.workers, record, options.quick)
    for name in record.survivors():
        print(f"missed: {name}")
    is_enough = all([line(package, record.kinds(package)) for package in PACKAGES if record.kinds(package)])
    line("mutants", [kind for package in PACKAGES for kind in record.kinds(package)])
    return 0 if is_enough else 1


if __name__ == "__main__":
    sys.exit(main())
