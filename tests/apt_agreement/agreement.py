"""Compares the two readings.

The rule: **whatever Suitecast accepts, apt reads the same in it.** Suitecast may refuse what apt reads, since what is
refused is not served; what it may refuse stands in `REFUSED`, each with its reason, so that nothing new creeps in. There is
one difference beyond that, `CUT_SHORT`.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

# What Suitecast refuses though apt reads something: the words of the refusal, and the reason.
REFUSED = [
    (r"names a path that cannot be used", "a path that leaves the archive, or that a key of S3 would not be reached under"),
    (r"gives the size .*, which is no number", "apt takes the digits in front, or zero; a size that is none is a botched index"),
    (r"a second time", "of two apt goes by the later one; other readers by the first"),
    (r"without a SHA256 or SHA512 digest|lists no file with a SHA256", "apt reads it, and then trusts nothing of it"),
    (r"holds no digest", "apt keeps the text as a digest that nothing matches"),
    (r"is not a field of a stanza|is no field of a single stanza", "apt seeks the colon on later lines, drops stray bytes, or ignores what is left over"),
    (r"is not a digest, a size and a", "apt takes three words each wherever the lines end"),
    (r"is not a directory on one line", "apt keeps the line feed within the path"),
    (r"gives another (size|digest|SHA256|SHA512) for", "apt goes by one of them"),
    (r"a (name|directory) in UTF-8", "a key of S3 is UTF-8"),
    (r"the release has no Date|the field Date of the release cannot be read", "apt refuses it too, later"),
]  # fmt: skip

# apt 2.6 ends its reading, without a word, at a stanza that has a carriage return in front of the line feeds that end it.
# Suitecast reads on, so it looks after files that such a client does not know of, and after all that it does.
CUT_SHORT = re.compile(r"\r+\n?\r*(\n|$)")


@dataclass
class Findings:
    """What comparing came to: how much was accepted, refused and why, and where the two differ."""

    cases: int = 0
    files: int = 0
    refused: Counter = field(default_factory=Counter)
    cut_short: int = 0
    violations: list = field(default_factory=list)


def compare(findings, request, ours, theirs):
    findings.cases += 1
    shown = request.get("path") or repr(request["text"])
    if ours["error"] is not None:
        row = next((row for row, (pattern, _) in enumerate(REFUSED) if re.search(pattern, ours["error"])), None)
        if row is None:
            findings.violations.append(f"{request['kind']} refused for no reason of the table: {ours['error']}\n  in {shown}")
        else:
            findings.refused[row] += 1
        return
    findings.files += len(ours["files"])
    if theirs["error"] is not None:
        # Nobody is led anywhere by an index that apt does not read; a mirror may serve it all the same.
        if ours["files"] and request["kind"] != "release":
            findings.violations.append(f"{request['kind']}: accepted, while apt says {theirs['error']}\n  in {shown}")
        return
    mine = sorted(((path.encode().decode("latin-1"), *rest) for path, *rest in ours["files"]), key=repr)
    apts = sorted(map(tuple, theirs["files"]), key=repr)
    if request["kind"] == "release":
        # One row a file here; a list may repeat itself.
        apts = sorted(set(apts), key=repr)
    if mine != apts or ours["date"] != theirs["date"]:
        only_apts = [row for row in apts if row not in mine]
        is_all_or_nothing = theirs["date"] is None and not apts
        if not only_apts and CUT_SHORT.search(request.get("text", "")) and (request["kind"] != "release" or is_all_or_nothing):
            findings.cut_short += 1
            return
        only_mine = [row for row in mine if row not in apts]
        findings.violations.append(
            f"{request['kind']}: Suitecast reads {only_mine[:3]} of {ours['date']}, apt reads {only_apts[:3]} of {theirs['date']}\n  in {shown}"
        )
