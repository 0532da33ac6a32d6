"""apt itself, as any user runs it: everything of its own lies in one directory, nothing of the machine is touched."""

import os
import shutil
import subprocess
from pathlib import Path


class AptFailed(Exception):
    """apt ended with an error, or complained."""


def missing_tools(*tools):
    """Those of the tools that this machine lacks."""
    return [tool for tool in tools if shutil.which(tool) is None]


class AptClient:
    """An apt with one source: `uri` and `suite`, trusted by the armoured key at `key`.

    `directory` keeps its lists and downloads, so that a second `AptClient` on the same directory is the same machine later.
    """

    def __init__(self, directory, uri, suite, key, components="main", architectures="amd64", with_sources=False):
        self.directory = Path(directory)
        self.downloads = self.directory / "downloads"
        for part in ("lists/partial", "cache/archives/partial", "downloads"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        (self.directory / "status").touch()
        (self.directory / "test.sources").write_text(
            f"Types: deb{' deb-src' if with_sources else ''}\nURIs: {uri}\nSuites: {suite}\nComponents: {components}\n"
            f"Architectures: {architectures}\nSigned-By: {Path(key).resolve()}\n"
        )
        here = self.directory.resolve()
        known = "".join(f'"{architecture}"; ' for architecture in architectures.split())
        (self.directory / "apt.conf").write_text(
            f'Dir::State "{here}";\nDir::State::lists "{here}/lists";\nDir::State::status "{here}/status";\n'
            f'Dir::Cache "{here}/cache";\nDir::Etc::sourcelist "{here}/test.sources";\nDir::Etc::sourceparts "/dev/null";\n'
            'Dir::Etc::parts "/dev/null";\nDir::Etc::main "/dev/null";\n'
            f'APT::Architecture "{architectures.split()[0]}";\nAPT::Architectures {{ {known}}};\n'
            'APT::Sandbox::User "";\nAcquire::Languages "en";\nAcquire::http::Proxy "DIRECT";\n'
        )

    def update(self):
        """`apt-get update`; a warning counts as a failure."""
        self._run("update")

    def download(self, *packages):
        """`apt-get download`; answers what is then in the directory of downloads: file name -> bytes."""
        self._run("download", *packages)
        return {path.name: path.read_bytes() for path in self.downloads.iterdir() if path.is_file()}

    def source(self, package):
        """`apt-get source` without unpacking; answers as `download` does."""
        self._run("source", "--download-only", package)
        return {path.name: path.read_bytes() for path in self.downloads.iterdir() if path.is_file()}

    def _run(self, *arguments):
        environment = os.environ | {"APT_CONFIG": str(self.directory.resolve() / "apt.conf"), "LC_ALL": "C"}
        command = ["apt-get", "--quiet", *arguments]
        done = subprocess.run(
            command, env=environment, cwd=self.downloads, capture_output=True, text=True, check=False, timeout=300
        )
        said = done.stdout + done.stderr
        complained = any(line.startswith(("W:", "E:")) for line in said.splitlines())
        if done.returncode != 0 or complained:
            raise AptFailed(f"{' '.join(command)}:\n{said}")
