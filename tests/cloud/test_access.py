"""Who may read, as it is deployed: the function's own binary, Amazon's own document over TLS, the bucket's policy in S3.

The local cloud keeps a bucket's policy and enforces none, and Amazon's topic is not in it: the event that SNS would send is given by
invoking. What a policy admits is shown against an evaluator, in functions/access/tests.
"""

import ipaddress
import json
import tempfile
import time
import unittest
from pathlib import Path

from cloud import LocalCloud, deploy
from cloud.deployment import FunctionFailed
from cloud.ip_ranges import IpRanges, amazons_bytes, instances
from cloud.template import load_template

REGION = "eu-west-1"
TOKEN = "1787411825"
HEARD_SECONDS = 60
POLL_SECONDS = 0.2


class World(unittest.TestCase):
    """One Region in a cloud of its own, which trusts one server of address ranges; each test begins without a policy."""

    parameters = {}

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="suitecast-ranges-")
        cls.addClassCleanup(directory.cleanup)
        cls.ranges = cls.enterClassContext(IpRanges(Path(directory.name)))
        cls.cloud = LocalCloud(functions=cls.ranges.environment()).__enter__()
        cls.addClassCleanup(cls.cloud.stop)
        cls.deployed = deploy(cls.cloud, regions=(REGION,), parameters={"IpRangesUrl": cls.ranges.url} | cls.parameters)
        cls.bucket = cls.deployed.regions[REGION].bucket
        cls.function = cls.deployed.regions[REGION].outputs["AccessFunction"]

    def setUp(self):
        self.ranges.document = amazons_bytes()
        self.cloud.client("s3", REGION).delete_bucket_policy(Bucket=self.bucket)

    def configure(self, **variables):
        """Changes variables of the function, for one test."""
        functions = self.cloud.client("lambda", REGION)
        before = functions.get_function_configuration(FunctionName=self.function)["Environment"]
        update = functions.update_function_configuration
        self.addCleanup(update, FunctionName=self.function, Environment=before)
        update(FunctionName=self.function, Environment={"Variables": before["Variables"] | variables})

    def access(self, event):
        return self.deployed.invoke(REGION, "access", event)

    def policy(self):
        """The bucket's policy; None where it has none."""
        s3 = self.cloud.client("s3", REGION)
        try:
            return json.loads(s3.get_bucket_policy(Bucket=self.bucket)["Policy"])
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
                raise
            return None

    def metric(self, name):
        lines = [json.loads(line) for line in self.deployed.logs(REGION, "access") if line.startswith("{")]
        return sum(line.get(name, 0) for line in lines if "_aws" in line)

    def refuses(self, event, told):
        """That an event is refused with a reason, counted for the alarm, and leaves the policy as it is."""
        before, refused = self.policy(), self.metric("AccessRefused")
        with self.assertRaises(FunctionFailed) as failed:
            self.access(event)
        self.assertIn(told, str(failed.exception))
        self.assertIn("PermanentError", str(failed.exception))
        self.assertEqual(self.policy(), before)
        self.assertEqual(self.metric("AccessRefused"), refused + 1)


class TheRegionReads(World):
    """Readers=region, which is what a stack has by default."""

    def listed(self):
        (statement,) = [one for one in self.policy()["Statement"] if one["Sid"] == f"SuitecastInstancesOfRegion{TOKEN}"]
        return [ipaddress.ip_network(text) for text in statement["Condition"]["IpAddress"]["aws:SourceIp"]]

    def test_amazons_list_is_kept_and_nothing_doubtful_takes_its_place(self):
        applied, in_step = self.metric("AccessApplied"), self.metric("AccessInStep")
        # Nothing is written by a dry run, and all of it is told.
        answer = self.access({"dry_run": True})
        self.assertEqual((answer["outcome"], answer["policy_bytes"] < 20_480), ("would_apply", True), answer)
        self.assertIsNone(self.policy())

        self.assertEqual(self.access({})["outcome"], "applied")
        self.assertEqual(self.policy(), answer["policy"])
        wanted = [ipaddress.ip_network(text) for text in instances(json.loads(amazons_bytes()), REGION)]
        of = lambda networks, version: list(ipaddress.collapse_addresses(n for n in networks if n.version == version))  # noqa: E731
        for version in (4, 6):
            self.assertEqual(of(self.listed(), version), of(wanted, version))
        self.assertEqual(self.access(self.ranges.announcement())["outcome"], "in_step")

        self.refuses(self.ranges.announcement(md5="0" * 32), "not what was announced")
        self.refuses(self.ranges.announcement(url="https://example.com/ip-ranges.json"), "example.com")
        self.ranges.change(lambda document: document.update(syncToken=str(int(TOKEN) - 1)))
        self.refuses({"force": True}, "an older one is never applied")
        self.ranges.document = amazons_bytes()[:1_000_000]
        self.refuses({"force": True}, "cut off or of another shape")
        half = lambda document: document.update(  # noqa: E731
            prefixes=document["prefixes"][::2], syncToken=str(int(TOKEN) + 1)
        )
        self.ranges.change(half)
        self.refuses({}, "more than a tenth")
        self.ranges.document = None
        self.refuses({}, "HTTP 404")
        self.assertEqual((self.metric("AccessApplied"), self.metric("AccessInStep")), (applied + 1, in_step + 2))

    def test_an_announcement_that_amazon_sends_is_heard(self):
        cloudformation = self.cloud.client("cloudformation", REGION)
        queue = cloudformation.describe_stack_resource(StackName="suitecast-region", LogicalResourceId="AnnouncementsQueue")
        message = self.ranges.announcement()["Records"][0]["Sns"]["Message"]
        url = queue["StackResourceDetail"]["PhysicalResourceId"]
        self.cloud.client("sqs", REGION).send_message(QueueUrl=url, MessageBody=message)
        give_up = time.monotonic() + HEARD_SECONDS
        while self.policy() is None and time.monotonic() < give_up:
            time.sleep(POLL_SECONDS)
        self.assertIsNotNone(self.policy(), self.deployed.logs(REGION, "access"))
        self.assertTrue(self.listed())

    def test_a_server_that_nobody_trusts_is_not_asked(self):
        with tempfile.TemporaryDirectory(prefix="suitecast-other-") as directory, IpRanges(Path(directory)) as other:
            self.configure(SUITECAST_IP_RANGES_URL=other.url)
            with self.assertRaises(FunctionFailed) as failed:
                self.access({})
            self.assertIn("certificate", str(failed.exception))
            self.assertEqual(other.asked, 0)
        self.assertIsNone(self.policy())

    def test_a_policy_of_ones_own_stays_beside_it(self):
        theirs = {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{self.bucket}/*",
                  "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        document = {"Version": "2012-10-17", "Statement": [theirs]}
        self.cloud.client("s3", REGION).put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(document))
        self.assertEqual(self.access({})["outcome"], "applied")
        self.assertEqual(self.policy()["Statement"][0], theirs)
        self.assertEqual(len(self.policy()["Statement"]), 4)


class WhomTheOperatorNames(World):
    """Networks, VPCs and endpoints, as parameters."""

    parameters = {
        "ReaderCidrs": "203.0.113.0/24, 2001:db8::/48",
        "ReaderVpcs": "vpc-0123456789abcdef0",
        "ReaderVpcEndpoints": "vpce-0123456789abcdef0,vpce-01234567",
    }

    def test_is_admitted(self):
        self.assertEqual(self.access({})["outcome"], "applied")
        conditions = {one["Sid"]: one["Condition"] for one in self.policy()["Statement"]}
        self.assertEqual(conditions["SuitecastNetworks"], {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/48"]}})
        self.assertEqual(conditions["SuitecastVpcs"], {"StringEquals": {"aws:SourceVpc": ["vpc-0123456789abcdef0"]}})
        endpoints = {"StringEquals": {"aws:SourceVpce": ["vpce-01234567", "vpce-0123456789abcdef0"]}}
        self.assertEqual(conditions["SuitecastVpcEndpoints"], endpoints)


class EveryoneReads(World):
    """Readers=everyone."""

    parameters = {"Readers": "everyone"}

    def test_by_a_policy_without_a_condition_and_nothing_is_fetched(self):
        self.ranges.document = None
        self.assertEqual(self.access({})["outcome"], "applied")
        everyone = self.policy()["Statement"][0]
        self.assertEqual((everyone["Sid"], everyone["Effect"], everyone["Principal"]), ("SuitecastEveryone", "Allow", "*"))
        self.assertNotIn("Condition", everyone)
        self.assertEqual(self.ranges.asked, 0)


class AllOfAmazonReads(World):
    """Readers=aws, and a network that may not be admitted."""

    parameters = {"Readers": "aws"}

    def test_is_refused_by_how_much_it_is_too_large(self):
        self.refuses({}, "more than the 20480 that S3 takes")
        self.assertIsNone(self.policy())

    def test_a_function_that_cannot_start_raises_the_alarm(self):
        self.configure(SUITECAST_READER_CIDRS="0.0.0.0/0", SUITECAST_REGION_BUCKET="Archive.Example.com")
        with self.assertRaises(FunctionFailed) as failed:
            self.access({})
        # What a function says before it can start is in no log here; it comes with the failure.
        said = str(failed.exception)
        self.assertIn('"AccessRefused":1', said)
        self.assertIn("is no bucket name, which has no capital letters", said)
        self.assertIn("0.0.0.0/0 is wider than /8", said)


class TheTemplateOpensNoMoreThanItMust(unittest.TestCase):
    """What the local cloud does not enforce, read where it is written."""

    @classmethod
    def setUpClass(cls):
        cls.template = load_template()
        cls.resources = cls.template["Resources"]

    def test_block_public_access_is_opened_for_everyone_alone(self):
        settings = self.resources["RegionBucket"]["Properties"]["PublicAccessBlockConfiguration"]
        unless_everyone = {"If": ["EveryoneMayRead", False, True]}
        self.assertEqual((settings["BlockPublicPolicy"], settings["RestrictPublicBuckets"]), (unless_everyone, unless_everyone))
        self.assertEqual((settings["BlockPublicAcls"], settings["IgnorePublicAcls"]), (True, True))
        self.assertEqual(self.template["Parameters"]["Readers"]["Default"], "region")

    def test_access_may_read_and_replace_the_policy_and_nothing_else(self):
        actions = [
            action
            for policy in self.resources["AccessRole"]["Properties"]["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in statement["Action"]
        ]
        takes = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        writes = ["logs:CreateLogStream", "logs:PutLogEvents", "s3:GetBucketPolicy", "s3:PutBucketPolicy"]
        self.assertEqual(sorted(actions), writes + takes)

    def test_amazons_topic_alone_announces_and_in_every_region(self):
        topic = "arn:aws:sns:us-east-1:806199016981:AmazonIpSpaceChanged"
        queue = {"GetAtt": "AnnouncementsQueue.Arn"}
        subscription = self.resources["AnnouncementsSubscription"]
        wanted = {"TopicArn": topic, "Region": "us-east-1", "Protocol": "sqs", "Endpoint": queue, "RawMessageDelivery": True}
        self.assertEqual(subscription["Properties"], wanted)
        self.assertEqual(subscription["Condition"], "HearsOfAddresses")
        of_amazon = {"Equals": [{"Ref": "AWS::Partition"}, "aws"]}
        self.assertEqual(self.template["Conditions"]["HearsOfAddresses"], {"And": [{"Condition": "IsRegion"}, of_amazon]})
        policy = self.resources["AnnouncementsQueuePolicy"]["Properties"]
        self.assertEqual(policy["Queues"], [{"Ref": "AnnouncementsQueue"}])
        (statement,) = policy["PolicyDocument"]["Statement"]
        self.assertEqual((statement["Effect"], statement["Action"], statement["Resource"]), ("Allow", "sqs:SendMessage", queue))
        # Of a Region that must be enabled first SNS delivers under the other name.
        regional = {"Sub": "sns.${AWS::Region}.amazonaws.com"}
        self.assertEqual(statement["Principal"], {"Service": ["sns.amazonaws.com", regional]})
        self.assertEqual(statement["Condition"], {"ArnEquals": {"aws:SourceArn": topic}})

    def test_an_announcement_comes_again_after_the_run_that_could_not_use_it_and_gives_up_in_time(self):
        queue, function = (self.resources[name]["Properties"] for name in ("AnnouncementsQueue", "AccessFunction"))
        self.assertGreater(queue["VisibilityTimeout"], function["Timeout"])
        # The daily look has found what was announced by then.
        self.assertGreater(queue["MessageRetentionPeriod"], queue["VisibilityTimeout"])
        self.assertLess(queue["MessageRetentionPeriod"], 24 * 3600)

    def test_other_parameters_are_in_force_as_soon_as_the_stack_is(self):
        deployed = self.resources["AccessFunction"]["Properties"]["Events"]["Deployed"]
        self.assertEqual(deployed["Type"], "EventBridgeRule")
        self.assertEqual(json.loads(deployed["Properties"]["Input"]), {})
        pattern = deployed["Properties"]["Pattern"]
        self.assertEqual((pattern["source"], pattern["detail-type"]), (["aws.cloudformation"], ["CloudFormation Stack Status Change"]))
        self.assertEqual(pattern["detail"]["stack-id"], [{"Ref": "AWS::StackId"}])
        self.assertLessEqual({"CREATE_COMPLETE", "UPDATE_COMPLETE"}, set(pattern["detail"]["status-details"]["status"]))

    def test_the_alarm_hears_what_the_function_counts_and_stands_until_all_is_in_step(self):
        alarm = self.resources["AccessRefusedAlarm"]["Properties"]
        self.assertEqual((alarm["Namespace"], alarm["MetricName"]), ({"Ref": "MetricsNamespace"}, "AccessRefused"))
        self.assertEqual(alarm["Dimensions"], [{"Name": "Region", "Value": {"Ref": "AWS::Region"}}])
        self.assertEqual((alarm["Statistic"], alarm["Threshold"]), ("Sum", 0))
        self.assertEqual((alarm["ComparisonOperator"], alarm["TreatMissingData"]), ("GreaterThanThreshold", "ignore"))
        variables = self.resources["AccessFunction"]["Properties"]["Environment"]["Variables"]
        self.assertEqual(variables["SUITECAST_METRICS_NAMESPACE"], {"Ref": "MetricsNamespace"})


if __name__ == "__main__":
    unittest.main()
