"""Real apt clients that do what users do, over and over, and keep account of it."""

import hashlib
import random
import threading
import time
from dataclasses import dataclass, field

from cloud.apt import Apt, AptFailed

COMPONENTS = ("main", "contrib")
# So often a client asks for packages by the lists that it has, as most do: between two updates lie hours.
KEEPS_ITS_LISTS = 0.25
# So often it asks for the package that each generation updates, and whose file of before leaves the master: any may be the one that is missed.
WANTS_WHAT_CHANGES = 0.5
CHANGES = "hello-suitecast"
STOP_SECONDS = 300


@dataclass(frozen=True)
class Failure:
    """What a client met: what it ran, from when to when in seconds since 1970, and what apt printed."""

    region: str
    what: str
    began: float
    ended: float
    printed: str

    def __str__(self):
        return f"{self.region}: {self.what} of {self.ended - self.began:.3f} s: {self.printed}"


@dataclass
class Account:
    """What clients have done."""

    updates: int = 0
    downloads: int = 0
    sources: int = 0
    # Files that came by lists which the Region had replaced in the meantime.
    by_replaced_lists: int = 0
    failures: list = field(default_factory=list)

    def __add__(self, other):
        return Account(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def cases(self):
        """All that was tried."""
        return self.updates + self.downloads + self.sources


class Client(threading.Thread):
    """One apt in a directory of its own: `update`, then `download` and `source` of what its own lists name, until it is stopped.

    `live` answers the release that the Region serves; `uploaded` has the SHA-256 of every file that was ever uploaded, with its name.
    """

    def __init__(self, directory, region, url, key, seed, live, uploaded, by_hash):
        super().__init__(daemon=True)
        self.apt = Apt(directory, url, "stable", COMPONENTS, key, deb_src=True, by_hash=by_hash)
        self.account = Account()
        # What ends the client itself is no finding, but nobody must take its silence for consent.
        self.failure = None
        self._region, self._live, self._uploaded = region, live, uploaded
        self._choices = random.Random(seed)
        self._stopping = threading.Event()
        self._rounds = 0
        self._round_ended = threading.Condition()

    def run(self):
        try:
            while not self._stopping.is_set():
                self._round()
                with self._round_ended:
                    self._rounds += 1
                    self._round_ended.notify_all()
        except Exception as failure:  # noqa: BLE001 - whatever it is, the attack must not pass
            self.failure = failure

    def stop(self):
        """Ends it after the command under way."""
        self._stopping.set()
        self.join(STOP_SECONDS)
        if self.is_alive():
            raise RuntimeError(f"a client of {self._region} has not ended within {STOP_SECONDS} s")

    def wait_for_rounds(self, count, timeout):
        """Waits until it has done so many rounds more."""
        with self._round_ended:
            wanted = self._rounds + count
            return self._round_ended.wait_for(lambda: self._rounds >= wanted, timeout)

    def update(self):
        """One `update`; whether it went well."""
        self.account.updates += 1
        return self._went_well("update", self.apt.update)

    def _round(self):
        if self.apt.in_release() is None or self._choices.random() >= KEEPS_ITS_LISTS:
            self.update()
        if self.apt.in_release() is None:
            return
        for index, fetch in (("Packages", self._download), ("Sources", self._source)):
            names = self.apt.names(index)
            if names and not self._stopping.is_set():
                name = CHANGES if self._choices.random() < WANTS_WHAT_CHANGES else self._choices.choice(names)
                self._went_well(f"{fetch.__name__[1:]} {name}", lambda name=name, fetch=fetch: fetch(name))

    def _download(self, package):
        self.account.downloads += 1
        self._check(package, self.apt.download(package), 1)

    def _source(self, package):
        self.account.sources += 1
        # The upstream tarball, Debian's, and the .dsc.
        self._check(package, self.apt.source(package), 3)

    def _check(self, package, paths, count):
        if len(paths) != count:
            raise AptFailed(f"{len(paths)} files came, not {count}: {paths}")
        for path in paths:
            key = self._uploaded.get(hashlib.sha256(path.read_bytes()).hexdigest(), "")
            if not key.rpartition("/")[2].startswith(f"{package}_"):
                raise AptFailed(f"{path.name} is not what was uploaded under this name")
            path.unlink()
        if self._live() != self.apt.in_release():
            self.account.by_replaced_lists += count

    def _went_well(self, what, do):
        began = time.time()
        try:
            do()
        except AptFailed as failure:
            self.account.failures.append(Failure(self._region, what, began, time.time(), str(failure)))
            return False
        return True
