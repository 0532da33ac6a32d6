"""The functions as they are deployed: what they do without events, with bad ones, and when a person calls them."""

import json
import time
import unittest

from cloud import LocalCloud, deploy
from cloud.deployment import FunctionFailed
from demo import uploads

SERVED_SECONDS = 120
POLL_SECONDS = 0.2
REGIONS = ("us-east-1", "eu-west-1")
FAR = "eu-west-1"


class ThePipeline(unittest.TestCase):
    """Each test has a cloud of its own, with the master's Region and another one."""

    def setUp(self):
        self.cloud = LocalCloud().__enter__()
        self.addCleanup(self.cloud.stop)
        self.deployed = deploy(self.cloud, regions=REGIONS)
        self.made = uploads.make(1, self.cloud.directory)

    def upload(self, keys=None):
        uploads.upload(self.cloud, self.deployed.master_bucket, self.made, keys or self.made.files)

    def silence_events(self):
        """From here on no upload is announced."""
        self.cloud.client("s3").put_bucket_notification_configuration(
            Bucket=self.deployed.master_bucket, NotificationConfiguration={}
        )

    def eventually(self, is_so, meaning):
        give_up = time.monotonic() + SERVED_SECONDS
        while not is_so():
            if time.monotonic() > give_up:
                logs = [line for region in REGIONS for line in self.deployed.logs(region, "publish")[-8:]]
                self.fail(f"not within {SERVED_SECONDS} s: {meaning}\n" + "\n".join(logs))
            time.sleep(POLL_SECONDS)

    def is_served(self, region):
        return self.deployed.read(region, self.made.in_release) == self.made.read(self.made.in_release)

    def test_with_every_event_lost_a_sweep_fills_the_region(self):
        self.silence_events()
        self.upload()
        for region in REGIONS:
            self.assertIsNone(self.deployed.read(region, self.made.in_release))
            self.deployed.invoke(region, "publish", {"sweep": True})
        for region in REGIONS:
            self.eventually(lambda region=region: self.is_served(region), f"{region} serves what the sweep found")

    def test_a_person_replays_by_key_by_prefix_by_event_and_by_suite(self):
        self.silence_events()
        self.upload()
        pool = sorted(key for key in self.made.files if key.startswith("pool/main/"))

        # Two copies: a name with a + has a second key.
        self.assertIn("+", pool[0])
        answer = self.deployed.invoke(FAR, "replicate", {"key": pool[0]})
        self.assertEqual((answer["objects_copied"], answer["failed_count"]), (2, 0), answer)
        for key in (pool[0], pool[0].replace("+", " ")):
            self.assertEqual(self.deployed.read(FAR, key), self.made.read(pool[0]), key)

        event = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": self.deployed.master_bucket}, "object": {"key": pool[1].replace("+", "%2B")}},
        }
        self.deployed.invoke(FAR, "replicate", {"Records": [event]})
        self.assertEqual(self.deployed.read(FAR, pool[1]), self.made.read(pool[1]))

        self.deployed.invoke(FAR, "replicate", {"prefix": "pool/main/"})
        for key in pool:
            self.assertEqual(self.deployed.read(FAR, key), self.made.read(key), key)

        would = self.deployed.invoke(FAR, "publish", {"suite": self.made.suite, "dry_run": True})
        self.assertEqual((would["outcome"], would["dry_run"]), ("swapped", True), would)
        self.assertFalse(self.is_served(FAR), "a dry run swapped")

        did = self.deployed.invoke(FAR, "publish", {"suite": self.made.suite})
        self.assertEqual((did["outcome"], did["signature"]), ("swapped", "not_checked"), did)
        self.assertTrue(self.is_served(FAR))
        self.assertFalse(self.is_served("us-east-1"), "a replay in one Region swapped another")

    def test_waking_every_suite_publishes_them(self):
        self.silence_events()
        self.upload()
        self.deployed.invoke(FAR, "publish", {"suite": "*"})
        self.eventually(lambda: self.is_served(FAR), f"{FAR} serves what was woken")

    def test_a_bad_message_fails_alone(self):
        sqs, queue = self.cloud.client("sqs", FAR), self.deployed.regions[FAR].outputs["UploadsQueue"]
        sqs.send_message(QueueUrl=queue, MessageBody="this is no event")
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"Event": "s3:TestEvent", "Bucket": "anything"}))
        self.upload()
        self.eventually(lambda: self.is_served(FAR), f"{FAR} serves what was uploaded beside a bad message")
        self.eventually(
            lambda: self.deployed.queue_depths(FAR)
            == {"UploadsQueue": 0, "SuitesQueue": 0, "UploadsDeadLetters": 1, "SuitesDeadLetters": 0},
            "the bad message, and it alone, is a dead letter",
        )

    def test_a_call_that_nobody_understands_says_what_was_expected(self):
        for function, expected in (("publish", "suite"), ("replicate", "prefix")):
            with self.assertRaises(FunctionFailed) as failed:
                self.deployed.invoke(FAR, function, {"suit": "dists/stable"})
            self.assertIn(expected, str(failed.exception))


if __name__ == "__main__":
    unittest.main()
