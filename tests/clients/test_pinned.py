"""examples/pinned: a client that stays with one release."""

import hashlib
import shutil
import unittest

from clients.archive import NAMES, SUITE, WithArchive, publish
from clients.client import REGION, Client
from clients.server import Server

LATER = "Thu, 02 Jan 2025 00:00:00 +0000"
NO_DIGEST = "0" * 64


class APinnedClient(WithArchive):
    """Of a Region where version 1.0 went live, and then 2.0: the release of 1.0 lies under its digest, as publish leaves it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        suite = cls.archive.tree / "dists" / SUITE
        cls.digest = hashlib.sha256((suite / "InRelease").read_bytes()).hexdigest()
        kept = suite / "by-hash" / "SHA256" / cls.digest
        kept.parent.mkdir(parents=True)
        shutil.copyfile(suite / "InRelease", kept)
        publish(cls.archive, "2.0", date=LATER)

    def client(self, server, folder, edit):
        return Client(self.new_directory(), folder, {REGION: server.url}, self.archive.key, edit=edit)

    def pinned(self, text):
        return text.replace(NO_DIGEST, self.digest)

    def downloads_all(self, client, version):
        client.update()
        self.assertEqual(len(client.download(*NAMES)), len(NAMES))
        self.check_packages(client.fetched(), version)

    def test_reads_its_release_after_another_went_live(self):
        with Server(self.archive.tree) as region:
            client = self.client(region, "pinned", self.pinned)
            self.downloads_all(client, "1.0")
            client.update()
            self.assertEqual([path for path in region.paths() if path.endswith("/InRelease")], [])

    def test_a_field_of_that_name_is_passed_over_in_silence(self):
        field = f"Types: deb\nInRelease-Path: by-hash/SHA256/{self.digest}"
        with Server(self.archive.tree) as region:
            self.downloads_all(self.client(region, "region", lambda text: text.replace("Types: deb", field)), "2.0")

    def test_a_client_that_has_seen_a_newer_release_has_to_forget_it_first(self):
        with Server(self.archive.tree) as region:
            client = self.client(region, "pinned", lambda text: text.replace(f"inrelease-path=by-hash/SHA256/{NO_DIGEST}", ""))
            client.update()
            source = client.directory / "etc" / "sources.list.d" / "archive.list"
            source.write_text(source.read_text().replace("by-hash=force", f"by-hash=force inrelease-path=by-hash/SHA256/{self.digest}"))
            client.update()
            self.assertEqual(client.in_release(), (self.archive.tree / "dists" / SUITE / "InRelease").read_bytes())
            for path in (client.directory / "state" / "lists").glob("*_dists_*"):
                path.unlink()
            self.downloads_all(client, "1.0")


if __name__ == "__main__":
    unittest.main()
