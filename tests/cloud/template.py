"""The figures of the template, and of the engine beside it, that tests compute with: read where they stand, never copied."""

import re

import yaml

from cloud.paths import ROOT, TEMPLATE

LIMITS = ROOT / "shared" / "engine" / "src" / "limits.rs"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms (`!Ref X`) as `{"Ref": X}`."""


def _short_form(loader, suffix, node):
    kinds = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    return {suffix: kinds.get(type(node), loader.construct_mapping)(node)}


_Loader.add_multi_constructor("!", _short_form)


def load_template():
    """The template as values."""
    return yaml.load(TEMPLATE.read_text(), Loader=_Loader)  # noqa: S506 - a safe loader, with the tags added


def lease_beyond_slice():
    """Seconds that a lease outlives its slice, as the engine has it."""
    found = re.search(r"pub const LEASE_BEYOND_SLICE: Duration = Duration::from_(secs|mins)\((\d+)\);", LIMITS.read_text())
    if not found:
        raise AssertionError(f"{LIMITS} says LEASE_BEYOND_SLICE otherwise than it is read here")
    return int(found[2]) * {"secs": 1, "mins": 60}[found[1]]


def seconds_of_rate(expression):
    """Seconds between two rounds of `rate(15 minutes)`."""
    number, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression).groups()
    return int(number) * {"minute": 60, "hour": 3600, "day": 86400}[unit]
