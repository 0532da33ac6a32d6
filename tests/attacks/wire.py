"""Faults on the wire: the real functions, over HTTP, against the strict S3 and the local cloud's queues, while a fifth of all requests to both fails
and functions are killed.

    PYTHONPATH=tests .tools/cloud/bin/python -m attacks.wire [--long] [--seed N]

Uploads go to the strict S3 by real tools, which meet the same faults; what S3 notifies of is handed to the topic with some of it lost, doubled and
out of order. Readers, whom no fault meets, walk every Region as apt does all the while. Then everything is left to itself, faults and all; where
that is not enough (events were lost) the sweep is called as the schedule would call it, six times at the most and long before the schedule's quarter
of an hour. After that each Region must be whole and the newest, its state settled, its dead letters empty.

What is not as it is deployed, since nobody waits a quarter of an hour for each kill: slices are shorter, and so the queues' visibility, which keeps
the template's order (a message comes back after the lease of the run that died with it). `cloud.test_resumption` holds the template's own figures.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from attacks.faulty_queues import FaultyQueues
from attacks.killer import Killer
from attacks.tally import Tally
from cloud import LocalCloud, deploy
from cloud.deployment import MASTER_BUCKET, MASTER_REGION, REGIONS, FunctionFailed
from cloud.paths import CLOUD_TOOLS
from cloud.strict_s3 import TOOL_ATTEMPTS, StrictS3
from cloud.template import lease_beyond_slice
from demo import uploads
from demo.reader import Reader

POLL_SECONDS = 0.3
UPLOADS_AT_ONCE = 8
# An uploader whose tool gives up runs it again.
UPLOAD_TRIES = 10
TOOL_SECONDS = 120
# Sweeps that the schedule would have made, in an hour and a half; each is tried again as often as the template's RetryPolicy says. A fifth of all
# requests still fails meanwhile, so what a sweep sets going may fail again.
SWEEPS = 6
# What a function of a Region that did not come to rest logged last.
LINES_TOLD = 60
SWEEP_TRIES = 3
SLICE_SECONDS = 5
SNS_BATCH = 10


@dataclass(frozen=True)
class Storm:
    """How hard it blows. `victims` are the functions that are killed, `kills` times at the most, with `pauses` between; `gaps` are the pauses between
    generations, and the longer one is how long it still blows after the last. With `tool` the first generation is uploaded by the AWS client. What is
    not settled after `sweep_seconds` is swept, after as many more once again, and from then on it has `settle_seconds` before it is swept the next time,
    which must be more than a lease: a run that cannot even let go of its suite leaves one behind.
    """

    seed: int
    regions: tuple
    generations: int
    gaps: tuple
    victims: tuple
    kills: int
    pauses: tuple
    tool: bool
    faults: dict
    lost_percent: int
    uploads_visibility: int
    sweep_seconds: int
    settle_seconds: int


def short(seed):
    """Within a minute. publish is not killed: what it held is free again only after its lease, which is over two minutes. A killed replicate holds
    nothing, so its messages may come back soon.
    """
    return Storm(
        seed,
        regions=REGIONS[:2],
        generations=2,
        gaps=(0, 3),
        victims=("replicate",),
        kills=6,
        pauses=(0.3, 1),
        tool=False,
        faults={"percent": 20, "hang_percent": 0, "stubborn_percent": 1},
        lost_percent=10,
        uploads_visibility=20,
        sweep_seconds=20,
        settle_seconds=150,
    )


def long(seed):
    """Some ten minutes: three Regions, more generations, both functions killed, hangs."""
    return Storm(
        seed,
        regions=REGIONS,
        generations=10,
        gaps=(0, 40),
        victims=("replicate", "publish"),
        kills=60,
        pauses=(0.5, 6),
        tool=True,
        faults={"percent": 20, "hang_percent": 2, "stubborn_percent": 1},
        lost_percent=25,
        uploads_visibility=130,
        sweep_seconds=200,
        settle_seconds=300,
    )


class Attack:
    """One storm and what it came to; `told` is called with each line of progress."""

    def __init__(self, storm, told):
        self.storm = storm
        self.tally = Tally("faults on the wire")
        self.kills = {}
        self.interrupted = 0
        self.counts = {}
        self.queue_requests = {}
        self.queue_faults = {}
        self.messages = 0
        self.sweeps = 0
        self._told = told
        self._random = random.Random(storm.seed)
        self._pump_failure = None

    def run(self):
        """Lets it blow, lets it settle, looks; answers the tally."""
        storm = self.storm
        buckets = [f"{MASTER_BUCKET}={MASTER_REGION},versioned"]
        buckets += [f"{region}.archive.example.com={region},public,listed" for region in storm.regions]
        with StrictS3(*buckets) as s3, FaultyQueues() as queues, LocalCloud(functions=s3.environment() | queues.environment()) as cloud:
            queues.stand_before(cloud.endpoint)
            self.s3, self.cloud = s3, cloud
            self.deployed = deploy(cloud, regions=storm.regions)
            self._shorten()
            s3.fail(seed=storm.seed, **storm.faults)
            queues.fail(seed=storm.seed, percent=storm.faults["percent"], hang_percent=storm.faults["hang_percent"])
            readers = {region: self._reader(region) for region in storm.regions}
            killer = Killer(cloud.process_group, storm.victims, storm.pauses, storm.kills, storm.seed)
            stopping = threading.Event()
            pump = threading.Thread(target=self._pump, args=(stopping,), daemon=True)
            for thread in (*readers.values(), pump, killer):
                thread.start()
            try:
                newest = self._upload_generations()
                # What the last uploads set going is in the storm too.
                time.sleep(storm.gaps[1])
                killer.stop()
                self._settle(newest)
            finally:
                stopping.set()
                killer.stop()
                pump.join(TOOL_SECONDS)
            self.kills = dict(killer.kills)
            self.counts = s3.counts()
            self.queue_requests, self.queue_faults = dict(queues.plan.requests), dict(queues.plan.faults)
            s3.fail()
            queues.fail()
            self._look(newest, readers)
            for failure in (killer.failure, self._pump_failure):
                if failure is not None:
                    self._violation(f"the test itself failed: {failure!r}")
            # As the event source tells it: the function died before it answered, and no message was taken off the queue.
            self.interrupted = cloud.log.read_text(errors="replace").count("errorMessage=Runtime exited before returning a response")
        self.tally.cases = self.counts["faults"] + sum(self.queue_faults.values()) + sum(self.kills.values())
        return self.tally

    def _violation(self, text):
        self._told(f"VIOLATION (seed {self.storm.seed}): {text}")
        self.tally.violations.append(text)

    def _shorten(self):
        """Slices and visibility, in the template's order."""
        suites_visibility = SLICE_SECONDS + lease_beyond_slice() + 10
        for region, stack in self.deployed.regions.items():
            sqs, functions = self.cloud.client("sqs", region), self.cloud.client("lambda", region)
            for queue, seconds in (("UploadsQueue", self.storm.uploads_visibility), ("SuitesQueue", suites_visibility)):
                sqs.set_queue_attributes(QueueUrl=stack.outputs[queue], Attributes={"VisibilityTimeout": str(seconds)})
            publish = stack.outputs["PublishFunction"]
            variables = functions.get_function_configuration(FunctionName=publish)["Environment"]["Variables"]
            variables["SUITECAST_SLICE_SECONDS"] = str(SLICE_SECONDS)
            functions.update_function_configuration(FunctionName=publish, Environment={"Variables": variables})
        self._told(f"slices of {SLICE_SECONDS} s; visibility {self.storm.uploads_visibility} s for uploads, {suites_visibility} s for suites")

    def _reader(self, region):
        bucket = self.deployed.regions[region].bucket
        return Reader(f"{self.s3.endpoint}/{bucket}/", "dists/stable", lambda misfit: self._told(f"{region}: reader: {misfit}"))

    # ------------------------------------------------------------------------------------------------- what goes in

    def _upload_generations(self):
        made = None
        for number in range(1, self.storm.generations + 1):
            made = uploads.make(number, self.cloud.directory)
            if number == 1 and self.storm.tool:
                self._sync(made)
            else:
                self._put(made)
            self._told(f"generation {number} is uploaded")
            time.sleep(self._random.uniform(*self.storm.gaps))
        return made

    def _sync(self, made):
        command = [CLOUD_TOOLS / "aws", "s3", "sync", "--only-show-errors", "--cli-read-timeout", "5", made.directory, f"s3://{MASTER_BUCKET}"]
        tries = {"AWS_MAX_ATTEMPTS": str(TOOL_ATTEMPTS), "AWS_RETRY_MODE": "standard"}
        environment = self.cloud.environment(MASTER_REGION) | self.s3.environment() | tries
        for _ in range(UPLOAD_TRIES):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS)
            if done.returncode == 0:
                return
        raise RuntimeError(f"aws s3 sync: {done.stdout}{done.stderr}")

    def _put(self, made):
        client = self.s3.client(MASTER_REGION)

        def put(key):
            for left in reversed(range(UPLOAD_TRIES)):
                try:
                    client.put_object(Bucket=MASTER_BUCKET, Key=key, Body=made.read(key))
                    return
                except (BotoCoreError, ClientError):
                    if not left:
                        raise

        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            list(pool.map(put, made.changed))

    def _pump(self, stopping):
        """Hands S3's notifications to the topic: some are lost, a tenth comes twice, in any order; and of each batch one comes again to one Region."""
        chance = random.Random(self.storm.seed + 1)
        sns = self.cloud.client("sns", MASTER_REGION)
        regions = list(self.deployed.regions.values())
        try:
            while not stopping.wait(POLL_SECONDS):
                mishaps = {"lost_percent": self.storm.lost_percent, "doubled_percent": 10, "reordered": True}
                events = self.s3.take_events(seed=chance.getrandbits(32), **mishaps)
                messages = [json.dumps(event) for event in events if "ObjectCreated" in json.dumps(event)]
                for start in range(0, len(messages), SNS_BATCH):
                    batch = messages[start : start + SNS_BATCH]
                    entries = [{"Id": str(number), "Message": message} for number, message in enumerate(batch)]
                    answer = sns.publish_batch(TopicArn=self.deployed.topic, PublishBatchRequestEntries=entries)
                    if answer.get("Failed"):
                        raise RuntimeError(f"the topic refused {answer['Failed']}")
                    self.messages += len(batch)
                    stack, again = chance.choice(regions), chance.choice(batch)
                    sqs = self.cloud.client("sqs", stack.region)
                    sqs.send_message(QueueUrl=stack.outputs["UploadsQueue"], MessageBody=again)
        except Exception as failure:  # noqa: BLE001 - told at the end, as a violation
            self._pump_failure = failure

    # --------------------------------------------------------------------------------------------- what comes of it

    def _settle(self, newest):
        if self._is_settled(newest, self.storm.sweep_seconds, "left to itself"):
            return
        for made in range(SWEEPS):
            self._sweep()
            if self._is_settled(newest, self.storm.settle_seconds if made else self.storm.sweep_seconds, "after a sweep"):
                return
        for region, why in self._behind(newest).items():
            self._violation(f"{region} {why}, {SWEEPS} sweeps after the upload ended")
            for function in ("publish", "replicate"):
                for line in self.deployed.logs(region, function)[-LINES_TOLD:]:
                    self._told(f"{region}: {function}: {line}")

    def _is_settled(self, newest, seconds, when):
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            behind = self._behind(newest)
            if not behind:
                self._told(f"{when}: settled after {time.monotonic() - began:.0f} s")
                return True
            time.sleep(POLL_SECONDS)
        self._told(f"{when}: after {seconds} s " + "; ".join(f"{region} {why}" for region, why in behind.items()))
        return False

    def _sweep(self):
        self.sweeps += 1

        def sweep(region):
            for left in reversed(range(SWEEP_TRIES)):
                try:
                    return self.deployed.invoke(region, "publish", {"sweep": True})
                except FunctionFailed as failure:
                    self._told(f"{region}: {failure}")
                    if not left:
                        return None

        with ThreadPoolExecutor() as pool:
            list(pool.map(sweep, self.deployed.regions))

    def _behind(self, newest):
        """Regions that are not up to date and settled, and why."""
        with ThreadPoolExecutor() as pool:
            found = zip(self.deployed.regions, pool.map(lambda region: self._lag(region, newest), self.deployed.regions))
            return {region: why for region, why in found if why}

    def _lag(self, region, newest):
        bucket = self.deployed.regions[region].bucket
        if self.s3.read(bucket, newest.in_release) != newest.read(newest.in_release):
            return "does not serve the newest release"
        try:
            client = self.s3.client(region)
            listed = client.list_objects_v2(Bucket=bucket, Prefix=".suitecast/state/").get("Contents", [])
            states = [json.loads(client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()) for entry in listed]
        except (BotoCoreError, ClientError) as error:
            return f"does not tell its state: {error}"
        unsettled = [name for state in states for name in ("intent", "waiting", "unsettled", "filling") if state.get(name)]
        if any((state.get("woken") or {}).get("again") for state in states):
            unsettled.append("woken")
        if len(states) != 1 or unsettled:
            return f"has {len(states)} states, with {unsettled or 'nothing'} under way"
        return None

    def _look(self, newest, readers):
        """Without faults, by readers that share no code with the product."""
        for region, reader in readers.items():
            if not reader.wait_for_a_whole_look(TOOL_SECONDS):
                self._violation(f"{region}: the reader did not come to an end: {reader.failure}")
            reader.stop()
            for misfit in reader.findings.misfits:
                self._violation(f"{region}: {misfit}")
            if not reader.findings.looks:
                self._violation(f"{region}: nothing was ever served")
            bucket = self.deployed.regions[region].bucket
            wrong = [key for key in newest.files if self.s3.read(bucket, key) != newest.read(key)]
            if wrong:
                self._violation(f"{region} serves otherwise than uploaded: {wrong[:10]}")
            for queue in ("UploadsDeadLetters", "SuitesDeadLetters"):
                self._dead_letters(region, queue)
            # Wake-ups and doubles that found another at work and come later; nothing depends on them any more.
            depths = self.deployed.queue_depths(region)
            self._told(f"{region}: messages still to come: {depths['UploadsQueue']} uploads, {depths['SuitesQueue']} suites")
        self._told("looks: " + ", ".join(f"{region} {reader.findings.looks}" for region, reader in readers.items()))

    def _dead_letters(self, region, queue):
        url = self.deployed.regions[region].outputs[queue]
        sqs = self.cloud.client("sqs", region)
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in found:
                self._violation(f"{region}: a message was given up, in {queue}: {message['Body']}")
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def named(counts):
    """Counts by their names, as text."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def summary(attack):
    """What the server and the cloud counted, as lines."""
    counts = attack.counts
    yield f"requests: {counts['signed_requests']} signed, {counts['faults']} met a fault ({counts['stubborn']} stubborn)"
    yield "faults: " + ", ".join(f"{kind} {count}" for kind, count in counts["by_kind"].items())
    yield "by operation: " + ", ".join(f"{name} {of['faults']}/{of['requests']}" for name, of in counts["by_operation"].items())
    yield f"of queues: {named(attack.queue_requests)}; faults: {named(attack.queue_faults)}"
    yield f"killed: {attack.kills or 'nothing'}; in the middle of a queue's call: {attack.interrupted}"
    yield f"messages of S3: {attack.messages}; sweeps: {attack.sweeps}"


def main():
    parser = argparse.ArgumentParser(prog="attacks.wire", description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="some minutes, with publish killed and requests that hang")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # Ended by a signal, what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    attack = Attack(
        (long if arguments.long else short)(arguments.seed),
        lambda line: print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True),
    )
    tally = attack.run()
    print(f"seed: {arguments.seed}; {time.monotonic() - began:.0f} s")
    for line in summary(attack):
        print(line)
    print(tally)
    return bool(tally.violations)


if __name__ == "__main__":
    sys.exit(main())
