"""The operator's commands against a deployed template: status, explain, replay and verify, as the program itself."""

import contextlib
import functools
import http.server
import json
import os
import pty
import shutil
import subprocess
import unittest

from cloud import LocalCloud, deploy
from cloud.front import Front
from cloud.loopback import Loopback
from cloud.paths import ROOT
from cloud.real_archive import SUITE, CannotMake, RealArchive, fetch
from demo import uploads

PROGRAM = ROOT / "target" / "debug" / "suitecast"
COMMAND_SECONDS = 240
REGIONS = ("us-east-1", "eu-west-1")
FAR = "eu-west-1"
# What samconfig.toml says where Suitecast is deployed with it.
SAMCONFIG = "version = 0.1\n" + "".join(
    f'[{region}.deploy.parameters]\nstack_name = "suitecast-region"\nregion = "{region}"\nparameter_overrides = "Role=region"\n'
    for region in REGIONS
)


class Ran:
    """How the program ended."""

    def __init__(self, done):
        self.code, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr
        self.said = f"exit {self.code}\n{self.stdout}{self.stderr}"

    @property
    def result(self):
        """The last JSON document that it printed."""
        return json.loads(self.stdout.splitlines()[-1])


def run(cloud, *words, **variables):
    """Runs the program where samconfig.toml lies, with the credentials of the cloud."""
    done = subprocess.run(
        [PROGRAM, *words],
        env=cloud.environment() | variables,
        cwd=cloud.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return Ran(done)


def on_a_terminal(cloud, *words):
    """What the program shows to somebody who looks at a terminal."""
    ours, its = pty.openpty()
    try:
        command = [PROGRAM, *words]
        program = subprocess.Popen(command, env=cloud.environment(), cwd=cloud.directory, stdin=its, stdout=its, stderr=its)
    finally:
        os.close(its)
    shown = b""
    try:
        # The end of a terminal that nobody writes to any more is an error here, and not an empty read.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65_536):
                shown += piece
    finally:
        os.close(ours)
        program.wait(COMMAND_SECONDS)
    return shown.decode()


class TheOperator(unittest.TestCase):
    """Each test has a cloud of its own with two Regions, and nothing but a replay runs publish."""

    def setUp(self):
        self.cloud = LocalCloud().__enter__()
        self.addCleanup(self.cloud.stop)
        self.deployed = deploy(self.cloud, regions=REGIONS)
        (self.cloud.directory / "samconfig.toml").write_text(SAMCONFIG)
        self.made = uploads.make(1, self.cloud.directory)
        self.cloud.client("s3").put_bucket_notification_configuration(
            Bucket=self.deployed.master_bucket, NotificationConfiguration={}
        )
        self.held_back = max(key for key in self.made.files if key.startswith("pool/"))

    def upload(self, keys):
        uploads.upload(self.cloud, self.deployed.master_bucket, self.made, keys)

    def suitecast(self, *words, ends_with=0):
        ran = run(self.cloud, *words)
        self.assertEqual(ran.code, ends_with, ran.said)
        return ran

    def standings(self, *words):
        suites = self.suitecast("status", "--json", *words).result["suites"]
        return {region["region"]: region for suite in suites for region in suite["regions"]}

    def test_a_suite_is_followed_from_its_upload_until_it_is_live_everywhere(self):
        self.upload([key for key in self.made.files if key != self.held_back])
        self.assertEqual({region["standing"] for region in self.standings().values()}, {"behind"})

        answers = self.suitecast("replay", self.made.suite, "--json").result["answers"]
        self.assertEqual([answer["region"] for answer in answers], sorted(REGIONS))
        self.assertEqual({answer["answer"]["outcome"] for answer in answers}, {"waiting"}, answers)
        for region in self.standings().values():
            self.assertEqual((region["standing"], region["waiting_count"]), ("waiting", 1), region)
        watched = self.suitecast("status", "--watch", "--timeout", "2", "--interval", "1", ends_with=1)
        self.assertIn("suitecast explain", watched.stderr)

        explained = self.suitecast("explain", self.made.suite, "--json").result["suites"]
        self.assertEqual([suite["region"] for suite in explained], sorted(REGIONS))
        for suite in explained:
            self.assertEqual(([missing["key"] for missing in suite["missing"]], suite["awaited"]), ([self.held_back], [self.held_back]))
        only = self.suitecast("explain", self.made.suite, "--region", FAR)
        self.assertIn(f"{self.held_back}: not in the master", only.stdout)
        self.assertNotIn("us-east-1", only.stdout)

        self.upload([self.held_back])
        would = self.suitecast("replay", self.made.suite, "--region", FAR, "--dry-run", "--json").result["answers"]
        self.assertEqual([(one["region"], one["answer"]["outcome"], one["answer"]["dry_run"]) for one in would], [(FAR, "swapped", True)])
        self.assertEqual({region["standing"] for region in self.standings().values()}, {"waiting"}, "a dry run swapped")
        self.suitecast("replay", self.made.suite, "--region", FAR)
        found = self.standings()
        self.assertEqual((found[FAR]["standing"], found["us-east-1"]["standing"]), ("live", "waiting"), "one Region was asked")

        watch = subprocess.Popen(
            [PROGRAM, "status", "--watch", "--timeout", "120", "--interval", "1"],
            env=self.cloud.environment(), cwd=self.cloud.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.kill)
        self.assertIn("SUITE", watch.stdout.readline())
        woken = self.suitecast("replay", "*", "--region", "us-east-1", "--json").result["answers"][0]["answer"]
        self.assertEqual((woken["outcome"], woken["suites"]), ("woken", [self.made.suite]))
        printed, _ = watch.communicate(timeout=COMMAND_SECONDS)
        self.assertEqual(watch.returncode, 0, printed)
        self.assertIn("every Region serves what the master holds", printed)
        self.assertNotIn("\x1b", printed, "there is no terminal")
        self.assertIn("\x1b[32mlive\x1b[0m", on_a_terminal(self.cloud, "status"))

        for region in REGIONS:
            bucket = self.deployed.regions[region].bucket
            deep = ("--keyring", str(self.made.key), "--deep", "--json")
            self.assertEqual(self.suitecast("verify", f"s3://{bucket}", *deep).result["signatures"], "verified")
            with Front(self.cloud.endpoint) as front:
                whole = self.suitecast("verify", f"{front.url}/{bucket}", "--suite", "stable", *deep).result
                self.assertEqual((whole["outcome"], whole["files_checked"]), ("whole", whole["files_named"]), whole)
                self.cloud.client("s3", region).delete_object(Bucket=bucket, Key=self.held_back)
                wrong = self.suitecast("verify", f"{front.url}/{bucket}", "--suite", "stable", ends_with=1)
                self.assertIn(f"{self.held_back}: missing", wrong.stdout)

    def test_a_prefix_is_replayed_and_a_dry_run_of_it_copies_nothing(self):
        self.upload(self.made.files)
        pool = [key for key in self.made.files if key.startswith("pool/main/")]
        would = self.suitecast("replay", "--prefix", "pool/main/", "--region", FAR, "--dry-run", "--json").result["answers"][0]
        self.assertEqual(would["answer"]["uploads"], len(pool))
        self.assertIsNone(self.deployed.read(FAR, pool[0]))
        answer = self.suitecast("replay", "--prefix", "pool/main/", "--region", FAR, "--json").result["answers"][0]["answer"]
        # A name with a + has a second key.
        spaced = {key: key.replace("+", " ") for key in pool if "+" in key}
        self.assertGreater(len(spaced), 0)
        copies = len(pool) + len(spaced)
        self.assertEqual((answer["uploads"], answer["objects_copied"], answer["failed_count"]), (len(pool), copies, 0), answer)
        for key in pool:
            self.assertEqual(self.deployed.read(FAR, key), self.made.read(key), key)
            self.assertEqual(self.deployed.read(FAR, spaced.get(key, key)), self.made.read(key), key)
        one = self.suitecast("replay", "--key", pool[0], "--region", FAR)
        self.assertIn("1 upload(s)", one.stdout)

    def test_dead_letters_are_counted_by_queue(self):
        queue = self.deployed.regions[FAR].outputs["UploadsDeadLetters"]
        self.cloud.client("sqs", FAR).send_message(QueueUrl=queue, MessageBody="nobody could read this")
        regions = {region["region"]: region["dead_letters"] for region in self.suitecast("status", "--json").result["regions"]}
        self.assertEqual(regions, {FAR: {"uploads": 1, "suites": 0}, "us-east-1": {"uploads": 0, "suites": 0}})

    def test_what_cannot_be_done_is_told_with_what_to_do(self):
        absent = self.suitecast("status", "--region", FAR, "--stack", "nobody-has-this", ends_with=4)
        self.assertIn("there is no stack nobody-has-this in eu-west-1", absent.stderr)
        master = self.suitecast("status", "--region", "us-east-1", "--stack", "suitecast-master", ends_with=4)
        self.assertIn("not the stack of a Region", master.stderr)
        refused = self.suitecast("replay", "../dists/stable", "--region", FAR, ends_with=4)
        self.assertIn("InputError", refused.stderr)
        buckets = self.suitecast("replay", "x", "--region", f"{FAR}=bucket", "--master", "m", ends_with=2)
        self.assertIn("--stack", buckets.stderr)
        self.cloud.client("s3", FAR).delete_bucket(Bucket=self.deployed.regions[FAR].bucket)
        gone = self.suitecast("status", ends_with=4)
        self.assertIn(self.deployed.regions[FAR].bucket, gone.stderr)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A web server for a directory."""

    def log_message(self, *_):
        """Nothing."""


class AnyArchiveIsVerified(unittest.TestCase):
    """One on a disk, served by a web server that has never heard of Suitecast."""

    def setUp(self):
        self.cloud = LocalCloud()
        self.addCleanup(self.cloud.stop)

    def serve(self, directory, certificate=None):
        """The address of a web server for a directory, over TLS where there is a certificate with its key."""
        return self.enterContext(Loopback(functools.partial(Quiet, directory=str(directory)), certificate)).url + "/"

    def verify(self, *words):
        return run(self.cloud, "verify", *words)

    def is_whole_until_a_package_is_cut(self, tree, suite, *words):
        url = self.serve(tree)
        whole = self.verify(url, "--suite", suite, "--deep", *words)
        self.assertEqual(whole.code, 0, whole.said)
        self.assertIn("nothing is wrong", whole.stdout)
        package = max((tree / "pool").rglob("*.deb"))
        package.write_bytes(package.read_bytes()[:-1])
        harmed = self.verify(url, "--suite", suite, *words)
        self.assertEqual(harmed.code, 1, harmed.said)
        self.assertIn(f"{package.name}: wrong size", harmed.stdout)
        self.assertIn("1 thing(s) wrong", harmed.stdout)
        return url

    def test_one_that_was_made_here(self):
        made = uploads.make(1, self.cloud.directory)
        keyring = ("--keyring", str(made.key))
        url = self.is_whole_until_a_package_is_cut(made.directory, "stable", *keyring)
        (made.directory / made.in_release).unlink()
        # As apt, it goes on with Release and Release.gpg.
        detached = self.verify(url, "--suite", "stable", "--json", *keyring)
        self.assertEqual((detached.code, detached.result["problems"], detached.result["signatures"]), (1, 1, "verified"), detached.said)

    def test_one_that_is_served_over_tls(self):
        if shutil.which("openssl") is None:
            self.skipTest("openssl, which makes a certificate, is absent")
        made = uploads.make(1, self.cloud.directory)
        certificate = self.cloud.directory / "certificate.pem"
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost".split()
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        command += ["-keyout", certificate, "-out", self.cloud.directory / "public.pem"]
        subprocess.run(command, capture_output=True, check=True, timeout=COMMAND_SECONDS)
        with certificate.open("ab") as file:
            file.write((self.cloud.directory / "public.pem").read_bytes())
        url = self.serve(made.directory, certificate)
        trusting = run(self.cloud, "verify", url, "--suite", "stable", SSL_CERT_FILE=str(self.cloud.directory / "public.pem"))
        self.assertEqual(trusting.code, 0, trusting.said)
        stranger = self.verify(url, "--suite", "stable")
        self.assertEqual(stranger.code, 3, f"a certificate that nobody vouches for was taken: {stranger.said}")
        self.assertIn("certificate", stranger.stdout)

    def real_packages(self):
        try:
            return fetch()
        except CannotMake as error:
            self.skipTest(f"real packages were not tried: {error}")

    def test_one_of_real_packages_that_debians_tools_made_and_signed(self):
        packages = self.real_packages()
        with RealArchive(self.cloud.directory) as archive:
            archive.add(packages)
            archive.publish()
            self.is_whole_until_a_package_is_cut(archive.tree, SUITE, "--keyring", str(archive.key))

    def test_one_of_real_packages_that_aptly_published(self):
        if shutil.which("aptly") is None:
            self.skipTest("aptly is absent")
        packages = self.real_packages()
        configuration = self.cloud.directory / "aptly.conf"
        configuration.write_text(json.dumps({"rootDir": str(self.cloud.directory / "aptly")}))
        for words in (
            ("repo", "create", "-distribution=stable", "-component=main", "real"),
            ("repo", "add", "real", *(str(package.file) for package in packages)),
            ("publish", "repo", "-skip-signing", "-acquire-by-hash", "real"),
        ):
            command = ["aptly", f"-config={configuration}", *words]
            subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=True, timeout=COMMAND_SECONDS)
        self.is_whole_until_a_package_is_cut(self.cloud.directory / "aptly" / "public", "stable")


if __name__ == "__main__":
    unittest.main()
