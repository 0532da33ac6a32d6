"""`python -m torture [WORD…]`: every attack at length, or those whose command holds one of the words."""

import signal
import sys

from torture.attacks import PROGRAMS
from torture.runner import run_all


def main():
    # Ended by a signal, what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    words = sys.argv[1:]
    chosen = [program for program in PROGRAMS if not words or any(word in " ".join(program.command) for word in words)]
    return 0 if run_all(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
