"""examples/region: what the clients of one Region put into /etc/apt."""

import unittest

from clients.archive import NAMES, SUITE, RealArchive, WithArchive
from clients.client import EXAMPLES, REGION, Client
from clients.server import Server
from cloud.paths import ROOT

IN_RELEASE = f"dists/{SUITE}/InRelease"


class TheSourceLine(WithArchive):
    """Of a Region whose suite does not say `Acquire-By-Hash`: its names by hash are there all the same."""

    says_by_hash = False

    def client(self, server, key=None, **how):
        return Client(self.new_directory(), "region", {REGION: server.url}, key or self.archive.key, **how)

    def test_is_the_one_that_the_readme_shows(self):
        example = (EXAMPLES / "region" / "archive.sources").read_text()
        fields = "\n".join(line for line in example.splitlines() if not line.startswith("#"))
        self.assertTrue(fields in (ROOT / "README.md").read_text(), fields)

    def test_reads_a_region(self):
        with Server(self.archive.tree) as region:
            client = self.client(region)
            client.update()
            self.assertEqual(client.packages(), sorted(NAMES))
            paths = client.download(*NAMES)
        self.assertEqual(len(paths), len(NAMES))
        self.check_packages(paths, "1.0")

    def test_takes_indices_by_hash_from_a_suite_that_does_not_say_so(self):
        with Server(self.archive.tree) as region:
            self.client(region).update()
            first, *others = region.paths()
        self.assertEqual(first, IN_RELEASE)
        self.assertTrue(others)
        self.assertEqual([path for path in others if "/by-hash/" not in path], [])

    def test_without_its_line_by_hash_takes_them_by_their_plain_names(self):
        with Server(self.archive.tree) as region:
            self.client(region, edit=lambda text: text.replace("By-Hash: force", "")).update()
            self.assertEqual([path for path in region.paths() if "/by-hash/" in path], [])

    def test_trusts_the_key_that_it_names_and_no_other(self):
        with RealArchive(self.new_directory()) as other, Server(self.archive.tree) as region:
            client = self.client(region, key=other.key)
            done = client.refresh()
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("is not signed", done.stdout)
            self.assertEqual(client.packages(), [])

    def test_the_settings_are_in_force(self):
        with Server(self.archive.tree) as region:
            client = self.client(region)
        self.assertEqual(client.setting("Acquire::http::Pipeline-Depth"), "0")
        self.assertEqual(client.setting("Acquire::Retries"), "3")

    def test_tries_again_where_s3_asks_for_patience(self):
        with Server(self.archive.tree) as region:
            region.fail_next(2, 503)
            client = self.client(region)
            said = client.refresh().stdout
            self.assertEqual(client.packages(), sorted(NAMES), said)
            self.assertEqual([request.status for request in region.requests()[:3]], [503, 503, 200])


if __name__ == "__main__":
    unittest.main()
