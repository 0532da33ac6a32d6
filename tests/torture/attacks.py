"""The attacks that `make torture` carries out, in their order: this list is all there is to change for another one."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """One program, and how many attacks it reports: each by a line of its own."""

    command: tuple[str, ...]
    lines: int = 1


def rust(name, *arguments, lines=1):
    """A program of tests/src/bin, built with the profile `torture`."""
    return Program((f"target/torture/{name}", *arguments), lines)


def test(name, lines=1):
    """A test of tests/tests that is whole as it is."""
    return Program(("cargo", "test", "--quiet", "--locked", "--workspace", "--test", name, "--", "--nocapture"), lines)


def python(module, *arguments, lines=1):
    """A module under tests."""
    return Program((sys.executable, "-m", module, *arguments), lines)


PROGRAMS = (
    rust("attack-crash"),
    rust("attack-histories", lines=3),
    rust("attack-interleavings"),
    python("apt_agreement", "--long"),
    test("signatures_agree_with_apt"),
    python("attacks.apt_load", "--long"),
    python("fuzz.run", "--seconds-each=300"),
    python("attacks.wire", "--long"),
)
