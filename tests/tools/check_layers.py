"""Proves with `cargo tree` that the crates keep to their layers; prints what does not, and ends non-zero then.

functions, cli → lambda, engine → store, mirror → signature → archive, never back; archive, signature and mirror know no runtime and no cloud; no function links
the test doubles.
"""

import subprocess
import sys

# package -> the workspace packages that it may reach, itself left out
LAYERS = {
    "suitecast-archive": set(),
    "suitecast-signature": {"suitecast-archive"},
    "suitecast-mirror": {"suitecast-archive", "suitecast-signature"},
    "suitecast-store": {"suitecast-archive"},
    "suitecast-engine": {"suitecast-archive", "suitecast-mirror", "suitecast-signature", "suitecast-store"},
}
LAYERS["suitecast-lambda"] = LAYERS["suitecast-engine"] | {"suitecast-engine"}
LAYERS["suitecast-cli"] = LAYERS["suitecast-lambda"] | {"suitecast-lambda"}
LAYERS["suitecast-replicate"] = LAYERS["suitecast-lambda"] | {"suitecast-lambda"}
LAYERS["suitecast-publish"] = LAYERS["suitecast-access"] = LAYERS["suitecast-replicate"]

PURE = ("suitecast-archive", "suitecast-signature", "suitecast-mirror")
NOT_PURE = ("tokio", "aws", "lambda", "hyper", "reqwest")


def dependencies(package):
    """The names of all packages that a package links, tests left out."""
    command = ["cargo", "tree", "--package", package, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in printed.splitlines() if line.strip()} - {package}


def main():
    wrong = []
    for package, allowed in LAYERS.items():
        linked = dependencies(package)
        for name in sorted(linked):
            if name.startswith("suitecast-") and name not in allowed:
                wrong.append(f"{package} links {name}, which does not lie below it")
            if package in PURE and name.startswith(NOT_PURE):
                wrong.append(f"{package} links {name}: it must stay pure")
    for line in wrong:
        print(line)
    if not wrong:
        print(f"layers: {len(LAYERS)} packages link only what lies below them")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
