"""Runs every test_*.py of the clients, the local cloud, the demo, the torture and the agreement with apt, and closes with `N passed, N failed, N skipped`; with CI=true a skipped test is a failure.

Each file is a process of its own, two of them side by side: most of their time they wait for one another's servers and clients. What one says is
printed when it ends. `python -m cloud.run_tests cloud.test_push …` runs these alone.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

TESTS = Path(__file__).parents[1]
FOLDERS = ("apt_agreement", "clients", "cloud", "demo", "torture")
# Two keep two cores busy; more would only make each other's clients time out.
SIDE_BY_SIDE = 2
# The long ones begin first, so that none of them is left to run alone.
FIRST = ("demo.", "cloud.test_wire", "cloud.test_operator", "cloud.test_push", "cloud.test_apt_load")
ALONE = "--alone"


def main(arguments):
    if arguments[:1] == [ALONE]:
        return run_alone(arguments[1], Path(arguments[2]))
    modules = arguments or sorted(
        f"{folder}.{path.stem}" for folder in FOLDERS for path in (TESTS / folder).glob("test_*.py")
    )
    modules.sort(key=lambda module: next((rank for rank, start in enumerate(FIRST) if module.startswith(start)), len(FIRST)))
    children = set()

    def stop(*_):
        # Each child ends what it started when it is ended.
        for child in list(children):
            child.terminate()
        sys.exit(143)

    signal.signal(signal.SIGTERM, stop)
    passed, failed, skipped = 0, 0, []
    with tempfile.TemporaryDirectory(prefix="suitecast-tests-") as folder, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        runs = [pool.submit(run_child, module, Path(folder), children) for module in modules]
        try:
            for run in as_completed(runs):
                module, seconds, said, counts = run.result()
                print(f"\n=== {module} ({seconds:.0f} s)\n{said}", end="", flush=True)
                passed += counts["passed"]
                failed += counts["failed"]
                skipped += counts["skipped"]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
    for line in skipped:
        print(f"skipped: {line}")
    print(f"\n{passed} passed, {failed} failed, {len(skipped)} skipped")
    if not passed:
        print("no test ran")
    if skipped and os.environ.get("CI") == "true":
        print("CI=true: nothing may be skipped")
        failed += len(skipped)
    return bool(failed) or not passed


def run_child(module, folder, children):
    """A file's name, its seconds, what it said, and its counts; a process that dies without a word counts as a failure."""
    began = time.monotonic()
    counted = folder / f"{module}.json"
    child = subprocess.Popen(
        [sys.executable, "-m", "cloud.run_tests", ALONE, module, counted],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    children.add(child)
    said, _ = child.communicate()
    children.discard(child)
    counts = {"passed": 0, "failed": 1, "skipped": []}
    if counted.is_file():
        counts = json.loads(counted.read_text())
    else:
        said += f"{module} ended with {child.returncode} and no result\n"
    return module, time.monotonic() - began, said, counts


def run_alone(module, counted):
    """Runs one file's tests here, and leaves their counts."""
    # Ended by a signal, what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found = unittest.defaultTestLoader.loadTestsFromName(module)
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout).run(found)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = [f"{test}: {reason}" for test, reason in result.skipped]
    # A class whose setUpClass failed or was skipped is an error or a skip without a test that ran.
    passed = max(result.testsRun - failed - len(skipped), 0)
    counted.write_text(json.dumps({"passed": passed, "failed": failed, "skipped": skipped}))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
