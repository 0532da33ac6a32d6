"""A keyring, as it is deployed: as a parameter and as an object; what its keys did not sign is never served."""

import base64
import json
import unittest

from cloud import LocalCloud, deploy
from cloud.deployment import FunctionFailed
from demo import uploads

REGION = "us-east-1"
# An archive made with another seed is signed with another key.
OURS, THEIRS = 1, 2


class AKeyringIsDeployed(unittest.TestCase):
    """Each test has a cloud of its own with one Region. Nothing but invokes runs publish, so that each answer is seen."""

    def setUp(self):
        self.cloud = LocalCloud().__enter__()
        self.addCleanup(self.cloud.stop)

    def made(self, number, seed):
        return uploads.make(number, self.cloud.directory / f"of-{seed}", "--seed", str(seed))

    def upload(self, made):
        """Uploads a whole archive that nobody is told of."""
        s3 = self.cloud.client("s3")
        s3.put_bucket_notification_configuration(Bucket=self.deployed.master_bucket, NotificationConfiguration={})
        uploads.upload(self.cloud, self.deployed.master_bucket, made, made.files)

    def publish(self, made):
        return self.deployed.invoke(REGION, "publish", {"suite": made.suite})

    def served(self, made):
        return self.deployed.read(REGION, made.in_release)

    def check_that_only_ours_is_served(self, ours, theirs):
        self.upload(ours)
        answer = self.publish(ours)
        self.assertEqual((answer["outcome"], answer["signature"]), ("swapped", "verified"), answer)
        self.assertEqual(self.served(ours), ours.read(ours.in_release))
        self.upload(theirs)
        answer = self.publish(theirs)
        self.assertEqual((answer["outcome"], answer["signature"]), ("refused", "rejected"), answer)
        self.assertIn("InRelease", answer["reason"])
        self.assertEqual(self.served(ours), ours.read(ours.in_release))
        lines = [json.loads(line) for line in self.deployed.logs(REGION, "publish") if line.startswith("{")]
        rejected = [line for line in lines if "SignatureRejected" in line]
        self.assertTrue(rejected and all(line["SignatureRejected"] == 1 for line in rejected), "no metric tells of it")

    def test_as_a_parameter(self):
        ours = self.made(1, OURS)
        armour = ours.key.read_text().split("\n\n", 1)[1].split("\n=", 1)[0].split("-----", 1)[0]
        binary = base64.b64decode("".join(armour.split()))
        keyring = base64.b64encode(binary).decode()
        self.deployed = deploy(self.cloud, regions=(REGION,), parameters={"Keyring": keyring})
        alarms = self.cloud.client("cloudwatch", REGION).describe_alarms()["MetricAlarms"]
        self.assertIn("SignatureRejected", [alarm["MetricName"] for alarm in alarms])
        self.check_that_only_ours_is_served(ours, self.made(2, THEIRS))

    def test_as_an_object(self):
        ours = self.made(1, OURS)
        s3 = self.cloud.client("s3", REGION)
        s3.create_bucket(Bucket="operations")
        s3.put_object(Bucket="operations", Key="keys/archive.asc", Body=ours.key.read_bytes())
        self.deployed = deploy(self.cloud, regions=(REGION,), parameters={"KeyringObject": "operations/keys/archive.asc"})
        self.check_that_only_ours_is_served(ours, self.made(2, THEIRS))

    def test_without_the_object_that_is_named_nothing_is_published(self):
        ours = self.made(1, OURS)
        self.cloud.client("s3", REGION).create_bucket(Bucket="operations")
        self.deployed = deploy(self.cloud, regions=(REGION,), parameters={"KeyringObject": "operations/keys/archive.asc"})
        self.upload(ours)
        with self.assertRaises(FunctionFailed) as failed:
            self.publish(ours)
        self.assertIn("operations/keys/archive.asc", str(failed.exception))
        self.assertIsNone(self.served(ours))


if __name__ == "__main__":
    unittest.main()
