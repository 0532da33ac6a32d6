"""The strict S3 of the tests as a process: what the local cloud's own S3 does not keep (conditions, digests of copies) it does, and it fails on request."""

import json
import subprocess
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

from cloud.paths import ROOT
from cloud.server import ACCESS_KEY, SECRET_KEY, STOP_SECONDS

PROGRAM = ROOT / "target" / "debug" / "strict-s3"
CONTROL_SECONDS = 30
TOOL_ATTEMPTS = 4


class StrictS3:
    """One server on free ports of the loopback, for use in a `with` statement; ended by its id.

    `buckets` are as the program takes them: `name=region,versioned` or `name=region,public`. `endpoint` is where S3 is.
    """

    def __init__(self, *buckets):
        self._buckets = buckets
        self._process = None
        self._clients = {}
        self.endpoint = None
        self._control = None

    def __enter__(self):
        self._process = subprocess.Popen(
            [PROGRAM, "--control", *self._buckets], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self.endpoint, self._control = (self._process.stdout.readline().strip() for _ in range(2))
        if not self._control:
            self.stop()
            raise RuntimeError(f"{PROGRAM} did not start (`make build-tests` builds it)")
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._process.stdout.close()
            self._process = None

    def fail(self, **plan):
        """From here on signed requests meet faults: `seed`, `percent`, `hang_percent`, `stubborn_percent`."""
        self._ask("faults", {"seed": 0, "percent": 0} | plan)

    def counts(self):
        """What was counted: `signed_requests`, `faults`, `by_kind`, `by_operation`."""
        return self._ask("counts")

    def take_events(self, **mishaps):
        """The notifications since the last call: messages, after `seed`, `lost_percent`, `doubled_percent`, `reordered`."""
        usual = {"seed": 0, "lost_percent": 0, "doubled_percent": 0, "reordered": False}
        return self._ask("events", usual | mishaps)

    def client(self, region):
        """A boto3 client of a Region, which gives up sooner than the functions do: its pauses grow to 20 seconds."""
        if region not in self._clients:
            self._clients[region] = boto3.client(
                "s3",
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id=ACCESS_KEY,
                aws_secret_access_key=SECRET_KEY,
                config=Config(
                    s3={"addressing_style": "path"},
                    max_pool_connections=32,
                    connect_timeout=5,
                    read_timeout=5,
                    retries={"mode": "standard", "total_max_attempts": TOOL_ATTEMPTS},
                ),
            )
        return self._clients[region]

    def environment(self):
        """What functions of the local cloud, or the AWS client, need beside their own to speak to this S3."""
        return {"AWS_ENDPOINT_URL_S3": self.endpoint}

    def read(self, bucket, key):
        """What an apt client reads under a key, or None."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/{bucket}/{urllib.request.quote(key)}", timeout=CONTROL_SECONDS) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code in (403, 404):
                return None
            raise

    def _ask(self, what, said=None):
        request = urllib.request.Request(f"{self._control}/{what}", data=None if said is None else json.dumps(said).encode())
        with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:
            return json.loads(answer.read())
