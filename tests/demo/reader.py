"""A reader of its own: walks a Region's live release as apt does, over and over, and counts what does not fit.

It shares no code with the product, so that it cannot be wrong in the same way. A look is one walk of the live release and of every release that
this reader saw live before: a client that fetched an `InRelease` a moment ago must still find all that it names.
"""

import gzip
import hashlib
import http.client
import lzma
import threading
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

# Between two looks, so that the readers leave the machine to what they watch.
PAUSE_SECONDS = 0.1
TIMEOUT_SECONDS = 30
COMPRESSED = (".xz", ".gz", ".bz2", ".lzma", ".zst", ".lz4")
OPENERS = {".xz": lzma.decompress, ".gz": gzip.decompress}


class Misfit(Exception):
    """Something that the release names is not there, or is not what it names."""


@dataclass
class Findings:
    """What a reader has seen so far."""

    looks: int = 0
    inconsistent: int = 0
    misfits: list = field(default_factory=list)


class Reader:
    """Looks until told to stop, in a thread of its own.

    `archive_url` is what the `Filename`s start from, `suite` the suite's directory there; `told` is called with the text of
    every misfit that is new.
    """

    def __init__(self, archive_url, suite, told):
        self._address = urlsplit(archive_url)
        self._suite = suite
        self._told = told
        self._connection = None
        self._releases = []  # every InRelease seen live, oldest first
        self._begun = 0
        self._ended = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.findings = Findings()
        # What makes the reader itself fail is no finding, but nobody must take its silence for consent.
        self.failure = None

    def start(self):
        """Begins to look."""
        self._thread.start()

    def stop(self):
        """Ends the reader after the look under way."""
        self._stopping.set()
        self._thread.join(TIMEOUT_SECONDS)

    def wait_for_a_whole_look(self, timeout):
        """Waits until a look that began after this call has ended; says whether it came to that in time."""
        with self._changed:
            wanted = self._begun + 1
            return self._changed.wait_for(lambda: self.failure or self._ended >= wanted, timeout) and not self.failure

    def _run(self):
        try:
            while not self._stopping.is_set():
                with self._changed:
                    self._begun += 1
                seen = self._look()
                with self._changed:
                    self.findings.looks += seen
                    self._ended += 1
                    self._changed.notify_all()
                self._stopping.wait(PAUSE_SECONDS)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the demo must not pass
            with self._changed:
                self.failure = failure
                self._changed.notify_all()
        finally:
            if self._connection is not None:
                self._connection.close()

    def _look(self):
        """One look; False where no release is live yet."""
        live = self._get(f"{self._suite}/InRelease")
        if live is None and not self._releases:
            return False
        misfits = []
        if live is None:
            misfits.append("InRelease was there and is gone")
        elif live not in self._releases:
            if self._releases and date_of(live) < date_of(self._releases[-1]):
                misfits.append("the live release is older than the one before")
            self._releases.append(live)
        elif live != self._releases[-1]:
            misfits.append("the live release went back to an earlier one")
        for release in self._releases:
            misfits += self._walk(release)
        if misfits:
            with self._changed:
                self.findings.inconsistent += 1
                new = [misfit for misfit in misfits if misfit not in self.findings.misfits]
                self.findings.misfits += new
            for misfit in new:
                self._told(misfit)
        return True

    def _walk(self, release):
        """What of a release does not fit."""
        misfits = []
        listed, algorithm = digest_list(release)
        checked = set()
        for path, (digest, size) in listed.items():
            stem, suffix = split_compression(path)
            # A plain file whose compressed form is listed need not exist; apt asks for the compressed one.
            if not suffix and any(path + other in listed for other in COMPRESSED):
                continue
            try:
                directory, _, name = path.rpartition("/")
                by_hash = f"{self._suite}/{directory}/by-hash/{algorithm}/{digest}"
                body = self._checked(by_hash, algorithm, digest, size, f"{path} by its hash")
                kind = stem.rpartition("/")[2]
                if kind not in ("Packages", "Sources") or suffix not in OPENERS:
                    continue
                for pool, pool_algorithm, pool_digest, pool_size in named_files(kind, OPENERS[suffix](body)):
                    if pool not in checked:
                        checked.add(pool)
                        self._checked(pool, pool_algorithm, pool_digest, pool_size, f"{pool}, named by {name},")
            except Misfit as misfit:
                misfits.append(str(misfit))
        return misfits

    def _checked(self, path, algorithm, digest, size, what):
        body = self._get(path)
        if body is None:
            raise Misfit(f"{what} is not there")
        if len(body) != size:
            raise Misfit(f"{what} has {len(body)} bytes, not {size}")
        if hashlib.new(algorithm.lower(), body).hexdigest() != digest:
            raise Misfit(f"{what} has another {algorithm}")
        return body

    def _get(self, path):
        """The bytes at a path, None where there are none; anything else that a server may answer ends the reader."""
        target = quote(f"{self._address.path.rstrip('/')}/{path}", safe="/")
        for attempt in (1, 2):
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._address.netloc, timeout=TIMEOUT_SECONDS)
            try:
                self._connection.request("GET", target)
                answer = self._connection.getresponse()
                body = answer.read()
                break
            except (http.client.HTTPException, ConnectionError):
                # A server may close an idle connection at any time.
                self._connection.close()
                self._connection = None
                if attempt == 2:
                    raise
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise RuntimeError(f"GET {target} answered {answer.status}")
        return body


def fields(stanza):
    """A stanza's fields: lower-case name -> value, the lines of a folded one joined by newlines."""
    found, name = {}, None
    for line in stanza.splitlines():
        if line[:1] in (" ", "\t"):
            if name:
                found[name] += "\n" + line.strip()
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.lower()
            found[name] = value.strip()
    return found


def release_fields(in_release):
    """The fields inside the clear-signed envelope."""
    text = in_release.decode()
    text = text.split("\n\n", 1)[1].split("\n-----BEGIN PGP SIGNATURE-----", 1)[0]
    return fields(text)


def date_of(in_release):
    """When a release was made."""
    return parsedate_to_datetime(release_fields(in_release)["date"].replace("UTC", "+0000"))


def digest_list(in_release):
    """What a release lists under its strongest digest: path -> (digest, size), and that digest's name."""
    found = release_fields(in_release)
    algorithm = "SHA512" if "sha512" in found else "SHA256"
    listed = {}
    for line in found[algorithm.lower()].splitlines():
        if line.strip():
            digest, size, path = line.split()
            listed[path] = (digest, int(size))
    return listed, algorithm


def split_compression(path):
    """A path without its compression's suffix, and that suffix."""
    for suffix in COMPRESSED:
        if path.endswith(suffix):
            return path[: -len(suffix)], suffix
    return path, ""


def named_files(kind, text):
    """Every file that a Packages or Sources names: (path, algorithm, digest, size)."""
    for stanza in text.decode().split("\n\n"):
        found = fields(stanza)
        if kind == "Packages" and "filename" in found:
            yield found["filename"], "SHA256", found["sha256"], int(found["size"])
        elif kind == "Sources" and "directory" in found:
            for line in found["checksums-sha256"].splitlines():
                if line.strip():
                    digest, size, name = line.split()
                    yield f"{found['directory']}/{name}", "SHA256", digest, int(size)
