"""`suitecast push` beside `s5cmd sync`, `rclone sync` and `aws s3 sync`: the same trees, the same store, the same concurrency, one run.

    python -m bench.push [--files N] [--bytes N] [--unchanged N] [--runs N] [--concurrency N]

Each figure is the median of the runs, which take turns. A push that finds nothing to do goes by the record of the one before;
`push --list` is the same with a listing. What is timed talks to the store itself; requests are counted by a
proxy, in a run of their own. Ends non-zero where a ratio is below what is promised: 1 for sending, 5 for a tree that did not
change.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
from botocore.config import Config

from bench.store import Counting, Store
from bench.tree import make_tree
from cloud.paths import CLOUD_TOOLS, ROOT

PUSH = "suitecast push"
LISTING = "push --list"
SENDING_RATIO = 1.0
UNCHANGED_RATIO = 5.0
COMMAND_SECONDS = 1200
UNCHANGED_BYTES = 1000


def uploaders(program, concurrency):
    """Name -> what makes the command of a tree and a bucket."""
    workers = str(concurrency)
    return {
        PUSH: lambda tree, bucket: [program, "push", tree, f"s3://{bucket}", "--concurrency", workers],
        "s5cmd sync": lambda tree, bucket: [
            *(CLOUD_TOOLS / "s5cmd", "--log", "error", "--numworkers", workers, "sync", f"{tree}/", f"s3://{bucket}/")
        ],
        "rclone sync": lambda tree, bucket: [
            *(CLOUD_TOOLS / "rclone", "--config", os.devnull, "sync", "--s3-no-check-bucket", "--transfers", workers),
            *("--checkers", workers, tree, f"store:{bucket}"),
        ],
        "aws s3 sync": lambda tree, bucket: [CLOUD_TOOLS / "aws", "s3", "sync", "--only-show-errors", tree, f"s3://{bucket}"],
    }


def aws_config(directory, concurrency):
    """The file by which `aws` is told what the others are told on their command lines."""
    path = Path(directory) / "aws-config"
    path.write_text(f"[default]\ns3 =\n    max_concurrent_requests = {concurrency}\n    addressing_style = path\n")
    return path


def environment(endpoint, config):
    """What each of them needs to find the store."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_", "S3_"))}
    rclone = {"TYPE": "s3", "PROVIDER": "SeaweedFS", "ENV_AUTH": "true", "ENDPOINT": endpoint, "FORCE_PATH_STYLE": "true"}
    return kept | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "S3_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    } | {f"RCLONE_CONFIG_STORE_{name}": value for name, value in rclone.items()}


class Bench:
    """A store, and the uploaders that are compared on it."""

    def __init__(self, store, arguments, config):
        self.store = store
        self.arguments = arguments
        self.config = config
        self.uploaders = uploaders(arguments.program, arguments.concurrency)
        self.client = boto3.client(
            "s3",
            region_name="us-east-1",
            endpoint_url=store.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}),
        )

    def bucket(self, name):
        self.client.create_bucket(Bucket=name)
        return name

    def count(self, bucket):
        """Objects in a bucket, Suitecast's own left out, as another reader sees them."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = (found["Key"] for page in pages for found in page.get("Contents", []))
        return sum(not key.startswith(".suitecast/") for key in keys)

    def run(self, name, tree, bucket, endpoint=None):
        """Seconds that one call takes."""
        command = [str(word) for word in self.uploaders[name](tree, bucket)]
        began = time.monotonic()
        variables = environment(endpoint or self.store.endpoint, self.config)
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
        seconds = time.monotonic() - began
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return seconds

    def sending(self, tree, files):
        """Median seconds of sending a whole tree into an empty bucket."""
        seconds = {name: [] for name in self.uploaders}
        for turn in range(self.arguments.runs):
            for number, name in enumerate(_turned(self.uploaders, turn)):
                bucket = self.bucket(f"sending-{turn}-{number}")
                seconds[name].append(self.run(name, tree, bucket))
                _expect(self.count(bucket), files, name)
        return {name: statistics.median(found) for name, found in seconds.items()}

    def unchanged(self, tree, files):
        """Median seconds and the requests of a second call, each in the bucket that it filled itself; of push once more as it is when it lists."""
        buckets = {name: self.bucket(f"unchanged-{number}") for number, name in enumerate(self.uploaders)}
        for name, bucket in buckets.items():
            self.run(name, tree, bucket)
            _expect(self.count(bucket), files, name)
        self.uploaders[LISTING] = lambda tree, bucket: [*self.uploaders[PUSH](tree, bucket), "--list"]
        buckets[LISTING] = buckets[PUSH]
        seconds = {name: [] for name in buckets}
        for turn in range(self.arguments.runs):
            for name in _turned(buckets, turn):
                seconds[name].append(self.run(name, tree, buckets[name]))
        requests = {}
        for name, bucket in buckets.items():
            with Counting(self.store) as proxy:
                self.run(name, tree, bucket, proxy.endpoint)
                requests[name] = proxy.requests
        return {name: statistics.median(found) for name, found in seconds.items()}, requests


def _turned(names, turn):
    names = list(names)
    turn %= len(names)
    return names[turn:] + names[:turn]


def _expect(found, wanted, name):
    if found != wanted:
        raise RuntimeError(f"{name} left {found} objects, and the tree has {wanted} files")


def ratio_of(seconds):
    """How many times as fast as the fastest peer push is."""
    return min(found for name, found in seconds.items() if name not in (PUSH, LISTING)) / seconds[PUSH]


def tell(title, seconds, requests=None):
    print(f"\n{title}")
    for name, median in seconds.items():
        counted = ""
        if requests:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(requests[name].items()))
            counted = f"   {sum(requests[name].values()):6} requests ({kinds})"
        print(f"  {name:16} {median:8.2f} s   {median / next(iter(seconds.values())):6.2f} x{counted}", flush=True)


def main():
    # Ended by a signal or by the keyboard, what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=5_000, help="files of the tree that is sent")
    parser.add_argument("--bytes", type=int, default=100_000, help="bytes of each")
    parser.add_argument("--unchanged", type=int, default=60_000, help="files of the tree that does not change")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--program", type=Path, default=ROOT / "target" / "release" / "suitecast")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="suitecast-bench-") as directory, Store() as store:
        bench = Bench(store, arguments, aws_config(directory, arguments.concurrency))
        large, many = Path(directory) / "large", Path(directory) / "many"
        files = make_tree(large, arguments.files, arguments.bytes)
        sending = bench.sending(large, files)
        tell(f"sending {files} files, {arguments.files * arguments.bytes // 1_000_000} MB", sending)
        files = make_tree(many, arguments.unchanged, UNCHANGED_BYTES)
        unchanged, requests = bench.unchanged(many, files)
        tell(f"nothing changed in {files} files", unchanged, requests)
    ratios = {"sending": (ratio_of(sending), SENDING_RATIO), "unchanged": (ratio_of(unchanged), UNCHANGED_RATIO)}
    print("\npush: " + " ".join(f"{name}={found:.2f}x(>={wanted})" for name, (found, wanted) in ratios.items()))
    return any(found < wanted for found, wanted in ratios.values())


if __name__ == "__main__":
    sys.exit(main())
