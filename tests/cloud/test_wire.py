"""Faults on the wire, at a short length; `python -m attacks.wire --long` is the same at length."""

import unittest

from attacks.wire import Attack, short, summary

SEED = 1


class FaultsOnTheWire(unittest.TestCase):
    """A fifth of all requests to S3 and to the queues fails, and replicate is killed now and then."""

    def test_every_region_ends_whole_and_newest_and_no_reader_sees_less(self):
        told = []
        attack = Attack(short(SEED), told.append)
        tally = attack.run()
        for line in summary(attack):
            print(line)
        print(tally)
        self.assertEqual(tally.violations, [], f"seed {SEED}\n" + "\n".join(told))
        # It did blow: else nothing was proved.
        self.assertGreater(attack.counts["faults"], 100)
        self.assertEqual(len(attack.counts["by_kind"]), 7, attack.counts["by_kind"])
        self.assertGreater(sum(attack.queue_faults.values()), 0, attack.queue_requests)
        self.assertGreater(sum(attack.kills.values()), 0)


if __name__ == "__main__":
    unittest.main()
