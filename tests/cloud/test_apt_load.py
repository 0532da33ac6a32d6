"""Real apt clients while generations are published; `python -m attacks.apt_load --long` does a hundred."""

import unittest

from attacks import apt_load
from cloud.apt import is_installed

CLIENTS = 8
SEED = 1


@unittest.skipUnless(is_installed(), "apt-get is absent: no client read while generations were published")
class AptUnderLoad(unittest.TestCase):
    """Eight clients, two Regions."""

    def test_no_client_fails_by_hash_and_those_without_only_while_a_swap_is_under_way(self):
        courses = apt_load.attack({apt_load.BY_HASH: 10, apt_load.FORCED: 4, apt_load.SUITE_WITHOUT: 4}, CLIENTS, SEED)
        told = "\n".join(apt_load.report(courses, SEED))
        print(told)
        for course in courses:
            self.assertEqual(course.violations, [], told)
            for count in (course.account.updates, course.account.downloads, course.account.sources):
                self.assertGreaterEqual(count, CLIENTS, told)
            # Each generation but the first replaced what every Region served.
            self.assertEqual(len(course.windows), (course.generations - 1) * len(apt_load.REGIONS), told)
        self.assertGreater(courses[0].account.by_replaced_lists, 0, told)

    def test_the_clients_notice_a_swap_before_the_pool_is_there(self):
        (course,) = apt_load.attack({apt_load.BY_HASH: 2}, CLIENTS, SEED, early_swap=True)
        self.assertTrue(any("404" in violation for violation in course.violations), course)


if __name__ == "__main__":
    unittest.main()
