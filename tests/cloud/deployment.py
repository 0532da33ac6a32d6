"""What `sam package` makes of the template, deployed as the master and its Regions."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from cloud.paths import ROOT, SAM, TEMPLATE
from cloud.server import LocalCloud

MASTER_BUCKET = "archive-master"
MASTER_REGION = "us-east-1"
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
STACK_SECONDS = 60
# Uploads, suites, and announcements of address ranges.
EVENT_SOURCES = 3
READY_SECONDS = 60
POLL_SECONDS = 0.1


@dataclass
class RegionStack:
    """One Region's stack: its Region, its bucket, and the stack's outputs by name."""

    region: str
    bucket: str
    outputs: dict = field(default_factory=dict)


@dataclass
class Deployment:
    """The master and its Regions, deployed."""

    cloud: LocalCloud
    master_bucket: str
    master_region: str
    topic: str
    regions: dict  # region name -> RegionStack

    def invoke(self, region, function, payload):
        """Invokes `replicate`, `publish` or `access` of a Region, waits, and answers its JSON; a function error is raised."""
        name = self.regions[region].outputs[f"{function.capitalize()}Function"]
        answer = self.cloud.client("lambda", region).invoke(FunctionName=name, Payload=json.dumps(payload).encode())
        body = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            raise FunctionFailed(f"{function} in {region}: {body}")
        return body

    def logs(self, region, function):
        """All lines that a function of a Region has logged, oldest first, as text."""
        group = self.regions[region].outputs[f"{function.capitalize()}Logs"]
        pages = self.cloud.client("logs", region).get_paginator("filter_log_events").paginate(logGroupName=group)
        events = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
        return [line for event in events for line in event["message"].splitlines()]

    def queue_depths(self, region):
        """Messages in each queue of a Region, waiting or in flight: name -> count."""
        outputs = self.regions[region].outputs
        depths = {}
        for name in ("UploadsQueue", "SuitesQueue", "UploadsDeadLetters", "SuitesDeadLetters"):
            attributes = self.cloud.client("sqs", region).get_queue_attributes(
                QueueUrl=outputs[name],
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
            depths[name] = sum(int(count) for count in attributes.values())
        return depths

    def read(self, region, key):
        """The bytes that a Region serves under a key, or None."""
        client = self.cloud.client("s3", region)
        try:
            return client.get_object(Bucket=self.regions[region].bucket, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            return None


class FunctionFailed(Exception):
    """A function ended with an error instead of an answer."""


def deploy(cloud, regions=REGIONS, master_region=MASTER_REGION, parameters=None):
    """Packages the template and deploys it as master and as each Region; answers when every function is ready.

    `parameters` are further parameters of the Region stacks. The zips of `make build-functions` must exist.
    """
    topic_name = "suitecast-uploads"
    packaged = _package_everywhere(cloud, set(regions) | {master_region})
    topic = _create_stack(
        cloud, master_region, "suitecast-master", packaged[master_region], {"Role": "master", "MasterBucketName": MASTER_BUCKET}
    )["UploadsTopic"]
    common = {
        "Role": "region",
        "MasterBucketName": MASTER_BUCKET,
        "MasterRegion": master_region,
        "UploadsTopicName": topic_name,
        "Architecture": "x86_64",
    }

    def deploy_region(region):
        stack = RegionStack(region, f"{region}.archive.example.com")
        given = common | {"RegionBucketName": stack.bucket} | (parameters or {})
        stack.outputs = _create_stack(cloud, region, "suitecast-region", packaged[region], given)
        _wait_for_functions(cloud, stack)
        _mend_event_sources(cloud, stack)
        return stack

    with ThreadPoolExecutor() as pool:
        stacks = list(pool.map(deploy_region, regions))
    _subscribe(cloud, master_region, topic, stacks)
    return Deployment(cloud, MASTER_BUCKET, master_region, topic, {stack.region: stack for stack in stacks})


def _package_everywhere(cloud, regions):
    with ThreadPoolExecutor() as pool:
        return dict(zip(regions, pool.map(lambda region: _package(cloud, region), regions)))


def _package(cloud, region):
    """A function's code must lie in a bucket of its own Region."""
    bucket = f"code-{region}"
    cloud.client("s3", region).create_bucket(
        Bucket=bucket,
        **({} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}),
    )
    packaged = cloud.directory / f"packaged-{region}.yaml"
    command = [SAM, "package", "--template-file", TEMPLATE, "--output-template-file", packaged]
    command += ["--s3-bucket", bucket, "--region", region, "--no-progressbar"]
    environment = cloud.environment(region) | {"SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"sam package failed for {region} (run `make build-functions` first?):\n{done.stdout}{done.stderr}")
    return packaged.read_text()


def _create_stack(cloud, region, name, template, parameters):
    client = cloud.client("cloudformation", region)
    client.create_stack(
        StackName=name,
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    give_up = time.monotonic() + STACK_SECONDS
    while True:
        stack = client.describe_stacks(StackName=name)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        if not stack["StackStatus"].endswith("_IN_PROGRESS") or time.monotonic() > give_up:
            events = client.describe_stack_events(StackName=name)["StackEvents"]
            reasons = [f"{e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in events if e.get("ResourceStatusReason")]
            raise RuntimeError(f"stack {name} in {region} is {stack['StackStatus']}:\n" + "\n".join(reasons))
        time.sleep(POLL_SECONDS)


def _wait_for_functions(cloud, stack):
    client = cloud.client("lambda", stack.region)
    give_up = time.monotonic() + READY_SECONDS
    for function in ("ReplicateFunction", "PublishFunction", "AccessFunction"):
        name = stack.outputs[function]
        while client.get_function_configuration(FunctionName=name).get("State", "Active") != "Active":
            if time.monotonic() > give_up:
                raise RuntimeError(f"{name} in {stack.region} was not ready within {READY_SECONDS} s")
            time.sleep(POLL_SECONDS)


def _mend_event_sources(cloud, stack):
    """The local cloud keeps a number that came from a parameter as text, and its pollers fail on it: say it as a number."""
    client = cloud.client("lambda", stack.region)
    mappings = client.list_event_source_mappings()["EventSourceMappings"]
    if len(mappings) != EVENT_SOURCES:
        raise RuntimeError(f"expected {EVENT_SOURCES} event source mappings in {stack.region}, found {len(mappings)}")
    for mapping in mappings:
        concurrency = int(mapping["ScalingConfig"]["MaximumConcurrency"])
        client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": concurrency})


def _subscribe(cloud, master_region, topic, stacks):
    """The local cloud makes no subscription for a stack outside the topic's Region, though it says that it does.

    It does make one in the topic's own, so what is missing is added and the count asserted.
    """
    client = cloud.client("sns", master_region)

    def subscribed():
        pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        return [subscription["Endpoint"] for page in pages for subscription in page["Subscriptions"]]

    for stack in stacks:
        queue = stack.outputs["UploadsQueueArn"]
        if queue not in subscribed():
            client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    wanted = sorted(stack.outputs["UploadsQueueArn"] for stack in stacks)
    if sorted(subscribed()) != wanted:
        raise RuntimeError(f"the topic's subscriptions are {subscribed()}, not {wanted}")
