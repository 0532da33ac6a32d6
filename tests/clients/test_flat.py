"""A flat archive: how its source line is written, and under which keys apt then asks for its packages."""

import unittest

from clients.archive import NAMES, WithArchive
from clients.client import REGION, Client
from clients.server import Server


def flat(text):
    """The example's source, for a flat archive."""
    return text.replace("Suites: stable", "Suites: /").replace("Components: main\n", "").replace("By-Hash: force\n", "")


class AFlatArchive(WithArchive):
    """Whose `Packages` says `Filename: ./…`, as apt-ftparchive and dpkg-scanpackages write it."""

    def test_is_read_by_its_source_line_and_its_packages_by_the_keys_that_begin_with_a_dot(self):
        tree = self.new_directory()
        self.archive.publish_flat(tree)
        plain = [path.name for path in tree.glob("*.deb")]
        self.assertEqual(len(plain), len(NAMES))
        # To S3 these are other keys than those that apt asks for.
        with Server(tree, absent=plain) as region:
            client = Client(self.new_directory(), "region", {REGION: region.url}, self.archive.key, edit=flat)
            client.update()
            self.assertEqual(client.packages(), sorted(NAMES))
            paths = client.download(*NAMES)
            asked = region.paths()
        self.assertEqual(asked[0], "InRelease")
        self.assertLessEqual({f"./{name}" for name in plain}, set(asked))
        self.check_packages(paths, "1.0")


if __name__ == "__main__":
    unittest.main()
