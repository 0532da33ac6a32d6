"""An archive of real packages, made by Debian's own tools: fetched by apt, indexed by apt-ftparchive, signed by gpg."""

import contextlib
import fcntl
import gzip
import lzma
import os
import re
import shutil
import subprocess
import tempfile
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from cloud.paths import ROOT

# Packages that every Debian and Ubuntu has, small ones; among them names and versions with `+`, `~` and epochs.
PACKAGES = """
    adduser base-files base-passwd bsdutils bzip2 cpp dash debconf debianutils diffutils file g++ gcc grep gzip hello hostname
    init-system-helpers less libacl1 libattr1 libbz2-1.0 libcap2 libgcc-s1 liblz4-1 libselinux1 libstdc++6 libuuid1 make mawk
    media-types mount ncurses-base netbase patch readline-common sed sensible-utils sysvinit-utils tree tzdata ucf xz-utils zlib1g
""".split()
# Fewer than these would be no real input.
LEAST_PACKAGES = 35
SUITE = "real"
SOURCE = "suitecast-real-source"
CACHE = ROOT / "target" / "real-packages"


class CannotMake(Exception):
    """Something that real input needs is absent on this machine; the text says what, and how to get it."""


@dataclass(frozen=True)
class Deb:
    """A real package: its name, its path in Debian's own pool, its file here, as apt calls it."""

    package: str
    pool_path: str
    file: Path


def _missing(*tools):
    return [tool for tool in tools if shutil.which(tool) is None]


@contextlib.contextmanager
def _cache():
    """The folder that is kept from one run to the next, for one process at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield CACHE


def fetch():
    """The packages, kept from one run to the next and fetched only when the distribution has another version."""
    absent = _missing("apt-get", "dpkg", "dpkg-deb", "gpg", "gpgv")
    if absent:
        raise CannotMake(f"{', '.join(absent)} not installed")
    with _cache():
        return _fetch_from_somewhere()


def _fetch_from_somewhere():
    try:
        return _fetch({})
    except subprocess.CalledProcessError:
        # The machine's own package lists are absent or out of date, and only its administrator may renew them.
        private = _private_lists()
    try:
        _run(["apt-get", "--quiet", "update"], cwd=CACHE, **private)
        return _fetch(private)
    except subprocess.CalledProcessError as error:
        raise CannotMake(f"apt fetches no packages here: {error.stderr.strip()}") from error


def _fetch(options):
    # All at once, or one by one where this distribution lacks some.
    lines = _addresses(PACKAGES, options) or [line for name in PACKAGES for line in _addresses([name], options)]
    debs = []
    for line in lines:
        uri, name = line.split()[:2]
        path = urllib.parse.unquote(uri.strip("'"))
        debs.append(Deb(name.split("_")[0], "pool/" + path.partition("/pool/")[2], CACHE / name))
    if len(debs) < LEAST_PACKAGES:
        raise subprocess.CalledProcessError(100, "apt-get download", stderr=f"only {len(debs)} packages are known")
    # apt checks what lies there already against its lists, and fetches the rest.
    _run(["apt-get", "--quiet", "download", *(deb.package for deb in debs)], cwd=CACHE, **options)
    return debs


def _addresses(names, options):
    """Lines of `'address' file size digest`; none when one of the names is unknown."""
    # Not in the cache: apt keeps silent about what already lies where it stands.
    with tempfile.TemporaryDirectory() as empty:
        done = _run(["apt-get", "download", "--print-uris", *names], cwd=empty, check=False, **options)
    return sorted(line for line in done.stdout.splitlines() if line.startswith("'")) if done.returncode == 0 else []


def _private_lists():
    lists = CACHE / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    configuration = CACHE / "apt.conf"
    configuration.write_text(
        f'Dir::State::lists "{lists}";\nDir::Cache "{CACHE}/cache";\nDebug::NoLocking "true";\nAPT::Sandbox::User "";\n'
    )
    return {"env": os.environ | {"APT_CONFIG": str(configuration)}}


def _apt_ftparchive():
    """apt-ftparchive, installed or unpacked from its package into the cache."""
    installed = shutil.which("apt-ftparchive")
    if installed:
        return installed
    unpacked = CACHE / "apt-utils"
    program = unpacked / "usr" / "bin" / "apt-ftparchive"
    with _cache():
        if not program.exists():
            try:
                _run(["apt-get", "--quiet", "download", "apt-utils"], cwd=CACHE)
                newest = max(CACHE.glob("apt-utils_*.deb"), key=lambda path: path.stat().st_mtime)
                _run(["dpkg-deb", "--extract", newest, unpacked], cwd=CACHE)
            except subprocess.CalledProcessError as error:
                raise CannotMake(f"apt-ftparchive is absent (package apt-utils): {error.stderr.strip()}") from error
    return program


class RealArchive:
    """The archive's tree at `directory`/archive, its public key at `key`, armoured; for use in a `with` statement.

    `source_version` is that of the source package which is built for it. With `says_by_hash` off there are names by hash all the same, and the release
    keeps silent about them.
    """

    def __init__(self, directory, source_version="1.0+test~1", suite=SUITE, says_by_hash=True):
        self.directory = Path(directory)
        self.source_version = source_version
        self.suite = suite
        self.says_by_hash = says_by_hash
        self.tree = self.directory / "archive"
        self.key = self.directory / "key.asc"
        self.architecture = _run(["dpkg", "--print-architecture"]).stdout.strip()
        self.has_source = not _missing("dpkg-source")
        self._ftparchive = _apt_ftparchive()
        # A short path of its own: gpg's agent listens on a socket in it.
        self._gpg_home = tempfile.mkdtemp(prefix="suitecast-gpg-")

    def __enter__(self):
        self._gpg("--passphrase", "", "--quick-generate-key", "Real input <none@example.com>", "ed25519", "sign", "never")
        self._gpg("--armor", "--output", self.key, "--export")
        if self.has_source:
            self._build_source()
        return self

    def __exit__(self, *_):
        if shutil.which("gpgconf"):
            _run(["gpgconf", "--homedir", self._gpg_home, "--kill", "all"], check=False)
        shutil.rmtree(self._gpg_home, ignore_errors=True)

    def add(self, debs):
        """Puts packages into the pool, where Debian has them."""
        for deb in debs:
            path = self.tree / deb.pool_path
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(deb.file, path)

    def publish(self, date=None):
        """Indexes the pool, with names by hash, and signs: the suite as it is now, or as of another date. Names by hash of before stay."""
        suite = self.tree / "dists" / self.suite
        binary, source = suite / "main" / f"binary-{self.architecture}", suite / "main" / "source"
        for directory, command, name in ((binary, "packages", "Packages"), (source, "sources", "Sources")):
            if command == "sources" and not self.has_source:
                continue
            directory.mkdir(parents=True, exist_ok=True)
            text = _run([self._ftparchive, command, "pool"], cwd=self.tree).stdout.encode()
            (directory / name).write_bytes(text)
            (directory / f"{name}.gz").write_bytes(gzip.compress(text, mtime=0))
            (directory / f"{name}.xz").write_bytes(lzma.compress(text))
        options = {"DoByHash": "true", "Release::Suite": self.suite, "Release::Codename": self.suite}
        options |= {"Release::Architectures": self.architecture, "Release::Components": "main"}
        command = [self._ftparchive]
        for name, value in options.items():
            command += ["-o", f"APT::FTPArchive::{name}={value}"]
        for name in ("Release", "Release.gpg", "InRelease"):
            (suite / name).unlink(missing_ok=True)
        text = _run([*command, "release", f"dists/{self.suite}"], cwd=self.tree).stdout
        if date:
            text = re.sub("^Date: .*", f"Date: {date}", text, flags=re.MULTILINE)
        if not self.says_by_hash:
            text = text.replace("Acquire-By-Hash: yes\n", "")
        (suite / "Release").write_text(text)
        self._gpg("--armor", "--output", suite / "Release.gpg", "--detach-sign", suite / "Release")
        self._gpg("--output", suite / "InRelease", "--clearsign", suite / "Release")

    def publish_flat(self, directory):
        """A signed flat archive of the pool's packages, in this directory. apt-ftparchive writes `./` before the name of each."""
        for file in (self.tree / "pool").rglob("*.deb"):
            shutil.copyfile(file, directory / file.name)
        (directory / "Packages").write_text(_run([self._ftparchive, "packages", "."], cwd=directory).stdout)
        (directory / "Release").write_text(_run([self._ftparchive, "release", "."], cwd=directory).stdout)
        self._gpg("--output", directory / "InRelease", "--clearsign", directory / "Release")

    def files(self):
        """Every file of the tree: key -> bytes."""
        files = (path for path in sorted(self.tree.rglob("*")) if path.is_file())
        return {path.relative_to(self.tree).as_posix(): path.read_bytes() for path in files}

    def _build_source(self):
        package = self.directory / "source" / f"{SOURCE}-1.0"
        (package / "debian" / "source").mkdir(parents=True)
        files = {
            "README": "Built by dpkg-source, read by apt-get source.\n",
            "debian/control": f"Source: {SOURCE}\nSection: misc\nPriority: optional\nMaintainer: Nobody <none@example.com>\n"
            f"Standards-Version: 4.6.2\n\nPackage: {SOURCE}\nArchitecture: all\nDescription: a source for tests\n It is one.\n",
            "debian/changelog": f"{SOURCE} ({self.source_version}) unstable; urgency=medium\n\n  * Made.\n\n"
            " -- Nobody <none@example.com>  Wed, 01 Jan 2025 00:00:00 +0000\n",
            "debian/rules": "#!/usr/bin/make -f\n",
            "debian/source/format": "3.0 (native)\n",
        }
        for name, text in files.items():
            (package / name).write_text(text)
        _run(["dpkg-source", "--build", package.name], cwd=package.parent)
        pool = self.tree / "pool" / "main" / "s" / SOURCE
        pool.mkdir(parents=True)
        for built in package.parent.glob(f"{SOURCE}_*"):
            shutil.copyfile(built, pool / built.name)

    def _gpg(self, *arguments):
        _run(["gpg", "--homedir", self._gpg_home, "--batch", "--no-tty", "--pinentry-mode", "loopback", *arguments])


def _run(command, check=True, **how):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=check, timeout=600, **how)
