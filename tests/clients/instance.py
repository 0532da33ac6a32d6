"""A machine in EC2, as far as cloud-init and apt can see: in namespaces of its own, with what Amazon's metadata service says on the loopback."""

import http.server
import json
import os
import shutil
import subprocess
from pathlib import Path

import yaml

from cloud.loopback import Loopback
from cloud.real_archive import CannotMake

SECONDS = 120
# Of the machine that this runs on; everything else in /etc is the instance's own.
KEPT = ("debian_version", "group", "ld.so.cache", "os-release", "passwd")
# Amazon's begin with ec2.
IDENTITY = "ec2e1916-9099-7caf-fd21-012345abcdef"
# /sys says that it is Amazon's; the network is the machine's, and nothing here may touch it.
ENTER = """
set -e
for name in etc var run; do mount --bind "$0/$name" "/$name"; done
mount -t tmpfs none /sys
mkdir -p /sys/hypervisor /sys/class/net
echo "$IDENTITY" > /sys/hypervisor/uuid
cd /var/tmp
exec "$@"
"""


def check_that_it_can_be():
    """Raises `CannotMake` where this machine allows no namespaces."""
    if shutil.which("unshare") is None:
        raise CannotMake("unshare is not installed")
    done = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMake(f"no mount namespace is to be had: {done.stderr.strip()}")


def _unshare():
    return ["unshare", "--mount", "--uts", *([] if os.geteuid() == 0 else ["--map-root-user"])]


class Instance:
    """An instance in an availability zone of a Region, where of all host names only `names` resolve, to the loopback.

    `proxy` is where apt sends its requests. `configuration` is text for a file in /etc/cloud/cloud.cfg.d.
    """

    def __init__(self, directory, cloud_init, zone, region, names=(), configuration="", user_data="#cloud-config\n{}\n", proxy=None):
        self._cloud_init = cloud_init
        self._metadata = _metadata(zone, region, user_data)
        self.root = Path(directory)
        for name in ("etc/apt/apt.conf.d", "etc/apt/sources.list.d", "var/cache", "var/lib/dpkg", "var/log", "var/tmp", "run"):
            (self.root / name).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        for name in KEPT:
            if os.path.exists(f"/etc/{name}"):
                shutil.copyfile(f"/etc/{name}", self.root / "etc" / name)
        # apt's own scripts call awk, which is a link into this.
        if os.path.exists("/etc/alternatives"):
            shutil.copytree("/etc/alternatives", self.root / "etc/alternatives", symlinks=True)
        (self.root / "etc/nsswitch.conf").write_text("hosts: files\npasswd: files\ngroup: files\n")
        (self.root / "etc/hosts").write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *names)))
        (self.root / "etc/apt/apt.conf.d/00instance").write_text(
            f'APT::Sandbox::User "root";\nAcquire::http::Proxy "{proxy or "DIRECT"}";\nAcquire::Languages "none";\n'
        )
        shutil.copytree(cloud_init.root / "etc/cloud", self.root / "etc/cloud")
        self._configure("90_archive.cfg", configuration)

    def boot(self):
        """The stages of cloud-init up to that which configures apt."""
        with _MetadataService(self._metadata) as service:
            # Of the modules only those that the examples speak to: the others would change this machine.
            settings = {
                "datasource_list": ["Ec2"],
                "datasource": {"Ec2": {"metadata_urls": [service.url], "max_wait": 30, "timeout": 10}},
                "network": {"config": "disabled"},
                "preserve_hostname": True,
                "cloud_init_modules": ["write_files"],
                "cloud_config_modules": ["apt_pipelining", "apt_configure"],
                "cloud_final_modules": [],
            }
            self._configure("99_instance.cfg", yaml.safe_dump(settings))
            for stage in (["init"], ["modules", "--mode", "config"]):
                done = self.run(*self._cloud_init.command, *stage)
                if done.returncode != 0:
                    raise AssertionError(f"cloud-init {' '.join(stage)} ended with {done.returncode}:\n{done.stdout}")

    def run(self, *command):
        """Runs a command there, in /var/tmp; its `returncode`, and what it printed as `stdout`."""
        return subprocess.run(
            [*_unshare(), "sh", "-c", ENTER, self.root, *command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "IDENTITY": IDENTITY} | self._cloud_init.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def read(self, path):
        """What a file there holds."""
        return (self.root / path.lstrip("/")).read_text()

    def setting(self, name):
        """What apt there has set."""
        return self.run("apt-config", "dump", "--format", "%v", name).stdout

    def release_files(self):
        """The addresses of the release files that apt there would ask for."""
        done = self.run("apt-get", "update", "--print-uris")
        if done.returncode != 0:
            raise AssertionError(done.stdout)
        return sorted(line.split()[0].strip("'") for line in done.stdout.splitlines() if line.startswith("'"))

    def _configure(self, name, text):
        (self.root / "etc/cloud/cloud.cfg.d" / name).write_text(text)


def _metadata(zone, region, user_data):
    """What the service answers under each path below its version."""
    document = json.dumps({"availabilityZone": zone, "region": region})
    return {
        "meta-data": "instance-id\nlocal-hostname\nplacement/",
        "meta-data/instance-id": "i-0123456789abcdef0",
        "meta-data/local-hostname": "instance",
        "meta-data/placement": "availability-zone\nregion",
        "meta-data/placement/availability-zone": zone,
        "meta-data/placement/region": region,
        "dynamic/instance-identity": "document",
        "dynamic/instance-identity/document": document,
        "user-data": user_data,
    }


class _MetadataService(Loopback):
    """Version 2 of it: a token first."""

    def __init__(self, answers):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self):  # noqa: N802 - the name that http.server calls
                self._answer("token")

            def do_GET(self):  # noqa: N802 - the name that http.server calls
                self._answer(answers.get(self.path.strip("/").partition("/")[2]))

            def _answer(self, text):
                self.send_response(404 if text is None else 200)
                content = (text or "").encode()
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                """Nothing."""

        super().__init__(Handler)
