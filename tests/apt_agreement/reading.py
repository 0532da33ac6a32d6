"""The two readers, each a process of its own: `read-index` of Suitecast, and apt by way of python-apt."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
# As the tests build it, and as the torture does.
BUILT = [ROOT / "target" / profile / "read-index" for profile in ("debug", "torture")]
# Debian's own interpreter: python3-apt is built for no other.
DEBIAN_PYTHON = "/usr/bin/python3"
TIMEOUT_SECONDS = 600


class CannotRead(Exception):
    """A reader is absent; the text says which, and how to get it."""


def read_both(requests):
    """Asks both readers; a pair of answers for each request."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    ours = _answers([newest(BUILT)], lines)
    theirs = _answers([DEBIAN_PYTHON, Path(__file__).with_name("apt_reader.py")], lines)
    return list(zip(ours, theirs, strict=True))


def check_readers():
    """Says by an exception that a reader is absent."""
    if newest(BUILT) is None:
        raise CannotRead("read-index is not built: cargo build --package suitecast-tests --bin read-index")
    try:
        subprocess.run([DEBIAN_PYTHON, "-c", "import apt_pkg"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotRead(f"{DEBIAN_PYTHON} has no apt_pkg: apt-get install python3-apt") from error


def newest(paths):
    """Of these files the one written last; none where there is none of them."""
    return max((path for path in paths if path.exists()), key=lambda path: path.stat().st_mtime, default=None)


def _answers(command, lines):
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{command[-1]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]
