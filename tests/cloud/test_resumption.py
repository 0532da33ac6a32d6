"""How long it may take until somebody goes on where a killed run stopped: computed from the template and the engine's own limits, term by term.

Nothing is run here, and no figure is copied: what is changed in `template.yaml` or in the engine's `limits.rs` changes the sums.
"""

import unittest

from cloud.template import lease_beyond_slice, load_template, seconds_of_rate

QUARTER_OF_AN_HOUR = 15 * 60
# What AWS documents and no template sets: a poller that waits for messages asks again after 20 s, and EventBridge
# Scheduler calls within the minute.
LONG_POLL = 20
SCHEDULER_PRECISION = 60


class AKilledRunIsResumed(unittest.TestCase):
    """Killed at the worst moment there is."""

    @classmethod
    def setUpClass(cls):
        template = load_template()
        resources = {name: resource["Properties"] for name, resource in template["Resources"].items()}
        publish, replicate = resources["PublishFunction"], resources["ReplicateFunction"]
        cls.publish_timeout = publish["Timeout"]
        cls.replicate_timeout = replicate["Timeout"]
        cls.batching_window = replicate["Events"]["Uploads"]["Properties"]["MaximumBatchingWindowInSeconds"]
        cls.suites_visibility = resources["SuitesQueue"]["VisibilityTimeout"]
        cls.uploads_visibility = resources["UploadsQueue"]["VisibilityTimeout"]
        cls.slice = int(publish["Environment"]["Variables"]["SUITECAST_SLICE_SECONDS"])
        cls.lease = cls.slice + lease_beyond_slice()
        cls.round = seconds_of_rate(template["Parameters"]["SweepSchedule"]["Default"])
        cls.waiting_period = resources["SuiteWaitingAlarm"]["Period"]

    def within(self, bound, name, **terms):
        total = sum(terms.values())
        shown = " + ".join(f"{term.replace('_', ' ')} {seconds}" for term, seconds in terms.items())
        print(f"{name}: {shown} = {total} s, of {bound}")
        self.assertLessEqual(total, bound, f"{name}: {shown}")

    def test_a_killed_publish_is_resumed_within_a_quarter_of_an_hour(self):
        # Killed the moment it was called: its message comes back when its visibility ends, finds the lease run out, and
        # waits at worst until one of the runs that hold every place has ended.
        self.within(
            QUARTER_OF_AN_HOUR,
            "a killed publish, by its own message",
            until_it_is_visible_or_the_lease_is_over=max(self.suites_visibility, self.lease),
            a_place_at_the_function=self.publish_timeout,
            the_poller=LONG_POLL,
        )

    def test_a_killed_replicate_is_resumed_within_a_quarter_of_an_hour(self):
        self.within(
            QUARTER_OF_AN_HOUR,
            "a killed replicate, by its own messages",
            until_they_are_visible=self.uploads_visibility,
            a_place_at_the_function=self.replicate_timeout,
            the_poller_and_its_window=LONG_POLL + self.batching_window,
        )

    def test_a_message_comes_back_after_the_lease_that_its_dead_run_left(self):
        # Within the slice it would be told that another run is at work, and be done; and nobody would be.
        self.assertGreater(self.suites_visibility, self.lease)
        self.assertGreater(self.lease, self.publish_timeout, "a run may outlive its lease")

    def test_what_nobody_queued_is_resumed_by_the_sweep_before_the_alarm_for_waiting_suites_is_due(self):
        # A publish that a person called has no message that comes back; whoever called was told that it failed. Killed
        # just before a sweep wakes its suite: that wake-up takes it for alive, and the next round is the one that helps.
        self.within(
            self.waiting_period,
            "a killed publish without a message, by the sweep",
            it_counts_as_alive=self.slice,
            to_the_next_round=self.round,
            the_schedule=SCHEDULER_PRECISION,
            the_sweep_itself=self.publish_timeout,
            the_poller=LONG_POLL,
        )

    def test_a_message_outlives_three_runs_of_its_function(self):
        # AWS advises six, so that a throttled poller may try again; each of the 20 receives costs a throttled one a turn.
        for queue, timeout in ((self.suites_visibility, self.publish_timeout), (self.uploads_visibility, self.replicate_timeout)):
            self.assertGreaterEqual(queue, 3 * timeout)


if __name__ == "__main__":
    unittest.main()
