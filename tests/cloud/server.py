"""The local cloud's process: started on a free port of the loopback, ended by its id."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from cloud.paths import CLOUD_TOOLS

START_SECONDS = 60
STOP_SECONDS = 10
POLL_SECONDS = 0.05
# Not credentials: the local cloud asks for a signature and checks none.
ACCESS_KEY = "test"
SECRET_KEY = "test"


class LocalCloud:
    """One cloud process with every Region in it and a directory of its own, for use in a `with` statement.

    `endpoint` is its address, `directory` holds its log and its temporary files. With `keep` neither the process nor the
    directory is removed at the end; `process_group` is what `kill -- -ID` ends then. `functions` are variables that every
    function finds in its environment, such as another S3's endpoint.
    """

    def __init__(self, keep=False, functions=None):
        self.keep = keep
        self._functions = functions or {}
        self.directory = Path(tempfile.mkdtemp(prefix="suitecast-cloud-"))
        self.port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = self.directory / "cloud.log"
        self._process = None
        self._clients = {}

    @property
    def process_group(self):
        """The id of the process group that holds the cloud and the functions it started."""
        return self._process.pid

    def environment(self, region="us-east-1"):
        """What a program needs to speak to this cloud, and nothing of the caller's own AWS settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SUITECAST_"))}
        return kept | {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service, region="us-east-1"):
        """A boto3 client, one for each service and Region."""
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id=ACCESS_KEY,
                aws_secret_access_key=SECRET_KEY,
                config=Config(
                    s3={"addressing_style": "path"},
                    max_pool_connections=32,
                    read_timeout=200,
                    retries={"max_attempts": 2},
                ),
            )
        return self._clients[key]

    def __enter__(self):
        environment = self.environment() | {
            # Without it the server listens to the whole network.
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "TMPDIR": str(self.directory),
            "LOG_LEVEL": "INFO",
            # What Lambda sets for a function with JSON logs.
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
        } | self._functions
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [CLOUD_TOOLS / "ministack"],
                env=environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own, so that the functions it starts can be ended with it.
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        if not self.keep:
            self.stop()

    def stop(self):
        """Ends the cloud and its functions, and removes its directory."""
        if self._process is not None:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self._process.pid, sign)
                except ProcessLookupError:
                    break
                try:
                    self._process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
            self._process = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def _wait_until_it_answers(self):
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            if self._process.poll() is not None:
                raise RuntimeError(f"the local cloud ended with {self._process.returncode}:\n{self.tail()}")
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(POLL_SECONDS)
        raise RuntimeError(f"the local cloud did not answer within {START_SECONDS} s:\n{self.tail()}")

    def tail(self, lines=30):
        """The end of the cloud's own log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
