"""The template, as it is packaged, makes a master and three Regions that are wired to one another."""

import json
import unittest

from cloud import LocalCloud, deploy
from cloud.template import load_template


class TheTemplateDeploys(unittest.TestCase):
    """One deployment, looked at from several sides."""

    @classmethod
    def setUpClass(cls):
        cls.cloud = LocalCloud().__enter__()
        cls.addClassCleanup(cls.cloud.stop)
        cls.deployed = deploy(cls.cloud)

    def kinds(self, region, stack):
        pages = self.cloud.client("cloudformation", region).get_paginator("list_stack_resources").paginate(StackName=stack)
        return {resource["ResourceType"] for page in pages for resource in page["StackResourceSummaries"]}

    def test_the_master_holds_its_bucket_and_topic_and_nothing_that_runs(self):
        self.assertEqual(
            self.kinds(self.deployed.master_region, "suitecast-master"),
            {"AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy"},
        )

    def test_a_region_sweeps_and_keeps_its_readers_on_a_schedule_and_alarms(self):
        for region in self.deployed.regions:
            kinds = self.kinds(region, "suitecast-region")
            self.assertIn("AWS::Scheduler::Schedule", kinds)
            self.assertNotIn("AWS::SNS::Topic", kinds)
            schedule = self.cloud.client("scheduler", region)
            found = [schedule.get_schedule(Name=one["Name"]) for one in schedule.list_schedules()["Schedules"]]
            self.assertEqual(
                sorted((one["ScheduleExpression"], json.loads(one["Target"]["Input"])) for one in found),
                [("rate(1 day)", {}), ("rate(15 minutes)", {"sweep": True})],
            )
            alarms = self.cloud.client("cloudwatch", region).describe_alarms()["MetricAlarms"]
            self.assertEqual(
                sorted(alarm["MetricName"] for alarm in alarms),
                [
                    "AccessInStep",
                    "AccessRefused",
                    "ApproximateNumberOfMessagesVisible",
                    "ApproximateNumberOfMessagesVisible",
                    "SuiteWaitingSeconds",
                ],
            )

    def test_a_replaced_upload_stays_readable(self):
        s3 = self.cloud.client("s3")
        old = s3.put_object(Bucket=self.deployed.master_bucket, Key="notes", Body=b"old")["VersionId"]
        s3.put_object(Bucket=self.deployed.master_bucket, Key="notes", Body=b"new")
        answer = s3.get_object(Bucket=self.deployed.master_bucket, Key="notes", VersionId=old)
        self.assertEqual(answer["Body"].read(), b"old")

    def test_a_failed_message_is_kept_for_fourteen_days(self):
        for region, stack in self.deployed.regions.items():
            for queue in ("UploadsDeadLetters", "SuitesDeadLetters"):
                attributes = self.cloud.client("sqs", region).get_queue_attributes(
                    QueueUrl=stack.outputs[queue], AttributeNames=["MessageRetentionPeriod"]
                )["Attributes"]
                self.assertEqual(attributes["MessageRetentionPeriod"], str(14 * 24 * 3600), f"{queue} in {region}")

    def test_a_message_outlives_several_runs_of_its_function(self):
        # How many: see test_resumption.py.
        for region, stack in self.deployed.regions.items():
            for queue, function, runs in (("UploadsQueue", "ReplicateFunction", 6), ("SuitesQueue", "PublishFunction", 3)):
                attributes = self.cloud.client("sqs", region).get_queue_attributes(
                    QueueUrl=stack.outputs[queue], AttributeNames=["VisibilityTimeout"]
                )["Attributes"]
                timeout = self.cloud.client("lambda", region).get_function_configuration(
                    FunctionName=stack.outputs[function]
                )["Timeout"]
                self.assertGreaterEqual(int(attributes["VisibilityTimeout"]), runs * timeout, f"{queue} in {region}")

    def test_every_region_is_told_where_its_buckets_are(self):
        for region, stack in self.deployed.regions.items():
            for function in ("ReplicateFunction", "PublishFunction"):
                variables = self.cloud.client("lambda", region).get_function_configuration(
                    FunctionName=stack.outputs[function]
                )["Environment"]["Variables"]
                self.assertEqual(variables["SUITECAST_MASTER_BUCKET"], self.deployed.master_bucket)
                self.assertEqual(variables["SUITECAST_MASTER_REGION"], self.deployed.master_region)
                self.assertEqual(variables["SUITECAST_REGION_BUCKET"], stack.bucket)
                self.assertIn(region, variables["SUITECAST_REGION_BUCKET"])

    def test_a_retained_bucket_is_taken_over(self):
        region = "eu-west-1"
        stack = self.deployed.regions[region]
        with LocalCloud() as cloud:
            cloud.client("s3", region).create_bucket(
                Bucket=stack.bucket, CreateBucketConfiguration={"LocationConstraint": region}
            )
            cloud.client("s3", region).put_object(Bucket=stack.bucket, Key="pool/kept.deb", Body=b"kept")
            again = deploy(cloud, regions=(region,), parameters={"CreateRegionBucket": "false"})
            self.assertEqual(again.read(region, "pool/kept.deb"), b"kept")


class TheTemplateSays(unittest.TestCase):
    """What takes days to happen, read where it is written."""

    def test_what_runs_that_died_left_behind_goes_and_nothing_else_of_a_region_bucket(self):
        rules = load_template()["Resources"]["RegionBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
        self.assertEqual(expiring, {".suitecast/staging/": 7})
        ends = {"ExpirationInDays", "ExpirationDate", "NoncurrentVersionExpiration", "Transitions", "Transition"}
        self.assertEqual([rule["Id"] for rule in rules if ends & set(rule)], ["StagedByRunsThatDied"])


if __name__ == "__main__":
    unittest.main()
