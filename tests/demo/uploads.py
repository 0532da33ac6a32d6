"""The archive to upload, and how it is uploaded."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cloud.paths import ROOT

MAKE_ARCHIVE = ROOT / "target" / "debug" / "make-archive"
UPLOADS_AT_ONCE = 8


@dataclass
class Generation:
    """One state of the archive: where it lies on disk, all its keys, and those that differ from the state before or are gone since."""

    directory: Path
    suite: str
    files: list
    changed: list
    removed: list
    key: Path

    def read(self, key):
        """The bytes of one of its files."""
        return (self.directory / key).read_bytes()

    @property
    def in_release(self):
        """The key of its InRelease."""
        return f"{self.suite}/InRelease"


def make(number, parent, *options):
    """Makes a generation of the archive in a directory of its own; `options` are further ones of `make-archive`."""
    directory = parent / f"generation-{number}"
    command = [MAKE_ARCHIVE, "--out", directory, "--generation", str(number), *options]
    summary = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Generation(directory, summary["suite"], summary["files"], summary["changed"], summary["removed"], Path(summary["key"]))


def upload(cloud, bucket, generation, keys, prefix=""):
    """Uploads files below a prefix, several at once, in the order of `keys`; all of them lie in the bucket afterwards."""
    client = cloud.client("s3")

    def put(key):
        client.put_object(Bucket=bucket, Key=prefix + key, Body=generation.read(key))

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        list(pool.map(put, keys))
