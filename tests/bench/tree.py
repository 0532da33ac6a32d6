"""Archives for benchmarks: so many packages of so many bytes, with the indices that name them, laid out as Debian's are."""

import gzip
import hashlib
import random
from pathlib import Path

PACKAGES_OF_A_SOURCE = 2
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def make_tree(directory, files, file_bytes, seed=1):
    """Writes an archive of one suite and answers how many files it has."""
    directory = Path(directory)
    chance = random.Random(seed)
    stanzas = []
    for number in range(files):
        # pool/main/<letter>/<source>/, a directory for every few files.
        source_number = number // PACKAGES_OF_A_SOURCE
        letter = LETTERS[source_number % len(LETTERS)]
        source = f"{letter}-source-{source_number:05}"
        name = f"{source}-{number % PACKAGES_OF_A_SOURCE}"
        path = f"pool/main/{letter}/{source}/{name}_1.0_amd64.deb"
        content = chance.randbytes(file_bytes)
        _write(directory / path, content)
        digest = hashlib.sha256(content).hexdigest()
        stanzas.append(
            f"Package: {name}\nVersion: 1.0\nArchitecture: amd64\nFilename: {path}\nSize: {file_bytes}\nSHA256: {digest}\n"
        )
    packages = "\n".join(stanzas).encode()
    suite = directory / "dists" / "bench"
    indices = {"main/binary-amd64/Packages": packages, "main/binary-amd64/Packages.gz": gzip.compress(packages, mtime=0)}
    listed = "".join(f" {hashlib.sha256(content).hexdigest()} {len(content)} {path}\n" for path, content in indices.items())
    fields = "Suite: bench\nCodename: bench\nDate: Wed, 01 Jan 2025 00:00:00 UTC\nArchitectures: amd64\nComponents: main\n"
    for path, content in indices.items():
        _write(suite / path, content)
    _write(suite / "Release", f"{fields}SHA256:\n{listed}".encode())
    return files + len(indices) + 1


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
