"""The mutants, as cargo-mutants lists them."""

import dataclasses
import hashlib
import json
import pathlib
import re
import subprocess

# What cargo-mutants leaves in the code it changed; it means nothing.
REMARK = re.compile(r" ?/\* ~ changed by cargo-mutants ~ \*/")


@dataclasses.dataclass(frozen=True)
class Function:
    """Where in its file a function is, in characters from the file's beginning."""

    begin: int
    body: int
    end: int


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One small change of one file."""

    package: str
    file: str
    name: str
    # The file with the change.
    changed: str
    # None for what stands outside of every function: a constant.
    function: Function | None
    # The function's kind of result cannot be given by two pieces of code (`impl Trait`), so no switch can choose one.
    is_one_kind: bool

    @property
    def is_switchable(self):
        """Whether a switch in the function can choose between the code and its change."""
        return self.function is not None and not self.is_one_kind


def mutants_of(program, package):
    """All mutants of a package, in cargo-mutants' order."""
    command = [program, "mutants", "--list", "--json", "--diff", "--package", f"suitecast-{package}", "--colors=never"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    return [mutant_from(package, entry) for entry in json.loads(listed.stdout)]


def is_new_since(commit, mutant):
    """Whether a mutant stands in code that was not yet so at a commit: its function (or its file, for what stands outside of every function) was
    another."""
    shown = subprocess.run(["git", "show", f"{commit}:{mutant.file}"], capture_output=True, text=True, check=False)
    text = pathlib.Path(mutant.file).read_text()
    now = text[mutant.function.begin : mutant.function.end] if mutant.function else text
    return shown.returncode != 0 or now not in shown.stdout


def digest_of(mutants):
    """One word for a list of mutants and the code they are of."""
    hasher = hashlib.sha256()
    for mutant in mutants:
        hasher.update(f"{mutant.name}\0{mutant.changed}\0".encode())
    return hasher.hexdigest()


def mutant_from(package, entry):
    text = pathlib.Path(entry["file"]).read_text()
    changed = REMARK.sub("", patched(text, entry["diff"]))
    function = entry["function"] and function_at(text, entry["function"]["span"])
    is_one_kind = bool(function) and "impl " in entry["function"]["return_type"]
    return Mutant(package, entry["file"], entry["name"], changed, function, is_one_kind)


def patched(text, diff):
    """The text with a unified diff applied to it. Every line that the diff shows is compared."""
    lines = text.splitlines(keepends=True)
    result = []
    at = 0
    for line in diff.splitlines(keepends=True)[2:]:
        if hunk := re.match(r"@@ -(\d+)", line):
            begin = int(hunk.group(1)) - 1
            result += lines[at:begin]
            at = begin
        elif line[0] == "+":
            result.append(line[1:])
        elif line[0] in " -":
            if lines[at] != line[1:]:
                raise ValueError(f"the diff is of other code: {line!r} is {lines[at]!r}")
            if line[0] == " ":
                result.append(lines[at])
            at += 1
    return "".join(result + lines[at:])


def function_at(text, span):
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    begin, end = (starts[place["line"] - 1] + place["column"] - 1 for place in (span["start"], span["end"]))
    depth = 0
    for at in range(begin, end):
        # Patterns of parameters and types may hold braces, within parentheses and brackets.
        depth += (text[at] in "([") - (text[at] in ")]")
        if text[at] == "{" and depth == 0:
            return Function(begin, at, end)
    raise ValueError(f"no body found in {text[begin:end]!r}")
