"""Copies of the tree below target/, and the test binaries that are built of them."""

import dataclasses
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path("target/mutants").resolve()
# `mirror` is tested by its own tests alone; `engine` by those of `tests/tests` that need no server. Left out are interleavings,
# races and random walks: they would take a third of the time and catch next to nothing that histories and crashes do not.
ENGINE_TESTS = [
    "archives",
    "bad_input",
    "budgets",
    "crash",
    "histories",
    "hostile_archives",
    "installers",
    "leases",
    "lost_and_denied",
    "lost_answers",
    "meanwhile",
    "mixed_signatures",
    "older_versions",
    "outrun",
    "pipeline",
    "promises",
    "relaxed",
    "releases",
    "reports",
    "runs_that_died",
    "signatures",
    "slices",
    "surveys",
    "sweeps",
    "uploads",
    "wake_ups",
]
# How the names of those begin that take minutes, which `--quick` leaves out.
ATTACKS = ("crash::", "histories::whatever_happens", "outrun::", "wake_ups::")
PACKAGES = ["mirror", "engine"]


def targets(package, names):
    """The arguments of the builds that make the test binaries of these names; of all of the package's without names."""
    # Of the whole workspace, so that cargo takes what else it depends on from where `make test` left it.
    groups = {
        "mirror": {"suitecast_mirror": ["--package", "suitecast-mirror", "--lib"], "golden": ["--workspace", "--test", "golden"]},
        "engine": {name: ["--test", name] for name in ENGINE_TESTS},
    }[package]
    wanted = [arguments for name, arguments in groups.items() if names is None or name in names]
    if package == "engine":
        return [["--workspace", *(word for arguments in wanted for word in arguments)]]
    return wanted


# They are built once, and run thousands of times.
OPTIMISED = {"archive": 2, "engine": 1, "store": 1, "testing": 2, "tests": 1}
# By this alone cargo tells what it builds of one tree, mirror and all that depends on it, from what it builds of another:
# they share the folder target/, and 0 is that of `make test`.
LEVEL_OF_MIRROR = {"switched": 1, "plain": 2}


@dataclasses.dataclass
class Binary:
    """A test binary."""

    package: str
    name: str
    path: str
    # Where cargo would run it.
    folder: str


class BuildError(Exception):
    """The tree does not compile; `errors` are the compiler's messages."""

    def __init__(self, errors, output):
        super().__init__(output)
        self.errors = errors


class Tree:
    """A copy of the tree. Files that did not change keep their times, so that cargo builds again only what it must."""

    def __init__(self, name):
        self.source = pathlib.Path.cwd()
        self.path = ROOT / name

    def copy(self):
        """Makes the copy be as the tree is now."""
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        files = {file for file in listed if file and (self.source / file).is_file()}
        for path in self.path.rglob("*"):
            if path.is_file() and str(path.relative_to(self.path)) not in files:
                path.unlink()
        for file in files:
            self.write(file, self.content_of(file))

    def content_of(self, file):
        content = (self.source / file).read_bytes()
        if file == "tests/Cargo.toml":
            # None of the tests run here needs the package's programs, and cargo would build them along.
            return content.replace(b"[package]\n", b"[package]\nautobins = false\n", 1)
        return content

    def write(self, file, content):
        """Writes a file, unless it is so already."""
        path = self.path / file
        data = content.encode() if isinstance(content, str) else content
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def build(self, package, names=None):
        """Builds the test binaries of these names, or all of the package's, and says which there are."""
        return [binary for arguments in targets(package, names) for binary in self.build_by(package, arguments)]

    def build_by(self, package, arguments):
        command = ["cargo", "test", "--no-run", "--locked", "--quiet", "--message-format", "json", *arguments]
        for crate, level in (OPTIMISED | {"mirror": LEVEL_OF_MIRROR[self.path.name]}).items():
            command += ["--config", f"profile.dev.package.suitecast-{crate}.opt-level={level}"]
        environment = os.environ | {"CARGO_TARGET_DIR": str(self.source / "target"), "CARGO_TERM_COLOR": "never"}
        built = subprocess.run(command, cwd=self.path, env=environment, check=False, capture_output=True, text=True)
        messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
        if built.returncode != 0:
            errors = [
                message["message"]
                for message in messages
                if message["reason"] == "compiler-message" and message["message"]["level"] == "error"
            ]
            raise BuildError(errors, "".join(error["rendered"] for error in errors) + built.stderr[-2000:])
        return [binary_of(package, message) for message in messages if is_test(message)]


def is_test(message):
    return message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"] is not None


def binary_of(package, message):
    folder = pathlib.Path(message["manifest_path"]).parent
    return Binary(package, message["target"]["name"], message["executable"], str(folder))
