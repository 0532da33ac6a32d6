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
        events = [event for event in map(_event, lines[self._seen.get((region, function), 0) :]) if event]
        self._seen[region, function] = len(lines)
        told = [sentence for sentence in map(_trouble, events) if sentence]
        told += _replicated(events) if function == "replicate" else filter(None, map(_published, events))
        for sentence in told:
            # A function that looks again and finds the same says nothing new.
            if self._last.get((region, function)) != sentence:
                self._last[region, function] = sentence
                self._told(region, sentence)


def _event(line):
    """What a line of a function's log holds, or None where it is not an event of the function's own."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "fields" in event else None


def _trouble(event):
    if event.get("level") not in ("WARN", "ERROR"):
        return None
    return f"{event['fields'].get('message')}: {event['fields'].get('error', '')}"


def _replicated(events):
    """One sentence for all batches since the last look."""
    batches = [event["fields"] for event in events if event["fields"].get("message") == "replicated"]
    uploads = sum(batch["uploads"] for batch in batches)
    copied = sum(batch["objects_copied"] for batch in batches)
    woken = ", ".join(sorted({batch["woken"] for batch in batches} - {""}))
    if not copied and not woken:
        return []
    return [f"replicate: hears of {uploads}, copies {copied}" + (f", wakes {woken}" if woken else "")]


def _published(event):
    fields = event["fields"]
    if "outcome" not in fields or fields.get("dry_run"):
        return None
    outcome, suite = fields["outcome"], fields["suite"]
    if outcome == "swapped":
        cost = f"{fields['objects_copied']} copied, {fields['requests']} requests, {fields['duration_ms']} ms"
        return f"publish: {suite} swapped, {cost}"
    if outcome in ("waiting", "refused", "withdrawn", "older", "held"):
        return f"publish: {suite} {outcome}: {fields['reason']}"
    return None
