"""What an attack came to: the line that `make torture` adds up, as `tests/src/attacks/mod.rs` has it."""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """`windows` are looks that fell into a window that SEMANTICS documents: name -> count."""

    attack: str
    cases: int = 0
    windows: dict = field(default_factory=dict)
    violations: list = field(default_factory=list)

    def __str__(self):
        windows = ", ".join(f"{name} {looks}" for name, looks in sorted(self.windows.items()) if looks) or "none"
        return f"attack: {self.attack} | cases={self.cases} | violations={len(self.violations)} | windows={windows}"
