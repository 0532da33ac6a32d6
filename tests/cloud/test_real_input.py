"""Real packages, Debian's own tools at both ends, and the project between them: byte for byte, in every Region."""

import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloud import LocalCloud, deploy
from cloud.apt import Apt
from cloud.paths import CLOUD_TOOLS
from cloud.real_archive import SOURCE, SUITE, CannotMake, RealArchive, fetch
from demo.reader import Reader

SERVED_SECONDS = 180
POLL_SECONDS = 0.2
# So many packages are added by the second upload, to a suite that is already served.
HELD_BACK = 5


class RealPackagesReachApt(unittest.TestCase):
    """One upload by `aws s3 sync`, which has its own order, then a second one."""

    @classmethod
    def setUpClass(cls):
        try:
            cls.debs = fetch()
            cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="suitecast-real-")))
            cls.archive = cls.enterClassContext(RealArchive(cls.directory))
        except CannotMake as error:
            raise unittest.SkipTest(f"real input was not tried: {error}") from error
        cls.cloud = cls.enterClassContext(LocalCloud())
        cls.deployed = deploy(cls.cloud)

    def test_every_region_serves_what_was_uploaded_and_apt_reads_it(self):
        readers = {region: self.reader(region) for region in self.deployed.regions}
        self.publish(self.debs[:-HELD_BACK])
        self.every_region(lambda region: self.reads_back(region, self.debs[:-HELD_BACK]))
        self.publish(self.debs[-HELD_BACK:])
        self.every_region(lambda region: self.reads_back(region, self.debs))
        self.nothing_is_left()
        with self.subTest("sources"):
            if not self.archive.has_source:
                self.skipTest("dpkg-source is absent (package dpkg-dev): no source package was built and read back")
        for region, reader in readers.items():
            self.assertTrue(reader.wait_for_a_whole_look(SERVED_SECONDS), f"the reader of {region}: {reader.failure}")
            reader.stop()
            self.assertGreater(reader.findings.looks, 0, region)
            self.assertEqual(reader.findings.misfits, [], f"seen in {region} while it was being brought up to date")

    def reader(self, region):
        """Walks what the Region serves all the while, as apt does, and older releases that were live as well."""
        reader = Reader(f"{self.cloud.endpoint}/{self.deployed.regions[region].bucket}", f"dists/{SUITE}", lambda misfit: None)
        reader.start()
        self.addCleanup(reader.stop)
        return reader

    def publish(self, debs):
        self.archive.add(debs)
        self.archive.publish()
        command = [CLOUD_TOOLS / "aws", "s3", "sync", "--only-show-errors", self.archive.tree, f"s3://{self.deployed.master_bucket}"]
        done = subprocess.run(command, env=self.cloud.environment(), capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        release = f"dists/{SUITE}/InRelease"
        uploaded = (self.archive.tree / release).read_bytes()
        self.eventually(
            lambda: [region for region in self.deployed.regions if self.deployed.read(region, release) != uploaded],
            "Regions that do not serve the uploaded release",
        )

    def reads_back(self, region, debs):
        wrong = [key for key, uploaded in self.archive.files().items() if self.deployed.read(region, key) != uploaded]
        self.assertEqual(wrong, [], f"served otherwise than uploaded in {region}")

        client = Apt(
            self.directory / "apt" / region,
            f"{self.cloud.endpoint}/{self.deployed.regions[region].bucket}",
            SUITE,
            ["main"],
            self.archive.key,
            architecture=self.archive.architecture,
            deb_src=self.archive.has_source,
        )
        client.update()
        client.download(*(deb.package for deb in debs))
        for deb in debs:
            downloaded = client.downloads / deb.file.name
            self.assertEqual(downloaded.read_bytes(), deb.file.read_bytes(), f"{deb.file.name} from {region}")
        if self.archive.has_source:
            client.source(SOURCE)
            built = list((self.archive.tree / "pool" / "main" / "s" / SOURCE).iterdir())
            self.assertEqual(len(built), 2)
            for path in built:
                self.assertEqual((client.downloads / path.name).read_bytes(), path.read_bytes(), f"{path.name} from {region}")

    def nothing_is_left(self):
        """Every message was taken, and none given up."""

        def left():
            depths = {region: self.deployed.queue_depths(region) for region in self.deployed.regions}
            return {region: found for region, found in depths.items() if any(found.values())}

        self.eventually(left, "messages are left in")

    def eventually(self, left, meaning):
        """Waits until nothing is left; what is left when the time is over is shown with what the functions said."""
        give_up = time.monotonic() + SERVED_SECONDS
        while remaining := left():
            if time.monotonic() > give_up:
                logs = [line for region in remaining for line in self.deployed.logs(region, "publish")[-10:]]
                depths = {region: self.deployed.queue_depths(region) for region in remaining}
                self.fail(f"after {SERVED_SECONDS} s {meaning}: {remaining}\n{depths}\n" + "\n".join(logs))
            time.sleep(POLL_SECONDS)

    def every_region(self, check):
        with ThreadPoolExecutor() as pool:
            list(pool.map(check, self.deployed.regions))


if __name__ == "__main__":
    unittest.main()
