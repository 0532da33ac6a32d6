"""`make demo`: the whole of it on this machine, told as it happens; the last line is for a script."""

import argparse
import signal
import sys

from demo.story import tell


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--break", dest="broken", choices=["early-swap"], help="let somebody swap without waiting")
    asked.add_argument("--keep", action="store_true", help="leave the cloud up at the end")
    asked = asked.parse_args()
    # Ended by a signal or by the keyboard, what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return tell(early_swap=asked.broken == "early-swap", keep=asked.keep)


if __name__ == "__main__":
    sys.exit(main())
