"""A server that answers pipelined requests out of order, as S3 did in 2012, and what apt makes of it as it comes and with examples/region."""

import unittest

from clients.archive import NAMES, WithArchive, pool_path
from clients.client import REGION, Client
from clients.server import Server, gathered, rotated

DISABLED = "Automatically disabled Acquire::http::Pipeline-Depth due to incorrect response from server/proxy"
# apt sends the first request of a connection alone, so the answers to `alpha` and those after it part here: the next that is answered is `charlie`.
FIRST_IN_THE_PIPELINE, ANSWERED_FIRST = "bravo", "charlie"


class PipelinedRequests(WithArchive):
    """apt downloads all packages of the archive at once."""

    def downloads(self, server, settings, order=gathered):
        """What came, what was said, and the most requests that the server had at once."""
        client = Client(self.new_directory(), "region", {REGION: server.url}, self.archive.key, settings=settings)
        client.refresh()
        server.forget()
        server.order = order
        done = client.fetch(*NAMES)
        return client.fetched(), done, server.deepest_pipeline

    def names(self, paths):
        return [path.name.split("_")[0] for path in paths]

    def test_apt_as_it_comes_pipelines(self):
        with Server(self.archive.tree) as region:
            paths, done, deepest = self.downloads(region, settings=False)
        self.assertGreater(deepest, 1)
        self.assertEqual((self.names(paths), done.returncode), (sorted(NAMES), 0), done.stdout)

    def test_out_of_order_apt_as_it_comes_sorts_the_answers_by_digest_and_warns(self):
        with Server(self.archive.tree) as region:
            paths, done, deepest = self.downloads(region, settings=False, order=rotated)
        self.assertGreater(deepest, 1)
        self.assertIn(DISABLED, done.stdout)
        self.assertEqual((self.names(paths), done.returncode), (sorted(NAMES), 0), done.stdout)
        self.check_packages(paths, "1.0")

    def test_out_of_order_apt_as_it_comes_loses_a_file_that_is_there_to_the_absence_of_another(self):
        with Server(self.archive.tree, absent=[pool_path(ANSWERED_FIRST, "1.0")]) as region:
            paths, done, deepest = self.downloads(region, settings=False, order=rotated)
        self.assertGreater(deepest, 1)
        came = sorted(set(NAMES) - {FIRST_IN_THE_PIPELINE, ANSWERED_FIRST})
        self.assertEqual(self.names(paths), came, done.stdout)
        self.check_packages(paths, "1.0")

    def test_with_the_example_no_request_waits_behind_another_and_all_is_right(self):
        with Server(self.archive.tree) as region:
            paths, done, deepest = self.downloads(region, settings=True, order=rotated)
        self.assertEqual(deepest, 1)
        self.assertNotIn("W:", done.stdout)
        self.assertEqual((self.names(paths), done.returncode), (sorted(NAMES), 0), done.stdout)
        self.check_packages(paths, "1.0")

    def test_with_the_example_only_what_is_absent_is_missed(self):
        with Server(self.archive.tree, absent=[pool_path(ANSWERED_FIRST, "1.0")]) as region:
            paths, done, _ = self.downloads(region, settings=True, order=rotated)
        self.assertEqual(self.names(paths), sorted(set(NAMES) - {ANSWERED_FIRST}), done.stdout)
        self.check_packages(paths, "1.0")

    def test_a_connection_closed_in_the_middle_of_a_pipeline_loses_nothing_either_way(self):
        for settings in (False, True):
            with self.subTest(settings=settings), Server(self.archive.tree, answers_a_connection=2) as region:
                paths, done, deepest = self.downloads(region, settings)
                self.assertEqual(deepest == 1, settings)
                self.assertEqual((self.names(paths), done.returncode), (sorted(NAMES), 0), done.stdout)
                self.check_packages(paths, "1.0")


if __name__ == "__main__":
    unittest.main()
