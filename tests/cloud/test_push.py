"""Archives as people have them, sent as people send them: by `suitecast push` and by the tools they know, read back by apt."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cloud import LocalCloud, deploy
from cloud.apt import Apt
from cloud.paths import CLOUD_TOOLS, ROOT
from cloud.real_archive import CannotMake, fetch

PROGRAMS = ROOT / "target" / "debug"
REGION = "eu-west-1"
SERVED_SECONDS = 120
COMMAND_SECONDS = 300
POLL_SECONDS = 0.2
# Real packages of different shapes: enough to see names and versions of all kinds, few enough to be quick.
REAL_PACKAGES = ("g++", "hello", "libstdc++6", "netbase", "sed", "tzdata")


class Uploads(unittest.TestCase):
    """A master and a Region, and a directory for trees. Each test has a suite of its own."""

    @classmethod
    def setUpClass(cls):
        if shutil.which("apt-get") is None:
            raise unittest.SkipTest("apt is absent: nothing was read back from a Region")
        cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="suitecast-push-")))
        cls.cloud = cls.enterClassContext(LocalCloud())
        cls.deployed = deploy(cls.cloud, regions=(REGION,))
        cls.master = f"s3://{cls.deployed.master_bucket}"

    def run_tool(self, *command, **environment):
        words = [str(word) for word in command]
        given = self.cloud.environment() | {"HOME": str(self.directory)} | environment
        done = subprocess.run(words, env=given, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
        self.assertEqual(done.returncode, 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def push(self, tree, *options):
        """`suitecast push`, and what it says came of it."""
        said = self.run_tool(PROGRAMS / "suitecast", "--json", "push", tree, self.master, *options)
        return json.loads(said.splitlines()[-1])

    def served(self, suite, release):
        """Waits until the Region serves these bytes as the release of a suite."""
        give_up = time.monotonic() + SERVED_SECONDS
        while self.deployed.read(REGION, f"dists/{suite}/InRelease") != release:
            if time.monotonic() > give_up:
                answer = self.deployed.invoke(REGION, "publish", {"suite": f"dists/{suite}", "dry_run": True})
                self.fail(f"after {SERVED_SECONDS} s {REGION} does not serve dists/{suite}: {answer}")
            time.sleep(POLL_SECONDS)

    def read_back(self, suite, key, files, components=("main",)):
        """apt reads from the Region the packages of these files, byte for byte."""
        url = f"{self.cloud.endpoint}/{self.deployed.regions[REGION].bucket}"
        client = Apt(self.directory / "clients" / suite, url, suite, list(components), key)
        client.update()
        client.download(*(path.name.split("_")[0] for path in files))
        for path in files:
            # apt writes the colon of an epoch as its code.
            self.assertEqual((client.downloads / path.name.replace(":", "%3a")).read_bytes(), path.read_bytes(), path.name)


class UploadersOfAllKinds(Uploads):
    """The tools that README names, each with a made archive."""

    def uploaded(self, name, *command, **environment):
        """Has a tool send a tree of its own suite, and apt read it back."""
        tree = self.directory / name
        making = [PROGRAMS / "make-archive", "--out", tree, "--generation", "1", "--suite", name, "--key", self.directory / "key"]
        self.run_tool(*making)
        self.run_tool(*command, **environment)
        self.served(name, (tree / "dists" / name / "InRelease").read_bytes())
        debs = sorted(path for path in (tree / "pool").rglob("*.deb") if path.name.endswith(("_amd64.deb", "_all.deb")))
        self.assertTrue(debs)
        self.read_back(name, tree / "archive-key.asc", debs[:3], components=("main", "contrib"))
        return tree

    def tool(self, name):
        program = CLOUD_TOOLS / name
        if not program.exists():
            self.skipTest(f"{name} is not installed; `make tools` installs it")
        return program

    def test_suitecast_push(self):
        name = "suitecast"
        tree = self.uploaded(name, PROGRAMS / "suitecast", "push", self.directory / name, self.master)
        self.assertEqual(self.push(tree)["sent"], 0)

    def test_aws_s3_sync(self):
        self.uploaded("aws", self.tool("aws"), "s3", "sync", "--only-show-errors", self.directory / "aws", self.master)

    def test_s5cmd(self):
        options = ["--endpoint-url", self.cloud.endpoint, "--log", "error"]
        self.uploaded("s5cmd", self.tool("s5cmd"), *options, "sync", f"{self.directory}/s5cmd/", f"{self.master}/")

    def test_rclone(self):
        settings = {"TYPE": "s3", "PROVIDER": "Other", "ENV_AUTH": "true", "ENDPOINT": self.cloud.endpoint, "FORCE_PATH_STYLE": "true"}
        environment = {f"RCLONE_CONFIG_MASTER_{name}": value for name, value in settings.items()}
        target = f"master:{self.deployed.master_bucket}"
        options = ["--config", os.devnull, "copy", "--copy-links", "--s3-no-check-bucket"]
        self.uploaded("rclone", self.tool("rclone"), *options, self.directory / "rclone", target, **environment)

    def test_s3cmd(self):
        host = self.cloud.endpoint.removeprefix("http://")
        options = ["--config", os.devnull, f"--host={host}", f"--host-bucket={host}/%(bucket)s", "--no-ssl", "--quiet"]
        options += ["--access_key=test", "--secret_key=test", "sync", "--follow-symlinks"]
        self.uploaded("s3cmd", self.tool("s3cmd"), *options, f"{self.directory}/s3cmd/", f"{self.master}/")


class ArchivesOfAllKinds(Uploads):
    """Archives made by Debian's own tools of real packages."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            known = {deb.package: deb.file for deb in fetch()}
        except CannotMake as error:
            raise unittest.SkipTest(f"real packages were not tried: {error}") from error
        cls.debs = [known[name] for name in REAL_PACKAGES if name in known]
        # A short path: gpg's agent listens on a socket in it.
        cls.gpg_home = Path(tempfile.mkdtemp(prefix="suitecast-gpg-"))
        cls.addClassCleanup(cls.forget_key)
        cls.key = cls.directory / "key.asc"
        cls.gpg("--passphrase", "", "--quick-generate-key", "Push <none@example.com>", "rsa2048", "sign", "never")
        cls.gpg("--armor", "--output", cls.key, "--export")
        listed = cls.gpg("--with-colons", "--list-keys")
        cls.fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    @classmethod
    def gpg(cls, *arguments):
        command = ["gpg", "--homedir", cls.gpg_home, "--batch", "--no-tty", "--pinentry-mode", "loopback", *arguments]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True, timeout=60).stdout

    @classmethod
    def forget_key(cls):
        subprocess.run(["gpgconf", "--homedir", cls.gpg_home, "--kill", "all"], capture_output=True, check=False, timeout=60)
        shutil.rmtree(cls.gpg_home, ignore_errors=True)

    def needs(self, name):
        if shutil.which(name) is None:
            self.skipTest(f"{name} is absent (Debian package {name})")
        return name

    def signed(self):
        return {"GNUPGHOME": str(self.gpg_home)}

    def test_a_tree_of_reprepro_is_pushed(self):
        program, base = self.needs("reprepro"), self.directory / "reprepro"
        (base / "conf").mkdir(parents=True)
        (base / "conf" / "distributions").write_text(
            f"Codename: reprepro\nSuite: reprepro\nArchitectures: amd64 source\nComponents: main\nSignWith: {self.fingerprint}\n"
        )
        first, rest = self.debs[:-2], self.debs[-2:]
        for debs in (first, rest):
            self.run_tool(program, "--silent", "--basedir", base, "includedeb", "reprepro", *debs, **self.signed())
            pushed = self.push(base, "--exclude", "conf", "--exclude", "db")
            self.assertGreater(pushed["sent"], len(debs))
            self.served("reprepro", (base / "dists" / "reprepro" / "InRelease").read_bytes())
        self.read_back("reprepro", self.key, self.debs)
        self.assertEqual(self.push(base, "--exclude", "conf", "--exclude", "db")["sent"], 0)

    def aptly(self, name, endpoints):
        """An aptly with a repository of the packages, and what calls it."""
        program, root = self.needs("aptly"), self.directory / f"aptly-{name}"
        configuration = self.directory / f"aptly-{name}.conf"
        configuration.write_text(json.dumps({"rootDir": str(root), "architectures": ["amd64"], "S3PublishEndpoints": endpoints}))

        def call(*arguments):
            return self.run_tool(program, f"-config={configuration}", *arguments, **self.signed())

        call("repo", "create", "-component=main", name)
        call("repo", "add", name, *self.debs)
        return call, root

    def test_a_tree_that_aptly_published_is_pushed(self):
        call, root = self.aptly("disk", {})
        call("publish", "repo", "-batch", f"-gpg-key={self.fingerprint}", "-distribution=aptly", "-acquire-by-hash", "disk")
        tree = root / "public"
        self.assertGreater(self.push(tree)["sent"], len(self.debs))
        self.served("aptly", (tree / "dists" / "aptly" / "InRelease").read_bytes())
        self.read_back("aptly", self.key, self.debs)
        self.assertEqual(self.push(tree)["sent"], 0)

    def test_aptly_publishes_straight_to_the_master(self):
        endpoint = {"region": "us-east-1", "bucket": self.deployed.master_bucket, "endpoint": self.cloud.endpoint, "acl": "none"}
        endpoint |= {"awsAccessKeyID": "test", "awsSecretAccessKey": "test"}
        call, _ = self.aptly("s3", {"master": endpoint})
        options = ["-batch", f"-gpg-key={self.fingerprint}", "-distribution=aptly-s3", "-acquire-by-hash"]
        call("publish", "repo", *options, "s3", "s3:master:")
        client = self.cloud.client("s3")
        release = client.get_object(Bucket=self.deployed.master_bucket, Key="dists/aptly-s3/InRelease")["Body"].read()
        self.served("aptly-s3", release)
        self.read_back("aptly-s3", self.key, self.debs)


if __name__ == "__main__":
    unittest.main()
