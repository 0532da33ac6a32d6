"""The demo's story, step by step."""

import hashlib
import json
import time
from dataclasses import dataclass, field

from cloud import LocalCloud, deploy
from cloud.apt import Apt, AptFailed
from cloud.apt import is_installed as apt_is_installed
from demo import uploads
from demo.reader import Reader
from demo.telling import Telling
from demo.watcher import Watcher

# From an upload to all Regions serving it; it takes some seconds on an idle machine with two cores.
SWAP_SECONDS = 120
LOOK_SECONDS = 60
POLL_SECONDS = 0.2
COMPONENTS = ("main", "contrib")


class NotSo(Exception):
    """Something that the demo promises did not happen."""


@dataclass
class Stage:
    """What the story plays on, and what it has come to."""

    telling: Telling
    cloud: LocalCloud
    deployed: object
    readers: dict
    waited: set = field(default_factory=set)
    swapped: int = 0
    apt: int = 0


def tell(early_swap, keep):
    """Plays the whole story; answers the exit status."""
    telling = Telling()
    wrong = []
    stage = None
    with LocalCloud(keep) as cloud:
        try:
            telling.title("A cloud on this machine's loopback, and this template in it: the master and three Regions")
            telling.line("cloud", f"listens on {cloud.endpoint}")
            deployed = deploy(cloud)
            telling.line("cloud", f"master: s3://{deployed.master_bucket} in {deployed.master_region}")
            for region in deployed.regions.values():
                telling.line(region.region, f"s3://{region.bucket}")
            stage = Stage(telling, cloud, deployed, _readers(telling, cloud, deployed))
            watcher = Watcher(deployed, telling.line)
            for thread in (watcher, *stage.readers.values()):
                thread.start()
            try:
                _play(stage, early_swap)
            finally:
                for thread in (watcher, *stage.readers.values()):
                    thread.stop()
        except NotSo as failure:
            wrong.append(str(failure))
        if keep:
            _how_to_look_around(telling, cloud, stage)
    return _conclude(telling, stage, wrong)


def _play(stage, early_swap):
    telling = stage.telling
    telling.title("A small signed archive is uploaded, in the order of its keys: InRelease comes before what it names")
    first = uploads.make(1, stage.cloud.directory)
    _upload(stage, first, sorted(first.files))
    _wait_until_served(stage, first)

    second = uploads.make(2, stage.cloud.directory)
    held_back = next(key for key in second.changed if key.endswith("_amd64.deb"))
    telling.title("A second generation: InRelease first, and one .deb held back")
    _upload(stage, second, [second.in_release])
    _upload(stage, second, [key for key in second.changed if key not in (second.in_release, held_back)])
    telling.line("uploader", f"holds back {held_back}")
    if early_swap:
        _swap_without_waiting(stage, second)
        return
    _wait_until_waiting(stage, first, second, held_back)

    telling.title("The .deb is uploaded")
    _upload(stage, second, [held_back])
    _wait_until_served(stage, second)
    stage.swapped = len(stage.waited)
    _let_the_readers_look(stage)

    _replay(stage, second)
    _let_apt_look(stage, second)


def _readers(telling, cloud, deployed):
    def told_by(region):
        return lambda misfit: telling.line(region, f"reader: {misfit}", "bad")

    return {
        stack.region: Reader(f"{cloud.endpoint}/{stack.bucket}/", "dists/stable", told_by(stack.region))
        for stack in deployed.regions.values()
    }


def _upload(stage, generation, keys):
    uploads.upload(stage.cloud, stage.deployed.master_bucket, generation, keys)
    what = keys[0] if len(keys) == 1 else f"{len(keys)} files"
    stage.telling.line("uploader", f"has uploaded {what}")


def _wait_until_served(stage, generation):
    """Every Region serves this generation's InRelease, byte for byte."""
    wanted = generation.read(generation.in_release)
    behind = set(stage.deployed.regions)
    give_up = time.monotonic() + SWAP_SECONDS
    while behind:
        for region in sorted(behind):
            if stage.deployed.read(region, generation.in_release) == wanted:
                behind.discard(region)
                stage.telling.line(region, "serves it to clients", "good")
        if time.monotonic() > give_up:
            raise NotSo(f"{', '.join(sorted(behind))}: not served within {SWAP_SECONDS} s")
        time.sleep(POLL_SECONDS)


def _wait_until_waiting(stage, first, second, held_back):
    """Every Region says that it waits for just the one file, and serves the first generation meanwhile."""
    give_up = time.monotonic() + SWAP_SECONDS
    answers = {}
    while len(stage.waited) < len(stage.deployed.regions):
        for region in stage.deployed.regions:
            if region in stage.waited:
                continue
            answer = stage.deployed.invoke(region, "publish", {"suite": second.suite, "dry_run": True})
            answers[region] = answer
            if answer["outcome"] == "waiting" and answer["missing_count"] == 1:
                missing = answer["missing"][0]
                if missing["key"] != held_back:
                    raise NotSo(f"{region} waits for {missing['key']}, not for {held_back}")
                stage.waited.add(region)
                stage.telling.line(region, f"waits for {missing['key']}", "good")
        if time.monotonic() > give_up:
            raise NotSo(f"not every Region waits after {SWAP_SECONDS} s: {json.dumps(answers)}")
        time.sleep(POLL_SECONDS)
    _let_the_readers_look(stage)
    for region in stage.deployed.regions:
        if stage.deployed.read(region, first.in_release) != first.read(first.in_release):
            raise NotSo(f"{region} does not serve the first generation while it waits for the second")
        stage.telling.line(region, "serves the first generation meanwhile, whole")


def _swap_without_waiting(stage, generation):
    """What naive mirrors do: dists/ goes out as it comes in."""
    stage.telling.title("BREAK=early-swap: somebody copies dists/ to every Region without waiting")
    for stack in stage.deployed.regions.values():
        client = stage.cloud.client("s3", stack.region)
        for key in sorted(generation.changed, key=lambda key: key == generation.in_release):
            if key.startswith("dists/"):
                client.put_object(Bucket=stack.bucket, Key=key, Body=generation.read(key))
        stage.telling.line(stack.region, "was swapped early", "bad")
    _let_the_readers_look(stage)


def _let_the_readers_look(stage):
    for region, reader in stage.readers.items():
        if not reader.wait_for_a_whole_look(LOOK_SECONDS):
            raise NotSo(f"the reader of {region} has not looked: {reader.failure or f'not within {LOOK_SECONDS} s'}")


def _replay(stage, generation):
    region = next(iter(stage.deployed.regions))
    stage.telling.title("A replay is the same call as any other: running it twice changes nothing")
    answer = stage.deployed.invoke(region, "publish", {"suite": generation.suite})
    stage.telling.line(region, f'aws lambda invoke … {{"suite": "{generation.suite}"}}')
    stage.telling.plain(json.dumps(answer, indent=2))
    if answer["outcome"] != "up_to_date":
        raise NotSo(f"a replay in {region} answered {answer['outcome']}, not up_to_date")


def _let_apt_look(stage, generation):
    stage.telling.title("apt's own view of each Region, in a private directory")
    if not apt_is_installed():
        stage.telling.line("apt", "is not installed here: this step is left out")
        return
    digests = {hashlib.sha256(generation.read(key)).digest() for key in generation.files if key.endswith(".deb")}
    for stack in stage.deployed.regions.values():
        url = f"{stage.cloud.endpoint}/{stack.bucket}/"
        apt = Apt(stage.cloud.directory / "apt" / stack.region, url, "stable", COMPONENTS, generation.key)
        try:
            apt.update()
            packages = apt.packages()
            downloaded = apt.download(*packages)
        except AptFailed as failure:
            raise NotSo(f"{stack.region}: {failure}") from failure
        strange = [path.name for path in downloaded if hashlib.sha256(path.read_bytes()).digest() not in digests]
        if strange or not packages or len(downloaded) != len(packages):
            raise NotSo(f"{stack.region}: apt brought {len(downloaded)} of {len(packages)} packages; not ours: {strange}")
        stage.apt += 1
        done = f"apt-get update, and download of {len(downloaded)} packages, byte for byte as they were made"
        stage.telling.line(stack.region, done, "good")


def _how_to_look_around(telling, cloud, stage):
    telling.title("KEEP=1: the cloud stays up")
    telling.plain(f"  its log        {cloud.log}")
    telling.plain(f"  as a client    curl {cloud.endpoint}/eu-west-1.archive.example.com/dists/stable/InRelease")
    settings = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_ENDPOINT_URL=" + cloud.endpoint
    if stage:
        telling.plain(f"  the master     {settings} .tools/cloud/bin/aws s3 ls --recursive s3://{stage.deployed.master_bucket}")
    telling.plain(f"  a replay       {settings} make replay REGION=eu-west-1 SUITE=dists/stable")
    telling.plain(f"  to stop it     kill -- -{cloud.process_group}; rm -r {cloud.directory}")


def _conclude(telling, stage, wrong):
    regions = len(stage.deployed.regions) if stage else 0
    swapped, apt = (stage.swapped, stage.apt) if stage else (0, 0)
    findings = {region: reader.findings for region, reader in stage.readers.items()} if stage else {}
    looks = sum(found.looks for found in findings.values())
    inconsistent = sum(found.inconsistent for found in findings.values())
    if stage:
        wrong += [f"the reader of {region} failed: {reader.failure}" for region, reader in stage.readers.items() if reader.failure]
        wrong += [f"the reader of {region} never looked" for region, found in findings.items() if not found.looks]
    if swapped != regions or not regions:
        wrong.append(f"{swapped} of {regions} Regions waited and swapped")
    if apt != regions and apt_is_installed():
        wrong.append(f"apt was content with {apt} of {regions} Regions")
    if inconsistent:
        wrong.append(f"{inconsistent} of {looks} looks met something that does not fit")
    telling.plain("")
    for reason in wrong:
        telling.line("not so", reason, "bad")
    summary = f"demo: regions={regions} swapped={swapped} apt={apt} looks={looks} inconsistent={inconsistent}"
    telling.plain(f"{summary} seconds={telling.seconds():.0f}")
    return 1 if wrong else 0
