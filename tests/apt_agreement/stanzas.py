"""Indices and releases that are odd in every way the format has: folding, case, line ends, blanks, repetitions, stray bytes."""

import random

# What is usual comes first; behind it what is odd.
LINE_ENDS = "\n", ["\r\n", "\r\r\n", " \n", "\t\n", "\n\r"]
STANZA_ENDS = "\n", ["\n\n", "\r\n", " \n", "\t\n", "\n\r\n", ""]
COLONS = ": ", [":", ":  ", ":\t", " : ", "\t: ", ":\n ", ":\n\t", ": \n ", ":\n \n ", "\v: ", ":\f"]
FOLDS = "\n ", ["\n\t", "\r\n ", "\n  ", "\n \t", " \n ", "\n \n ", "\n\v", "\n\r "]
NAMES = ["a_1.dsc", "a_1.tar.xz", "b+c~1_1.dsc", "x%2fy", 'q"r', "s[t", "d/e", "caf\u00c3\u00a9"]
PATHS = "pool/a_1_all.deb", ["./b.deb", "././c.deb", "pool/x y.deb", "../up.deb", "/etc/passwd", "pool//d.deb", "", "pool/%2e%2e/e.deb"]
DIRECTORIES = "pool/p", ["pool/p/", ".", "./p", "", ".."]
INDICES = ["main/binary-amd64/Packages.xz", "main/binary-amd64/Packages", "./main/source/Sources.xz", "Release", "InRelease"]
SIZES = "12", ["0", "1", "007", "-1", "+3", "0x10", "1e3", "99999999999999999999", "12abc", ""]
DATES = "Mon, 23 Nov 2026 00:00:00 UTC", [
    "Mon, 23 Nov 2026 00:00:00 GMT", "Mon, 23 Nov 2026 00:00:00 +0000", "Mon, 23 Nov 2026 00:00:00 +0100",
    "Mon, 23 Nov 2026  0:00:00 UTC", "Monday, 23-Nov-26 00:00:00 GMT", "Mon Nov 23 00:00:00 2026", "23 Nov 2026", "",
    "Mon, 23 Nov 2026 00:00:00 Z", "Mon, 3 Nov 2026 24:00:00 UTC", "Mon, 23 Nov 2026 00:00:60 UTC", "mon, 23 nov 2026 00:00:00 utc",
    "Tue, 23 Nov 2026 00:00:00 UTC", "Mon, 31 Feb 2026 00:00:00 UTC", "Mon, 23 Nov 2026 00:00:00 -0000",
]  # fmt: skip
# In front of a line, where it does harm if only one of two readers drops it.
STRAY = ["\r", "\v", "\f", "\0", "#", " ", "\t", "\u00a0", "\u0085", "-", "\r\r", ":", "\x1f"]
EXTRA = ["Filename:", "Filename: x", "Size: ", "SHA256:", "Directory: x", "Checksums-Sha256:", "# a comment", "#: x", "no colon", " ", "\t", ": x"]

# How odd cases are: of most only a thing or two, or hardly any would be accepted by both readers.
RATES = [0.01, 0.03, 0.03, 0.1, 0.3]


class Chance(random.Random):
    """Chance, that is odd now and then."""

    rate = 0.0

    def of(self, choices):
        usual, odd = choices
        return self.choice(odd) if self.is_odd() else usual

    def is_odd(self):
        return self.random() < self.rate


def cases(seed, count):
    """So many requests for both readers, the same for the same seed."""
    chance = Chance(seed)
    makers = {"packages": packages, "sources": sources, "release": release}
    for _ in range(count):
        chance.rate = chance.choice(RATES)
        kind = chance.choice(list(makers))
        yield {"kind": kind, "text": mangled(chance, makers[kind](chance))}


def packages(chance):
    def stanza():
        fields = [field(chance, "Package", "p"), field(chance, "Filename", chance.of(PATHS)), field(chance, "Size", chance.of(SIZES))]
        fields.append(field(chance, "SHA256", digest(chance, 64)))
        if chance.random() < 0.3:
            fields.append(field(chance, "SHA512", digest(chance, 128)))
        if chance.random() < 0.5:
            fields.append(field(chance, "Description", folded(chance, ["one", "of many", ".", "Filename: no.deb"])))
        return shuffled(chance, fields)

    return joined(chance, stanza)


def sources(chance):
    def stanza():
        names = chance.sample(NAMES, chance.randint(1, 3)) if chance.is_odd() else NAMES[: chance.randint(1, 3)]
        sizes = {name: chance.of(SIZES) for name in names}
        fields = [field(chance, "Package", "p"), field(chance, "Directory", chance.of(DIRECTORIES))]
        for name, length in (("Files", 32), ("Checksums-Sha256", 64), ("Checksums-Sha512", 128)):
            if name == "Checksums-Sha256" or chance.random() < 0.5:
                rows = [f"{digest(chance, length)} {sizes[file]} {file}" for file in names]
                fields.append(field(chance, name, folded(chance, ["", *rows])))
        return shuffled(chance, fields)

    return joined(chance, stanza)


def release(chance):
    rows = [f"{chance.of(SIZES):>8} {name}" for name in chance.sample(INDICES, chance.randint(1, 4))]
    fields = [field(chance, "Suite", "s"), field(chance, "Date", chance.of(DATES))]
    for name, length in (("MD5Sum", 32), ("SHA256", 64), ("SHA512", 128)):
        if name == "SHA256" or chance.random() < 0.3:
            fields.append(field(chance, name, folded(chance, ["", *(f"{digest(chance, length)} {row}" for row in rows)])))
    return "".join(shuffled(chance, fields))


def field(chance, name, value):
    """A field with its line end; its case, its colon and its end are as chance has them."""
    name = chance.of((name, [name.lower(), name.upper(), name.swapcase()]))
    return name + chance.of(COLONS) + value + chance.of(LINE_ENDS)


def folded(chance, lines):
    return chance.of(FOLDS).join(lines)


def shuffled(chance, fields):
    if chance.random() < 0.3:
        chance.shuffle(fields)
    if chance.is_odd():
        fields.insert(chance.randrange(len(fields) + 1), chance.choice(fields))
    if chance.is_odd():
        fields.insert(chance.randrange(len(fields) + 1), chance.choice(EXTRA) + "\n")
    return fields


def joined(chance, stanza):
    text = chance.of(("", ["\n", "\n\n", "\r\n", " \n"]))
    for _ in range(chance.randint(1, 3)):
        text += "".join(stanza()) + chance.of(STANZA_ENDS)
    return text.rstrip("\n") if chance.random() < 0.2 else text


def mangled(chance, text):
    """Now and then a stray byte, at a line's beginning for choice, or a byte lost."""
    if chance.is_odd() or chance.random() < 0.05:
        places = [at + 1 for at, character in enumerate(text) if character == "\n"] or [0]
        at = chance.choice(places) if chance.random() < 0.7 else chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(STRAY) + text[at:]
    if chance.is_odd() and text:
        at = chance.randrange(len(text))
        text = text[:at] + text[at + 1 :]
    return text


def digest(chance, length):
    text = "".join(chance.choice("0123456789abcdef") for _ in range(4)) * (length // 4)
    return text if chance.random() > chance.rate / 5 else chance.choice([text.upper(), text[:-1], text + "0", "zz" + text[2:]])
