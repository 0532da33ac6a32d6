"""The reader counts whatever does not fit: the judge must be able to condemn."""

import functools
import http.server
import shutil
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from cloud.loopback import Loopback
from demo import uploads
from demo.reader import Reader

LOOK_SECONDS = 30


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet: two of them wait for one another 40 ms on a kept connection.
    wbufsize = -1

    def log_message(self, *_):
        """Nothing."""


class TheReaderSees(unittest.TestCase):
    """A whole archive on disk, served over loopback, with one thing wrong at a time."""

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="suitecast-reader-")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = Path(directory.name)
        cls.whole = uploads.make(1, cls.directory)

    def setUp(self):
        copy = shutil.copytree(self.whole.directory, self.directory / self.id())
        self.made = replace(self.whole, directory=copy)
        handler = functools.partial(Quiet, directory=self.made.directory)
        self.url = self.enterContext(Loopback(handler)).url + "/"

    def look(self):
        """What the reader says of the archive as it is."""
        reader = Reader(self.url, self.made.suite, lambda misfit: None)
        reader.start()
        self.addCleanup(reader.stop)
        self.assertTrue(reader.wait_for_a_whole_look(LOOK_SECONDS), reader.failure)
        return reader

    def path(self, ending):
        """The first file of the archive with such a name."""
        return self.made.directory / next(key for key in self.made.files if key.endswith(ending))

    def assert_misfit(self, *words):
        reader = self.look()
        self.assertGreater(reader.findings.inconsistent, 0)
        told = " ".join(reader.findings.misfits)
        for word in words:
            self.assertIn(word, told)

    def test_nothing_wrong_in_a_whole_archive(self):
        findings = self.look().findings
        self.assertGreater(findings.looks, 0)
        self.assertEqual((findings.inconsistent, findings.misfits), (0, []))

    def test_a_package_that_is_not_there(self):
        self.path("_all.deb").unlink()
        self.assert_misfit("_all.deb", "is not there")

    def test_a_source_file_that_is_not_there(self):
        self.path(".dsc").unlink()
        self.assert_misfit(".dsc", "is not there")

    def test_a_package_of_another_size(self):
        path = self.path("_amd64.deb")
        path.write_bytes(path.read_bytes() + b"x")
        self.assert_misfit(path.name, "bytes, not")

    def test_a_package_with_another_content(self):
        path = self.path("_amd64.deb")
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        self.assert_misfit(path.name, "another SHA256")

    def test_an_index_that_is_not_there_by_its_hash(self):
        directory = self.path("/main/binary-amd64/Packages.xz").parent / "by-hash" / "SHA256"
        for path in directory.iterdir():
            path.unlink()
        self.assert_misfit("main/binary-amd64/Packages.xz by its hash is not there")

    def test_a_release_that_goes_back(self):
        path = self.made.directory / self.made.in_release
        old = path.read_bytes()
        newer = uploads.make(2, self.directory)
        for key in newer.files:
            target = self.made.directory / key
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(newer.read(key))
        reader = self.look()
        self.assertEqual(reader.findings.misfits, [])
        # In one step: the reader looks all the while.
        older = path.with_name("older")
        older.write_bytes(old)
        older.replace(path)
        self.assertTrue(reader.wait_for_a_whole_look(LOOK_SECONDS), reader.failure)
        self.assertIn("the live release is older than the one before", reader.findings.misfits)


if __name__ == "__main__":
    unittest.main()
