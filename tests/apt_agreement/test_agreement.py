"""Suitecast and apt read the same in every index that apt has on this machine, and in thousands of odd ones made up here."""

import contextlib
import io
import subprocess
import tempfile
import unittest
from pathlib import Path

from apt_agreement.__main__ import SHORT_CASES, attack, report
from apt_agreement.agreement import Findings, compare
from apt_agreement.reading import CannotRead, check_readers, read_both

LISTS = Path("/var/lib/apt/lists")
# It opens lists in whatever way apt keeps them compressed.
APT_HELPER = "/usr/lib/apt/apt-helper"
KINDS = {"_Packages": "packages", "_Sources": "sources", "_Release": "release", "_InRelease": "release"}
# Of a machine that has been brought up to date once, Debian's main alone has more.
LEAST_FILES = 1_000
SEED = 1


class SuitecastReadsWhatAptReads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            check_readers()
        except CannotRead as error:
            raise unittest.SkipTest(f"reading was not compared with apt's: {error}") from error

    def test_in_every_index_that_apt_has_on_this_machine(self):
        with tempfile.TemporaryDirectory(prefix="suitecast-lists-") as directory:
            requests = list(self.lists(Path(directory)))
            if not requests:
                self.skipTest(f"no package lists in {LISTS}: apt-get update")
            findings = Findings()
            for request, (ours, theirs) in zip(requests, read_both(requests), strict=True):
                self.assertIsNone(ours["error"], f"{request} is a real one")
                compare(findings, request, ours, theirs)
        print(f"apt agreement: lists={findings.cases} files={findings.files}")
        self.assertEqual(findings.violations, [])
        self.assertGreater(findings.files, LEAST_FILES)

    def test_in_made_up_ones_with_odd_folding_case_and_line_ends(self):
        findings = attack(SEED, SHORT_CASES)
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            report(findings)
        print(f"apt agreement: seed={SEED}\n{text.getvalue()}", end="")
        self.assertEqual(findings.violations[:5], [])
        self.assertGreater(findings.files, SHORT_CASES // 10, "hardly anything was accepted, so hardly anything was compared")

    def lists(self, directory):
        for path in sorted(LISTS.iterdir() if LISTS.exists() else ()):
            kind = next((kind for name, kind in KINDS.items() if path.stem.endswith(name) or path.name.endswith(name)), None)
            if kind is None or not path.is_file():
                continue
            plain = directory / path.name
            with plain.open("wb") as file:
                subprocess.run([APT_HELPER, "cat-file", path], stdout=file, check=True, timeout=120)
            yield {"kind": kind, "path": str(plain)}


if __name__ == "__main__":
    unittest.main()
