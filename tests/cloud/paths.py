"""Where things lie in the project."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
CLOUD_TOOLS = ROOT / ".tools" / "cloud" / "bin"
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
