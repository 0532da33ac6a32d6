"""Tells what the functions do while they do it, from their own logs."""

import json
import threading

PAUSE_SECONDS = 0.2


class Watcher:
    """Reads the functions' logs in a thread of its own and tells what matters to a person."""

    def __init__(self, deployed, told):
        self._deployed = deployed
        self._told = told
        self._seen = {}
        self._last = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        """Begins to tell."""
        self._thread.start()

    def stop(self):
        """Tells what is left, and ends."""
        self._stopping.set()
        self._thread.join()

    def _run(self):
        while True:
            last_round = self._stopping.wait(PAUSE_SECONDS)
            for region in self._deployed.regions:
                for function in ("replicate", "publish"):
                    self._tell_new(region, function)
            if last_round:
                return

    def _tell_new(self, region, function):
        lines = self._deployed.logs(region, function)
        new = lines[self._seen.get((region, function), 0) :]
        self._seen[region, function] = len(lines)
        for line in new:
            text = sentence(function, line)
            # A function that looks again and finds the same says nothing new.
            if text and self._last.get((region, function)) != text:
                self._last[region, function] = text
                self._told(region, text)


def sentence(function, line):
    """What a line of a function's log says to somebody who watches, or None."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    fields = event.get("fields", {})
    if event.get("level") in ("WARN", "ERROR"):
        return f"{function}: {fields.get('message')} {fields.get('error', '')}"
    if function == "replicate" and fields.get("message") == "replicated":
        copied = fields["objects_copied"]
        woken = f", wakes {fields['woken']}" if fields.get("woken") else ""
        return f"replicate: {fields['uploads']} uploads, {copied} copied{woken}" if copied or woken else None
    if function == "publish" and "outcome" in fields and not fields.get("dry_run"):
        outcome = fields["outcome"]
        if outcome == "Waiting":
            return f"publish: {fields['suite']} waits, {fields['missing_count']} missing: {fields['reason']}"
        if outcome == "Swapped":
            return (
                f"publish: {fields['suite']} SWAPPED, {fields['objects_copied']} copied, "
                f"{fields['requests']} requests, {fields['duration_ms']} ms"
            )
        if outcome in ("Refused", "Withdrawn", "Older", "Held"):
            return f"publish: {fields['suite']} {outcome.lower()}: {fields['reason']}"
    return None
