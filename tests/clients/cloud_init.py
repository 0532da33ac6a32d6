"""The real cloud-init, of two Debian releases: unpacked from its packages, since installed it would start with the machine."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cloud.paths import ROOT
from cloud.real_archive import CannotMake

# 22.4 and 25.1: of before and after Debian's sources became deb822.
RELEASES = ("bookworm", "trixie")
CACHE = ROOT / "target" / "cloud-init"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PYTHON = "/usr/bin/python3"
# What cloud-init imports, and Debian's python3 finds in packages of these names with python3- before them.
MODULES = ("configobj", "jinja2", "jsonpatch", "jsonschema", "netifaces", "oauthlib", "requests", "yaml")
SECONDS = 300


@dataclass(frozen=True)
class CloudInit:
    """One version, of a Debian release, unpacked at `root`."""

    release: str
    root: Path

    @property
    def command(self):
        """What runs it."""
        return [PYTHON, self.root / "usr" / "bin" / "cloud-init"]

    @property
    def environment(self):
        """What it needs to find itself."""
        return {"PYTHONPATH": str(self.root / "usr" / "lib" / "python3" / "dist-packages")}


def fetch():
    """One of each release, kept from one run to the next."""
    if shutil.which("apt-get") is None:
        raise CannotMake("apt-get is not installed")
    missing = subprocess.run([PYTHON, "-c", f"import {', '.join(MODULES)}"], capture_output=True, text=True, check=False)
    if missing.returncode != 0:
        raise CannotMake(f"{PYTHON} lacks what cloud-init imports: {missing.stderr.strip().splitlines()[-1]}")
    return [_fetched(release) for release in RELEASES]


def _fetched(release):
    root = CACHE / release
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as directory:
            try:
                _unpack(release, Path(directory))
            except subprocess.CalledProcessError as error:
                raise CannotMake(f"apt fetches no cloud-init of {release}: {error.stderr.strip()}") from error
            try:
                (Path(directory) / "root").rename(root)
            except OSError:
                # Another run was quicker.
                if not root.exists():
                    raise
    return CloudInit(release, root)


def _unpack(release, directory):
    # Where this machine has Debian from.
    origin = ["--format", "$(REPO_URI)", "Origin: Debian", "Created-By: Packages", "Component: main"]
    mirrors = [uri for uri in _run(["apt-get", "indextargets", *origin]).split() if "security" not in uri]
    if not mirrors or not KEYRING.exists():
        raise CannotMake(f"this machine has no Debian among its sources, or no {KEYRING} (package debian-archive-keyring)")
    (directory / "lists" / "partial").mkdir(parents=True)
    (directory / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirrors[0]} {release} main\n")
    (directory / "apt.conf").write_text(
        f'Dir::State::lists "{directory}/lists";\nDir::Cache "{directory}/cache";\nDir::Etc::SourceList "{directory}/sources.list";\n'
        'Dir::Etc::SourceParts "-";\nDebug::NoLocking "true";\nAPT::Sandbox::User "";\nAcquire::Languages "none";\n'
        'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";\n'
    )
    environment = os.environ | {"APT_CONFIG": str(directory / "apt.conf")}
    _run(["apt-get", "--quiet", "update"], env=environment)
    _run(["apt-get", "--quiet", "download", f"cloud-init/{release}"], env=environment, cwd=directory)
    _run(["dpkg-deb", "--extract", next(directory.glob("cloud-init_*.deb")), directory / "root"])


def _run(command, **how):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True, timeout=SECONDS, **how).stdout
