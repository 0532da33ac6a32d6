"""examples/fallback: this Region's bucket first, another's where there is none."""

import os
import shutil
import unittest

from clients.archive import NAMES, SUITE, WithArchive, publish
from clients.client import FALLBACK, REGION, Client
from clients.server import Refusing, Server

LATER = "Thu, 02 Jan 2025 00:00:00 +0000"
IN_RELEASE = f"dists/{SUITE}/InRelease"
# In seconds since 1970: before and after the archive was made.
EARLY, LATE = 1, 2**32
SECONDS_BETWEEN = 60
NO_SUCH_HOST = "http://no-region-bucket.invalid"


class AFallback(WithArchive):
    """Two servers of one archive: `old` is a Region that is a generation behind, `new` one that is not."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.old = cls.directory / "old"
        shutil.copytree(cls.archive.tree, cls.old)
        # HTTP tells times by the second, and both are made within one.
        written = (cls.old / IN_RELEASE).stat().st_mtime - SECONDS_BETWEEN
        os.utime(cls.old / IN_RELEASE, (written, written))
        publish(cls.archive, "2.0", date=LATER)
        cls.new = cls.archive.tree

    def client(self, region, fallback, **how):
        urls = {REGION: region if isinstance(region, str) else region.url, FALLBACK: fallback.url}
        return Client(self.new_directory(), "fallback", urls, self.archive.key, **how)

    def reads_all(self, client, version, tree=None):
        """`update` and the download of everything succeed, and what came are the packages of this version."""
        self.refreshes(client)
        self.downloads_all(client, version, tree)

    def refreshes(self, client):
        done = client.refresh()
        self.assertEqual(done.returncode, 0, done.stdout)
        # A first mirror that failed is ignored aloud (`Ign:`); a file that none had is a warning or an error.
        self.assertEqual([line for line in done.stdout.splitlines() if line.startswith(("W:", "E:", "Err:"))], [], done.stdout)

    def downloads_all(self, client, version, tree=None):
        done = client.fetch(*NAMES)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(len(client.fetched()), len(NAMES), done.stdout)
        self.check_packages(client.fetched(), version, tree)

    def test_the_regions_own_bucket_is_the_one_that_is_read(self):
        with Server(self.new) as region, Server(self.new) as fallback:
            self.reads_all(self.client(region, fallback), "2.0")
            self.assertTrue(region.paths())
            self.assertEqual(fallback.requests(), [])

    def test_where_s3_has_no_such_bucket_or_admits_nobody_the_next_is_read_at_once(self):
        for status in (404, 403):
            with self.subTest(status=status), Server(self.new, status=status) as region, Server(self.new) as fallback:
                self.reads_all(self.client(region, fallback), "2.0")
                # Of every file it is asked anew, once.
                self.assertEqual(sorted(region.paths(status)), sorted(fallback.paths()))

    def test_where_s3_asks_for_patience_the_next_is_read_after_one_more_try(self):
        with Server(self.new, status=503) as region, Server(self.new) as fallback:
            self.reads_all(self.client(region, fallback), "2.0")
            self.assertEqual(sorted(region.paths(503)), sorted(fallback.paths() * 2))

    def test_apt_as_it_comes_tries_three_times_more(self):
        with Server(self.new, status=503) as region, Server(self.new) as fallback:
            client = self.client(region, fallback, settings=False)
            # By the same steps without the pauses between them.
            done = client.attempt("apt-get", "update", "--option", "Acquire::Retries::Delay=false")
            self.assertEqual(client.packages(), sorted(NAMES), done.stdout)
            self.assertEqual(sorted(region.paths(503)), sorted(fallback.paths() * 4))

    def test_where_nobody_answers_the_next_is_read(self):
        with Refusing() as region, Server(self.new) as fallback:
            self.reads_all(self.client(region, fallback), "2.0")

    def test_where_there_is_no_such_name_the_next_is_read(self):
        with Server(self.new) as fallback:
            self.reads_all(self.client(NO_SUCH_HOST, fallback), "2.0")

    def test_a_fallback_that_is_ahead_still_has_the_indices_of_the_release_before_by_hash(self):
        with Server(self.old, absent=self.indices(self.old)) as region, Server(self.new) as fallback:
            self.reads_all(self.client(region, fallback), "1.0", self.old)
            self.assertEqual(region.paths()[0], IN_RELEASE)
            self.assertTrue([path for path in fallback.paths() if "/by-hash/" in path])

    def test_a_fallback_that_is_ahead_still_has_the_pool_files_of_the_release_before(self):
        with Server(self.old) as region, Server(self.new) as fallback:
            client = self.client(region, fallback)
            self.refreshes(client)
            region.serve(self.old, absent=self.pool(self.old))
            self.downloads_all(client, "1.0")

    def test_a_fallback_that_is_behind_is_never_mixed_in_and_helps_once_it_has_caught_up(self):
        with Server(self.old) as region, Server(self.old) as behind:
            client = self.client(region, behind)
            self.refreshes(client)
            region.serve(self.new, absent=self.indices(self.new))
            done = client.refresh()
            self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assertIn("Mirror sync in progress?", done.stdout)
            # What it had it still has, and can use.
            self.assertEqual(client.in_release(), (self.old / IN_RELEASE).read_bytes())
            self.downloads_all(client, "1.0")
            behind.serve(self.new)
            self.refreshes(client)
            self.assertEqual(client.in_release(), (self.new / IN_RELEASE).read_bytes())

    def test_a_region_that_comes_back_behind_what_a_client_has_seen_takes_it_no_step_back(self):
        # What a Region answers to If-Modified-Since depends on when its own object was written, which says nothing of the release.
        old = shutil.copytree(self.old, self.new_directory() / "old")
        for written, answer in ((EARLY, 304), (LATE, 200)):
            os.utime(old / IN_RELEASE, (written, written))
            with self.subTest(answer=answer), Server(old, status=404) as region, Server(self.new) as fallback:
                client = self.client(region, fallback)
                self.refreshes(client)
                region.status = None
                self.refreshes(client)
                self.assertIn(IN_RELEASE, region.paths(answer))
                # The files that the Region does not have yet come from the one that does.
                self.downloads_all(client, "2.0")

    @staticmethod
    def indices(tree):
        """By hash and by their plain names."""
        return {path.relative_to(tree).as_posix() for path in (tree / "dists" / SUITE / "main").rglob("*") if path.is_file()}

    @staticmethod
    def pool(tree):
        return {path.relative_to(tree).as_posix() for path in tree.rglob("*.deb")}


if __name__ == "__main__":
    unittest.main()
