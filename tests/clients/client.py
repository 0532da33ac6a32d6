"""apt with files of examples/ as they are in the tree, but for the names of hosts and the place of /etc/apt."""

import re

from cloud.apt import Apt
from cloud.paths import ROOT

EXAMPLES = ROOT / "examples"
REGION = "http://eu-west-1.archive.example.com"
FALLBACK = "http://us-east-1.archive.example.com"
# How the first line of an example says where it belongs.
PLACE = re.compile(r"(?:#|//) /etc/apt/(\S+)")
SETTINGS = "90archive"


class Client(Apt):
    """A client whose /etc/apt is a folder of examples/; `urls` maps the addresses that the files name to servers.

    Without `settings` the folder's apt.conf is left out, so that apt is as it comes. `edit` changes the text of every file.
    """

    def __init__(self, directory, folder, urls, key, settings=True, edit=lambda text: text):
        super().__init__(directory, "http://unused.invalid", "unused", (), key)
        etc = self.directory / "etc"
        (etc / "sources.list").unlink()
        for path in (EXAMPLES / folder).iterdir():
            if path.name != SETTINGS or settings:
                text = path.read_text()
                place = etc / PLACE.match(text)[1]
                place.parent.mkdir(exist_ok=True)
                place.write_text(edit(_with_servers(text, urls)).replace("/etc/apt/", f"{etc}/"))
        (etc / "keyrings").mkdir()
        (etc / "keyrings" / "archive.asc").write_bytes(key.read_bytes())
        # This file is read last, so what it says the example could not.
        configuration = self.configuration.read_text().replace('Acquire::Retries "0";\n', "")
        self.configuration.write_text(configuration.replace('Dir::Etc::SourceParts "-"', 'Dir::Etc::SourceParts "sources.list.d"'))

    def setting(self, name):
        """What apt itself has set."""
        return self._run("apt-config", "dump", "--format", "%v", name)

    def refresh(self):
        """`apt-get update`, with whatever it says."""
        return self.attempt("apt-get", "update")

    def fetch(self, *names):
        """`apt-get download`, with whatever it says."""
        return self.attempt("apt-get", "download", *names)

    def fetched(self):
        """The packages that came whole."""
        return sorted(self.downloads.glob("*.deb"))


def _with_servers(text, urls):
    for address, url in urls.items():
        text = text.replace(address, url)
    left = [line for line in text.splitlines() if "example.com" in line and not line.startswith(("#", "//"))]
    if left:
        raise ValueError(f"an example names a host that the test has no server for: {left}")
    return text
