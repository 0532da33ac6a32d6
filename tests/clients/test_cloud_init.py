"""examples/cloud-init: machines find their Region. The real cloud-init boots, the real apt reads what it wrote."""

import re
import textwrap
import unittest
from functools import partial

from clients import cloud_init
from clients.archive import NAMES, WithArchive
from clients.client import EXAMPLES, PLACE
from clients.instance import Instance, check_that_it_can_be
from clients.server import Server
from cloud.real_archive import CannotMake

# The Region that the examples name for where there is none nearer.
FALLBACK = "us-east-1"
NO_BUCKET = {"sa-east-1b": "sa-east-1"}
# Availability zones and their Regions: of the first kind cloud-init cuts the Region from the zone's name, of the others (a local zone, a Wavelength
# zone, another partition) it cannot.
ORDINARY = {"eu-west-1a": "eu-west-1"}
WAVELENGTH = {"eu-west-2-wl1-lon-wlz-1": "eu-west-2"}
OTHERS = {"us-west-2-lax-1a": "us-west-2", "eusc-de-east-1a": "eusc-de-east-1"} | WAVELENGTH


def host(region):
    """The name of a Region's bucket."""
    return f"{region}.archive.example.com"


class WithCloudInit(WithArchive):
    """Tests of each version of cloud-init."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            check_that_it_can_be()
            cls.versions = cloud_init.fetch()
        except CannotMake as error:
            raise unittest.SkipTest(f"cloud-init was not tried: {error}") from error

    def in_each(self, zones, check, **how):
        """Boots one instance in each zone with each version, and checks it against the zone's Region, each as a subtest."""
        for version in self.versions:
            for zone, region in zones.items():
                with self.subTest(cloud_init=version.release, zone=zone):
                    instance = Instance(self.new_directory(), version, zone, region, **how)
                    instance.boot()
                    check(instance, region)


class AnImage(WithCloudInit):
    """With examples/cloud-init/90_archive.cfg."""

    example = (EXAMPLES / "cloud-init" / "90_archive.cfg").read_text()

    def check_sources(self, instance, region):
        archives = {address.partition("/dists/")[0] for address in instance.release_files()}
        self.assertEqual(archives, {f"http://{host(region)}/debian", f"http://{host(region)}/debian-security"})
        self.assertEqual(instance.setting("Acquire::http::Pipeline-Depth"), "0")

    def check_that_it_falls_back(self, instance, _region):
        self.check_sources(instance, FALLBACK)

    def test_takes_the_bucket_of_its_own_region(self):
        zones = ORDINARY | OTHERS
        self.in_each(zones, self.check_sources, names=[host(region) for region in zones.values()], configuration=self.example)

    def test_where_the_region_has_no_bucket_takes_the_one_that_the_image_names(self):
        self.in_each(NO_BUCKET, self.check_that_it_falls_back, names=[host(FALLBACK)], configuration=self.example)

    def test_ec2_region_alone_does_not_know_the_region_of_a_wavelength_zone(self):
        lines = [line for line in self.example.splitlines() if "%(region)s" not in line]
        names = [host(region) for region in WAVELENGTH.values()]
        self.in_each(WAVELENGTH, self.check_that_it_falls_back, names=names, configuration="\n".join(lines))


class UserData(WithCloudInit):
    """examples/cloud-init/user-data.yaml, with the key of the archive."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        text = (EXAMPLES / "cloud-init" / "user-data.yaml").read_text()
        placeholder = re.search("( *)-----BEGIN PGP.*END PGP PUBLIC KEY BLOCK-----\n", text, flags=re.DOTALL)
        cls.user_data = text.replace(placeholder[0], textwrap.indent(cls.archive.key.read_text(), placeholder[1]))

    def test_writes_what_the_example_of_a_fallback_has_and_reads_the_bucket_of_its_own_region(self):
        zones = ORDINARY | WAVELENGTH
        with Server({host(region): self.archive.tree for region in (*zones.values(), FALLBACK)}) as everywhere:
            self.in_each(zones, partial(self.check, everywhere), user_data=self.user_data, proxy=everywhere.url)

    def check(self, server, instance, region):
        for path in (EXAMPLES / "fallback").iterdir():
            text = path.read_text().replace("eu-west-1", region)
            place = PLACE.match(text)[1]
            self.assertEqual(without_comments(instance.read(f"/etc/apt/{place}")), without_comments(text), place)
        self.check_reading(server, instance, region)

    def test_where_the_region_has_no_bucket_reads_the_one_that_comes_next(self):
        with Server({host(FALLBACK): self.archive.tree}) as elsewhere:
            check = partial(self.check_reading, elsewhere)
            self.in_each(NO_BUCKET, lambda instance, _region: check(instance, FALLBACK), user_data=self.user_data, proxy=elsewhere.url)

    def check_reading(self, server, instance, region):
        server.forget()
        for command in (("apt-get", "update"), ("apt-get", "download", *NAMES)):
            done = instance.run(*command)
            self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual({request.host for request in server.requests() if request.status == 200}, {host(region)})
        paths = sorted((instance.root / "var" / "tmp").glob("*.deb"))
        self.assertEqual(len(paths), len(NAMES))
        self.check_packages(paths, "1.0")


def without_comments(text):
    """What is left of a configuration file for the program that reads it."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith(("#", "//"))]


if __name__ == "__main__":
    unittest.main()
