"""A small archive in generations: packages of a few bytes, indexed by apt-ftparchive and signed by gpg."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from cloud.real_archive import CannotMake, Deb, RealArchive

SUITE = "stable"
NAMES = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
TOOLS = ("apt-get", "dpkg", "dpkg-deb", "gpg", "gpgv")


def pool_path(name, version):
    """Where a package lies in the archive."""
    return f"pool/main/{name[0]}/{name}/{name}_{version}_all.deb"


def publish(archive, version, date="Wed, 01 Jan 2025 00:00:00 +0000"):
    """The archive as it is after this version was published: names by hash and pool files of earlier ones stay."""
    debs = []
    for place, name in enumerate(NAMES):
        root = archive.directory / "build" / f"{name}-{version}"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN" / "control").write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <none@example.com>\nDescription: {name}\n"
        )
        # Of different sizes, as files of an archive are.
        (root / "content").write_text("".join(f"{line} of {name} {version}\n" for line in range(200 * (place + 1))))
        file = root.with_suffix(".deb")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", root, file], check=True, capture_output=True)
        debs.append(Deb(name, pool_path(name, version), file))
    archive.add(debs)
    archive.publish(date)


class WithArchive(unittest.TestCase):
    """Tests of a client of an archive, with directories of their own."""

    says_by_hash = True

    @classmethod
    def setUpClass(cls):
        absent = [tool for tool in TOOLS if shutil.which(tool) is None]
        if absent:
            raise unittest.SkipTest(f"{', '.join(absent)} not installed: {cls.__name__} tried no client")
        cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="suitecast-clients-")))
        try:
            cls.archive = cls.enterClassContext(RealArchive(cls.directory, suite=SUITE, says_by_hash=cls.says_by_hash))
        except CannotMake as error:
            raise unittest.SkipTest(f"{cls.__name__} tried no client: {error}") from error
        publish(cls.archive, "1.0")

    def new_directory(self):
        """An empty one."""
        return Path(tempfile.mkdtemp(dir=self.directory))

    def check_packages(self, paths, version, tree=None):
        """These files are, byte for byte, packages of the archive."""
        for path in paths:
            name = path.name.split("_")[0]
            self.assertEqual(path.read_bytes(), ((tree or self.archive.tree) / pool_path(name, version)).read_bytes(), path.name)
