"""apt itself as a client of a Region, in a directory of its own, as any user."""

import os
import shutil
import subprocess
from pathlib import Path

COMMAND_SECONDS = 120
# How lines begin that no client of a whole archive sees; `Ign:` is something that was not there and is asked for elsewhere.
WRONG = ("W:", "E:", "Err:", "Ign:")


def is_installed():
    """Whether this machine has apt."""
    return shutil.which("apt-get") is not None


class AptFailed(Exception):
    """apt ended non-zero, took too long, or warned where a client should see nothing."""


class Apt:
    """A client with no packages, one source and one key.

    `directory` is made; `url` holds `dists/`; `key` is the armoured public key, or None for an archive to be trusted as it is.
    `by_hash` is apt's setting: with `no` it asks for indices by their plain names, as old clients do; with `force` by hash, whatever the release says.
    """

    def __init__(self, directory, url, suite, components, key, architecture="amd64", deb_src=False, by_hash="yes"):
        self.directory = Path(directory)
        self.downloads = self.directory / "downloads"
        for name in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d", "log", "downloads"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "state" / "status").touch()
        trust = f"signed-by={key}" if key else "trusted=yes"
        source = f"[arch={architecture} {trust}] {url} {suite} {' '.join(components)}\n"
        (self.directory / "etc" / "sources.list").write_text(f"deb {source}" + (f"deb-src {source}" if deb_src else ""))
        options = {
            "Dir": f"{self.directory}/",
            "Dir::State": "state",
            "Dir::State::status": f"{self.directory}/state/status",
            "Dir::Cache": "cache",
            "Dir::Log": "log",
            "Dir::Etc": "etc",
            "Dir::Etc::SourceList": f"{self.directory}/etc/sources.list",
            "Dir::Etc::SourceParts": "-",
            "Dir::Etc::Trusted": "-",
            "Dir::Etc::TrustedParts": "-",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            # apt would become another user, who may not enter this directory.
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
            "Acquire::http::Proxy": "DIRECT",
            "Acquire::Retries": "0",
            "Acquire::Languages": "en",
        }
        if by_hash != "yes":
            options["Acquire::By-Hash"] = by_hash
        configuration = "".join(f'{name} "{value}";\n' for name, value in options.items())
        self.configuration = self.directory / "etc" / "apt.conf"
        self.configuration.write_text(configuration)

    def update(self):
        """`apt-get update`; a warning is a failure too, since apt keeps old lists and ends with 0."""
        self._run_without_warning("apt-get", "update")

    def packages(self):
        """The names of all packages that apt found."""
        printed = self._run("apt-cache", "dumpavail")
        return sorted({line.split(": ", 1)[1] for line in printed.splitlines() if line.startswith("Package: ")})

    def names(self, index):
        """The names that the lists which it holds have: of `Packages` or of `Sources`."""
        lists = (self.directory / "state" / "lists").glob(f"*_{index}")
        lines = (line for path in lists for line in path.read_text().splitlines())
        return sorted({line.split(": ", 1)[1] for line in lines if line.startswith("Package: ")})

    def in_release(self):
        """The bytes of the release that it holds, or None."""
        held = list((self.directory / "state" / "lists").glob("*_InRelease"))
        return held[0].read_bytes() if held else None

    def download(self, *packages):
        """`apt-get download`; the paths of the files it brought."""
        before = set(self.downloads.iterdir())
        self._run_without_warning("apt-get", "download", *packages)
        return sorted(set(self.downloads.iterdir()) - before)

    def source(self, package):
        """`apt-get source` without unpacking; the paths of the files it brought."""
        before = set(self.downloads.iterdir())
        self._run_without_warning("apt-get", "source", "--download-only", package)
        return sorted(set(self.downloads.iterdir()) - before)

    def _run_without_warning(self, *command):
        printed = self._run(*command)
        wrong = [line for line in printed.splitlines() if line.startswith(WRONG)]
        if wrong:
            raise AptFailed(f"{' '.join(command)}: " + "; ".join(wrong))

    def _run(self, *command):
        done = self.attempt(*command)
        if done.returncode != 0:
            raise AptFailed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def attempt(self, *command):
        """Runs a command of apt's, whatever comes of it; its `returncode`, and what it printed as `stdout`."""
        try:
            return subprocess.run(
                command,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "APT_CONFIG": str(self.configuration)},
                cwd=self.downloads,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise AptFailed(f"{' '.join(command)} was not done within {COMMAND_SECONDS} s") from error
