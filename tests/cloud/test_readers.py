"""Readers other than apt, each as its user runs it, on a Region's bucket: it ends with 0, and what it fetched is what was uploaded.

All but mmdebstrap, which is apt inside, ask for a `+` in a name as it is, and S3 takes that for a space (SEMANTICS.md, "Second keys"). So does the
server that stands before the local cloud here, and the archive has real packages with such names.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cloud import LocalCloud, deploy
from cloud.front import Front
from cloud.paths import CLOUD_TOOLS
from cloud.real_archive import SUITE, CannotMake, RealArchive, fetch

SERVED_SECONDS = 180
READER_SECONDS = 300
POLL_SECONDS = 0.2
REGIONS = ("us-east-1", "eu-west-1")
FAR = "eu-west-1"
# Fewer than these would be no real input.
LEAST_PACKAGES = 20
# Real packages that depend on no others, so that a bootstrap of them needs nothing else.
ALONE = ("media-types", "ncurses-base", "netbase")
# A suite's script as debootstrap takes it as its last argument: which packages, and the usual ways to find and to fetch them.
DEBOOTSTRAP_SCRIPT = """\
mirror_style release
download_style apt
finddebs_style from-indices
variants - minbase
keyring /nowhere

work_out_debs () {{
    required="{packages}"
    base=""
}}
"""


class ReadersOtherThanApt(unittest.TestCase):
    """One archive of real packages, uploaded by `aws s3 sync`, read from a Region that is not the master's."""

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="suitecast-readers-")))
        try:
            debs = fetch()
            cls.archive = cls.enterClassContext(RealArchive(cls.directory, source_version="1.0"))
        except CannotMake as error:
            raise unittest.SkipTest(f"readers other than apt were not tried: {error}") from error
        cls.with_plus = [deb for deb in debs if "+" in deb.pool_path]
        if len(debs) < LEAST_PACKAGES or not cls.with_plus:
            raise AssertionError(f"{len(debs)} real packages, {len(cls.with_plus)} of them with a + in their names")
        cls.archive.add(debs)
        cls.archive.publish()
        cls.keyring = cls.directory / "keyring.gpg"
        subprocess.run(["gpg", "--batch", "--dearmor", "--output", cls.keyring, cls.archive.key], check=True, env=cls.environment())
        cls.cloud = cls.enterClassContext(LocalCloud())
        cls.deployed = deploy(cls.cloud, regions=REGIONS)
        cls.upload()
        cls.front = cls.enterClassContext(Front(cls.cloud.endpoint))
        cls.host = cls.front.url.removeprefix("http://")
        cls.bucket = cls.deployed.regions[FAR].bucket
        cls.url = f"{cls.front.url}/{cls.bucket}"
        cls.pool = {
            path.relative_to(cls.archive.tree).as_posix(): digest(path)
            for path in sorted((cls.archive.tree / "pool").rglob("*"))
            if path.is_file()
        }

    @classmethod
    def upload(cls):
        command = [CLOUD_TOOLS / "aws", "s3", "sync", "--only-show-errors", cls.archive.tree, f"s3://{cls.deployed.master_bucket}"]
        subprocess.run(command, env=cls.cloud.environment(), check=True, timeout=READER_SECONDS)
        release = f"dists/{SUITE}/InRelease"
        wanted = (cls.archive.tree / release).read_bytes()
        give_up = time.monotonic() + SERVED_SECONDS
        while cls.deployed.read(FAR, release) != wanted:
            if time.monotonic() > give_up:
                raise AssertionError(f"{FAR} does not serve the archive after {SERVED_SECONDS} s")
            time.sleep(POLL_SECONDS)

    @classmethod
    def environment(cls):
        """What a reader finds: a home of its own, and no proxy between it and the loopback."""
        return {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": str(cls.directory), "TMPDIR": str(cls.directory)}

    def reader(self, name, *arguments, cwd=None, **environment):
        """Runs a reader; it must end with 0."""
        environment = self.environment() | environment
        program = shutil.which(name, path=environment["PATH"])
        if program is None:
            self.skipTest(f"{name} is not installed: it did not read from a Region")
        done = subprocess.run(
            [program, *(str(argument) for argument in arguments)],
            env=environment,
            cwd=cwd or self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=READER_SECONDS,
            check=False,
        )
        self.assertEqual(done.returncode, 0, f"{name} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def has_all(self, tree, said):
        """Everything that was uploaded to the pool, and the release, lies in a mirror at its place."""
        wrong = {key for key, wanted in self.pool.items() if not (tree / key).is_file() or digest(tree / key) != wanted}
        self.assertEqual(wrong, set(), f"not as it was uploaded, in {tree}:\n{said}")
        for name in ("Release", "Release.gpg"):
            path = f"dists/{SUITE}/{name}"
            self.assertEqual((tree / path).read_bytes(), (self.archive.tree / path).read_bytes(), f"{path}:\n{said}")

    def test_wget_and_curl(self):
        names = [deb.pool_path for deb in self.with_plus]
        urls = [f"{self.url}/{name}" for name in names]
        for program, arguments in (("wget", ("--no-verbose", "--no-proxy")), ("curl", ("--silent", "--show-error", "--fail", "--remote-name-all"))):
            target = self.directory / program
            target.mkdir()
            said = self.reader(program, *arguments, *urls, cwd=target)
            fetched = {path.name: digest(path) for path in target.iterdir()}
            self.assertEqual(fetched, {name.rpartition("/")[2]: self.pool[name] for name in names}, said)

    def test_debmirror(self):
        mirror = self.directory / "debmirror"
        said = self.reader(
            "debmirror", mirror, "--method=http", f"--host={self.host}", f"--root={self.bucket}", f"--dist={SUITE}", "--section=main",
            f"--arch={self.archive.architecture}", "--source", "--diff=none", "--rsync-extra=none", f"--keyring={self.keyring}",
        )  # fmt: skip
        self.has_all(mirror, said)

    def test_apt_mirror(self):
        base = self.directory / "apt-mirror"
        for name in ("mirror", "skel", "var"):
            (base / name).mkdir(parents=True)
        configuration = base / "mirror.list"
        configuration.write_text(
            f"set base_path {base}\nset defaultarch {self.archive.architecture}\nset run_postmirror 0\nset nthreads 4\nset _tilde 0\n"
            f"deb http://{self.bucket} {SUITE} main\ndeb-src http://{self.bucket} {SUITE} main\n"
        )
        # It confounds itself where an address has a port, so it is given the bucket's name and a proxy. It says 0 whatever comes.
        said = self.reader("apt-mirror", configuration, http_proxy=self.front.url)
        self.has_all(base / "mirror" / self.bucket, said)

    def test_aptly(self):
        root = self.directory / "aptly"
        configuration = self.directory / "aptly.conf"
        configuration.write_text(json.dumps({"rootDir": str(root), "architectures": [self.archive.architecture]}))
        options = (f"-config={configuration}", f"-keyring={self.keyring}")
        self.reader("aptly", "mirror", "create", *options, "-with-sources", "region", self.url, SUITE, "main")
        said = self.reader("aptly", "mirror", "update", *options, "region")
        # aptly's pool has names of its own.
        kept = sorted(digest(path) for path in (root / "pool").rglob("*") if path.is_file())
        self.assertEqual(kept, sorted(self.pool.values()), said)

    def test_debootstrap(self):
        if os.geteuid() != 0:
            self.skipTest("debootstrap runs as root only: it did not read from a Region")
        target, script = self.directory / "debootstrap", self.directory / "debootstrap-script"
        packages = (*ALONE, *(deb.package for deb in self.with_plus))
        script.write_text(DEBOOTSTRAP_SCRIPT.format(packages=" ".join(packages)))
        said = self.reader(
            "debootstrap", "--download-only", "--variant=minbase", f"--arch={self.archive.architecture}", "--components=main",
            f"--keyring={self.keyring}", "--force-check-gpg", SUITE, target, self.url, script,
        )  # fmt: skip
        fetched = {digest(path) for path in (target / "var" / "cache" / "apt" / "archives").glob("*.deb")}
        self.assertEqual(self.digests_of(packages) - fetched, set(), said)
        # What these depend on comes with them.
        self.assertEqual(fetched - set(self.pool.values()), set(), said)

    def test_mmdebstrap(self):
        if os.geteuid() != 0:
            self.skipTest("mmdebstrap --mode=root runs as root only: it did not read from a Region")
        target = self.directory / "mmdebstrap"
        said = self.reader(
            "mmdebstrap", "--mode=root", "--variant=extract", f"--architectures={self.archive.architecture}", f"--include={','.join(ALONE)}",
            "--skip=cleanup/apt/cache", "--skip=download/empty", '--aptopt=Acquire::http::Proxy "DIRECT"', "--format=directory",
            SUITE, target, f"deb [signed-by={self.archive.key}] {self.url} {SUITE} main",
        )  # fmt: skip
        for package in ALONE:
            shown = subprocess.run(
                ["dpkg-deb", "--contents", next(self.archive.tree.glob(f"pool/**/{package}_*.deb"))],
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
            files = [line.split()[5] for line in shown.splitlines() if line.startswith("-")]
            self.assertTrue(files, package)
            self.assertEqual([path for path in files if not (target / path).is_file()], [], f"{package}:\n{said}")

    def digests_of(self, packages):
        """Of the uploaded packages with these names."""
        return {wanted for key, wanted in self.pool.items() if key.rpartition("/")[2].split("_")[0] in packages}


def digest(path):
    """A file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    unittest.main()
