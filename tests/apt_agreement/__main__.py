"""`python -m apt_agreement [--long] [--seed N]`: compares at length, and says in one line what it came to."""

import argparse
import sys

from apt_agreement.agreement import REFUSED, Findings, compare
from apt_agreement.reading import check_readers, read_both
from apt_agreement.stanzas import cases

SHORT_CASES = 20_000
LONG_CASES = 1_000_000
# So many cases are given to the readers at a time.
BATCH = 20_000


def attack(seed, count):
    """Compares so many made-up indices."""
    findings = Findings()
    for first in range(0, count, BATCH):
        requests = list(cases(seed + first, min(BATCH, count - first)))
        for request, (ours, theirs) in zip(requests, read_both(requests), strict=True):
            compare(findings, request, ours, theirs)
    return findings


def report(findings):
    for violation in findings.violations[:20]:
        print(f"violation: {violation}")
    for row, (pattern, reason) in enumerate(REFUSED):
        print(f"refused {findings.refused[row]:>8}  {pattern}: {reason}")
    print(f"cut short {findings.cut_short:>6}  apt ends at a carriage return before the end of a stanza, and reads less")
    accepted = findings.cases - findings.refused.total()
    print(f"apt agreement: cases={findings.cases} accepted={accepted} files={findings.files} refused={findings.refused.total()}")
    print(f"attack: reading agrees with apt | cases={findings.cases} | violations={len(findings.violations)} | windows=none")


def main():
    arguments = argparse.ArgumentParser(prog="python -m apt_agreement", description=__doc__)
    arguments.add_argument("--long", action="store_true", help=f"{LONG_CASES} cases instead of {SHORT_CASES}")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    check_readers()
    print(f"apt agreement: seed={given.seed}")
    findings = attack(given.seed, LONG_CASES if given.long else SHORT_CASES)
    report(findings)
    return bool(findings.violations)


if __name__ == "__main__":
    sys.exit(main())
