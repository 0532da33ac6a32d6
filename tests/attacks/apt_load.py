"""Real apt under load: clients of two Regions loop over `update`, `download` and `source` while generation after generation is published.

With by-hash no client may ever fail. Without it an `update` may fail, within the window that SEMANTICS.md describes; the window is measured
by what S3 says of its objects, and a failure outside it is a violation like any other.
"""

import argparse
import hashlib
import shutil
import signal
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from attacks.apt_clients import Account, Client
from cloud import LocalCloud, deploy
from cloud.front import Front
from demo import uploads

REGIONS = ("us-east-1", "eu-west-1")
LIVE_SECONDS = 180
POLL_SECONDS = 0.05
# Between the moment that S3 notes as an object's last change and the one from which it serves it, on a busy machine.
SLACK_SECONDS = 0.25
# Early swaps are seen soon; what is not seen within this is not seen.
BROKEN_SECONDS = 60
RELEASE_FILES = ("InRelease", "Release", "Release.gpg")


@dataclass(frozen=True)
class Kind:
    """Whose by-hash names are used: the archive has a directory of its own in the bucket."""

    name: str
    suite_by_hash: bool
    # As apt's own setting has it: yes (as the release says), no, force.
    client_by_hash: str

    @property
    def by_hash(self):
        """Whether clients go by hash, so that none may fail."""
        return self.client_by_hash == "force" or (self.suite_by_hash and self.client_by_hash == "yes")


BY_HASH = Kind("by-hash", suite_by_hash=True, client_by_hash="yes")
FORCED = Kind("by-hash forced", suite_by_hash=False, client_by_hash="force")
SUITE_WITHOUT = Kind("suite without by-hash", suite_by_hash=False, client_by_hash="yes")
CLIENT_WITHOUT = Kind("clients without by-hash", suite_by_hash=True, client_by_hash="no")
KINDS = {"by-hash": BY_HASH, "forced": FORCED, "suite-without": SUITE_WITHOUT, "clients-without": CLIENT_WITHOUT}


@dataclass(frozen=True)
class Window:
    """A swap as S3 noted it: from the first plain name of an index to `InRelease`, in seconds since 1970."""

    region: str
    began: float
    ended: float

    @property
    def milliseconds(self):
        """How long it was open."""
        return (self.ended - self.began) * 1000

    def meets(self, failure):
        """Whether a client may have failed because of it."""
        return (
            failure.region == self.region
            and failure.began <= self.ended + SLACK_SECONDS
            and failure.ended >= self.began - SLACK_SECONDS
        )


@dataclass
class Course:
    """What one kind of load came to."""

    kind: Kind
    clients: int
    generations: int = 0
    seconds: float = 0
    account: Account = field(default_factory=Account)
    windows: list = field(default_factory=list)
    # Updates without by-hash that failed while a swap's window was open.
    in_window: list = field(default_factory=list)
    violations: list = field(default_factory=list)

    def judge(self):
        """Sorts what the clients met into what is documented and what breaks a promise."""
        for failure in self.account.failures:
            documented = (
                not self.kind.by_hash and failure.what == "update" and any(window.meets(failure) for window in self.windows)
            )
            (self.in_window if documented else self.violations).append(str(failure))

    def row(self):
        """A line of the table."""
        account = self.account
        rate = 100 * len(self.in_window) / account.updates if account.updates else 0
        lengths = [window.milliseconds for window in self.windows]
        median = f"{statistics.median(lengths):.0f}" if lengths else "-"
        longest = f"{max(lengths):.0f}" if lengths else "-"
        return (
            f"{self.kind.name:<24} {self.clients:>7} {self.generations:>11} {account.updates:>7} {len(self.in_window):>6} {rate:>6.2f}"
            f" {account.downloads:>9} {account.sources:>7} {account.by_replaced_lists:>8} {len(self.violations):>10}"
            f" {median:>9} {longest:>6} {self.seconds:>7.0f}"
        )


HEAD = (
    f"{'kind':<24} {'clients':>7} {'generations':>11} {'updates':>7} {'failed':>6} {'%':>6} {'downloads':>9} {'sources':>7} {'replaced':>8}"
    f" {'violations':>10} {'median ms':>9} {'max ms':>6} {'seconds':>7}"
)
LEGEND = (
    "failed: updates while a window was open; replaced: files fetched by lists that were replaced meanwhile; "
    "median, max: from the first plain name to InRelease, by S3's own Last-Modified"
)


class Load:
    """Clients of both Regions on an archive of one kind, and its publisher; for use in a `with` statement."""

    def __init__(self, deployed, front, kind, generations, clients, seed, tell):
        self.generations = generations
        self.deployed, self.front, self.kind, self.tell = deployed, front, kind, tell
        self.prefix = kind.name.replace(" ", "-") + "/"
        self.options = ["--seed", str(seed)]
        if not kind.suite_by_hash:
            self.options.append("--no-by-hash")
        self.parent = deployed.cloud.directory / "made" / kind.name.replace(" ", "-")
        self.uploaded = {}
        self.in_release = f"{self.prefix}dists/stable/InRelease"
        self.course = Course(kind, clients)
        self._seed = seed
        self._clients = []
        self._committed = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self._clients:
            client.stop()

    def make(self, number):
        """The generation of this number; its files are known from here on."""
        made = uploads.make(number, self.parent, *self.options)
        for key in made.changed:
            self.uploaded[hashlib.sha256(made.read(key)).hexdigest()] = key
        return made

    def publish(self, made, keys=None):
        """Uploads what is new, `InRelease` early as tools do that walk a tree; waits until it is live everywhere, and removes what is gone."""
        uploads.upload(self.deployed.cloud, self.deployed.master_bucket, made, sorted(keys or made.changed), self.prefix)
        wanted = made.read(made.in_release)
        give_up = time.monotonic() + LIVE_SECONDS
        behind = set(REGIONS)
        while behind:
            behind -= {region for region in behind if self.deployed.read(region, self.in_release) == wanted}
            if behind and time.monotonic() > give_up:
                said = [line for region in sorted(behind) for line in self.deployed.logs(region, "publish")[-6:]]
                raise RuntimeError(f"{made.directory.name} is not live in {behind} after {LIVE_SECONDS} s:\n" + "\n".join(said))
            if behind:
                time.sleep(POLL_SECONDS)
        for region in REGIONS:
            self._look_at_the_swap(region)
        client = self.deployed.cloud.client("s3")
        for key in made.removed:
            client.delete_object(Bucket=self.deployed.master_bucket, Key=self.prefix + key)
        self.course.generations += 1

    def _forget(self, number):
        """A generation's files here are needed no more; the first one's hold the key."""
        if number > 1:
            shutil.rmtree(self.parent / f"generation-{number}")

    def _look_at_the_swap(self, region):
        """When the swap's names were written, as S3 lists it; nothing of it comes from the functions."""
        suite = f"{self.prefix}dists/stable/"
        pages = self.deployed.cloud.client("s3", region).get_paginator("list_objects_v2").paginate(
            Bucket=self.deployed.regions[region].bucket, Prefix=suite
        )
        times = {found["Key"].removeprefix(suite): found["LastModified"].timestamp() for page in pages for found in page["Contents"]}
        committed, before = times["InRelease"], self._committed.get(region)
        plain = [when for path, when in times.items() if "by-hash/" not in path and path not in RELEASE_FILES]
        if before is not None:
            self.course.windows.append(Window(region, min(when for when in plain if when > before), committed))
        self._committed[region] = committed

    def start_clients(self, key):
        """Starts the clients, evenly over the Regions."""
        for number in range(self.course.clients):
            region = REGIONS[number % len(REGIONS)]
            client = Client(
                self.parent / f"apt-{number}",
                region,
                f"{self.front.url}/{self.deployed.regions[region].bucket}/{self.prefix}",
                key,
                f"{self._seed}/{self.kind.name}/{number}",
                lambda region=region: self.deployed.read(region, self.in_release),
                self.uploaded,
                self.kind.client_by_hash,
            )
            client.start()
            self._clients.append(client)

    def failures(self):
        """What the clients met so far."""
        return [failure for client in self._clients for failure in client.account.failures]

    def settle(self, made):
        """Stops the clients; with the archive at rest, the next `update` of each must go well and bring the last generation."""
        for client in self._clients:
            client.stop()
            if client.failure:
                raise RuntimeError("a client ended") from client.failure
        met = self.failures()
        with ThreadPoolExecutor(len(self._clients)) as pool:
            outcomes = list(pool.map(Client.update, self._clients))
        wanted = made.read(made.in_release)
        for client, went_well in zip(self._clients, outcomes):
            if not went_well or client.apt.in_release() != wanted:
                self.course.violations.append(f"at rest, a client does not come to the last generation: {client.account.failures[-1:]}")
        self.course.account = sum((client.account for client in self._clients), Account())
        # What failed at rest is judged above.
        self.course.account.failures = met
        self.course.judge()

    def run(self):
        """The whole course: a generation, the clients, and the other generations while they run."""
        began = time.monotonic()
        made = self.make(1)
        self.publish(made)
        self.start_clients(made.key)
        with ThreadPoolExecutor(1) as maker:
            following = maker.submit(self.make, 2)
            for number in range(2, self.generations + 1):
                made = following.result()
                if number < self.generations:
                    following = maker.submit(self.make, number + 1)
                self.publish(made)
                self._forget(number - 1)
                if number % 10 == 0:
                    self.tell(f"{self.kind.name}: generation {number}, {time.monotonic() - began:.0f} s, {len(self.failures())} failures")
        self.settle(made)
        self.course.seconds = time.monotonic() - began
        return self.course

    def run_with_an_early_swap(self):
        """What naive mirrors do: `dists/` goes out as it comes in, and the pool follows. The clients must notice."""
        made = self.make(1)
        self.publish(made)
        self.start_clients(made.key)
        made = self.make(2)
        early = sorted((key for key in made.changed if key.startswith("dists/")), key=lambda key: key == made.in_release)
        for region in REGIONS:
            client = self.deployed.cloud.client("s3", region)
            for key in early:
                client.put_object(Bucket=self.deployed.regions[region].bucket, Key=self.prefix + key, Body=made.read(key))
        give_up = time.monotonic() + BROKEN_SECONDS
        while not self.failures() and time.monotonic() < give_up:
            self._clients[0].wait_for_rounds(1, BROKEN_SECONDS)
        self.publish(made)
        self.settle(made)
        return self.course


def attack(kinds, clients, seed, early_swap=False, tell=lambda text: None):
    """Carries the attack out on a cloud of its own: a course for each kind, of so many generations."""
    courses = []
    with LocalCloud() as cloud, Front(cloud.endpoint) as front:
        archives = ",".join(kind.name.replace(" ", "-") + "/" for kind in kinds)
        deployed = deploy(cloud, regions=REGIONS, parameters={"Archives": archives})
        for kind, generations in kinds.items():
            with Load(deployed, front, kind, generations, clients, seed, tell) as load:
                courses.append(load.run_with_an_early_swap() if early_swap else load.run())
    return courses


def report(courses, seed):
    """The lines that say what it came to; the last is the torture line."""
    lines = [text for course in courses for text in course.in_window[:3]]
    lines += [f"violation: {text}" for course in courses for text in course.violations]
    lines += [HEAD, *(course.row() for course in courses), LEGEND]
    hashed = [course for course in courses if course.kind.by_hash]
    for course in hashed:
        account = course.account
        lines.append(
            f"apt: clients={course.clients} regions={len(REGIONS)} generations={course.generations} updates={account.updates}"
            f" downloads={account.downloads} sources={account.sources} failures={len(course.violations)} seed={seed}"
        )
    others = [course for course in courses if not course.kind.by_hash]
    cases = sum(course.account.cases for course in courses)
    violations = sum(len(course.violations) for course in courses)
    windows = "none"
    if others:
        failed = sum(len(course.in_window) for course in others)
        windows = f"no by-hash {failed} of {sum(course.account.updates for course in others)} updates"
    lines.append(f"attack: real apt under load | cases={cases} | violations={violations} | windows={windows}")
    return lines


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--long", action="store_true", help="a hundred generations of each kind, in place of ten")
    asked.add_argument("--generations", type=int, help="so many of each kind")
    asked.add_argument("--clients", type=int, default=8)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    asked.add_argument("--break", dest="broken", choices=["early-swap"], help="let somebody swap without waiting")
    asked = asked.parse_args()
    # Ended by a signal or by the keyboard, what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    generations = asked.generations or (100 if asked.long else 10)
    courses = attack(
        {KINDS[name]: generations for name in asked.kinds},
        asked.clients,
        asked.seed,
        early_swap=asked.broken == "early-swap",
        tell=lambda text: print(text, flush=True),
    )
    print("\n".join(report(courses, asked.seed)))
    return 1 if any(course.violations for course in courses) else 0


if __name__ == "__main__":
    sys.exit(main())
