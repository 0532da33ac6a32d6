"""What apt reads. Run by Debian's own python3 with the package python3-apt; takes and answers JSON lines as read-index does.

The fields come from `apt_pkg.TagFile`, which is libapt's `pkgTagFile`. What libapt makes of their values it does in C++ that
python-apt does not offer, so it is said again here: `debRecordParserBase::Hashes` for a binary package,
`debSrcRecordParser::Files` for a source package, `debReleaseIndex::Load` and `parseSumData` for a release.
"""

import json
import os
import re
import sys

import apt_pkg

CLEAR_SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
FIELDS = "filename size sha256 sha512 directory files checksums-sha1 checksums-sha256 checksums-sha512 date".split()
BLANKS = " \t\n\v\f\r"


def answer(request):
    kind = request["kind"]
    if "path" in request:
        with open(request["path"], "rb") as file:
            sections = read_sections(file)
    else:
        with in_memory(request["text"].encode("latin-1")) as file:
            sections = read_sections(file)
    try:
        if kind == "release":
            return release(next(iter(sections), {}))
        read = package if kind == "packages" else source
        return {"files": [file for section in sections for file in read(section)], "date": None, "error": None}
    except ValueError as error:
        return {"files": [], "date": None, "error": str(error)}


def read_sections(file):
    """The sections, as dictionaries of the fields that matter; apt finds them, whatever their case and however often they stand."""
    is_clear_signed = file.read(len(CLEAR_SIGNED)) == CLEAR_SIGNED
    file.seek(0)
    if is_clear_signed:
        with in_memory(signed_text(file)) as text:
            return read_sections(text)
    # libapt reads from the descriptor, of which Python may have read more than it was asked for.
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    sections = []
    with apt_pkg.TagFile(file, bytes=True) as tags:
        try:
            for section in tags:
                values = {name: section.find(name) for name in FIELDS}
                sections.append({name: value.decode("latin-1") for name, value in values.items() if value is not None})
        except (SystemError, apt_pkg.Error):
            # apt gives up here, and has what came before.
            pass
    return sections


def signed_text(lines):
    """The text between the headers and the signature, as `OpenMaybeClearSignedFile` hands it on."""
    while next(lines).strip():
        pass
    text = []
    for line in lines:
        if line.startswith(b"-----BEGIN PGP SIGNATURE"):
            break
        text.append(line.removeprefix(b"- "))
    return b"".join(text)


def in_memory(content):
    """A file that libapt can open: it asks for a descriptor."""
    file = open(os.memfd_create("index"), "w+b")
    file.write(content)
    file.flush()
    file.seek(0)
    return file


def package(section):
    """`debRecordParser::FileName`, and the digests and the size beside it."""
    path = section.get("filename", "")
    if path:
        size = section.get("size", "")
        yield [plain(path), int(size) if size.isdigit() else None, digest(section.get("sha256")), digest(section.get("sha512"))]


def source(section):
    """Three words a file, wherever the lines end; the size is the one of the list that is read first."""
    base = section.get("directory", "")
    if base and not base.endswith("/"):
        base += "/"
    files = {}
    # The strongest first, as `HashString::SupportedHashes` has them.
    for field, place in (("checksums-sha512", 3), ("checksums-sha256", 2), ("checksums-sha1", None), ("files", None)):
        words = [word for word in re.split(f"[{BLANKS}]+", section.get(field, "")) if word]
        if len(words) % 3:
            raise ValueError(f"{field} is no list of three words each")
        for hexadecimal, size, name in zip(words[::3], words[1::3], words[2::3]):
            leading = re.match(r"\d+", size)
            if not leading or leading.group() != size:
                raise ValueError(f"{field} has the size {size!r}")
            file = files.setdefault(base + name, [plain(base + name), int(size), None, None])
            if place is not None:
                if file[place] not in (None, digest(hexadecimal)):
                    raise ValueError(f"{field} gives two digests for {name}")
                file[place] = digest(hexadecimal)
    return files.values()


def release(section):
    files = {}
    for field, place in (("sha512", 3), ("sha256", 2)):
        for hexadecimal, size, name in sums(section.get(field, "")):
            file = files.setdefault(name, [plain(name), size, None, None])
            if file[place] is None:
                file[place] = digest(hexadecimal)
    listed = [file for name, file in files.items() if plain(name) not in ("Release", "InRelease", "Release.gpg")]
    date = apt_pkg.str_to_time(section.get("date", ""))
    return {"files": sorted(listed), "date": date, "error": None}


def sums(text):
    """`debReleaseIndex::parseSumData`: a digest and a size that end at a space or a tab, a name that ends at the line's end too."""
    at = 0
    while True:
        at = skip(text, at, " \t\n\r")
        if at == len(text):
            return
        words = []
        for ends in (" \t", " \t", " \t\n\r"):
            at = skip(text, at, " \t")
            end = next((place for place in range(at, len(text)) if text[place] in ends), len(text))
            if at == end or (end == len(text) and len(words) < 2):
                raise ValueError("a list breaks off")
            words.append(text[at:end])
            at = end
        leading = re.match(rf"[{BLANKS}]*(\d*)", words[1]).group(1)
        yield words[0], int(leading or 0), words[2]


def skip(text, at, blanks):
    while at < len(text) and text[at] in blanks:
        at += 1
    return at


def digest(hexadecimal):
    return hexadecimal.lower() if hexadecimal else None


def plain(path):
    """The path without the `./` in front that flat archives write: a request for it is for the same key."""
    while path.startswith("./"):
        path = path[2:]
    return path


def main():
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=False)


if __name__ == "__main__":
    main()
