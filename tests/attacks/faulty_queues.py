"""Queues that fail: what functions ask of SQS goes through a server on the loopback, which spoils some of it as SQS and networks do."""

import http.client
import http.server
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cloud.loopback import Loopback

TIMEOUT_SECONDS = 60
# What SQS answers when it is busy, when it fails, and when too much is asked of it: status and error code.
REFUSALS = {
    "503": (503, "ServiceUnavailable"),
    "500": (500, "InternalFailure"),
    "throttled": (403, "RequestThrottled"),
}
CUT = "cut before it was heard"
LOST = "answer lost"
HUNG = "no answer for long"
# Longer than a function waits for one answer of a queue.
HANG_SECONDS = 20


@dataclass
class Plan:
    """What is to fail, in percent of the requests, and what was counted. What hangs took place."""

    percent: int = 0
    hang_percent: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    requests: Counter = field(default_factory=Counter)
    faults: Counter = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, operation):
        """What becomes of the next request: the name of a fault, or nothing."""
        with self.lock:
            self.requests[operation] += 1
            drawn = self.chance.uniform(0, 100)
            fault = None
            if drawn < self.hang_percent:
                fault = HUNG
            elif drawn < self.hang_percent + self.percent:
                fault = self.chance.choice([*REFUSALS, CUT, LOST])
            if fault:
                self.faults[fault] += 1
            return fault


class FaultyQueues(Loopback):
    """Stands before the queues of a cloud at `url`, for use in a `with` statement.

    Made before the cloud, whose functions are told of it; `stand_before` says which cloud it is. Nothing fails until `fail`.
    """

    def __init__(self):
        self.plan = Plan()
        self._stopping = threading.Event()
        self._handler = type("Handler", (_Forward,), {"queues": self, "upstream": None})
        super().__init__(self._handler)

    def __exit__(self, *error):
        self._stopping.set()
        super().__exit__(*error)

    def stand_before(self, endpoint):
        """Where requests go."""
        self._handler.upstream = urlsplit(endpoint).netloc

    def fail(self, seed=0, percent=0, hang_percent=0):
        """From here on so many requests in a hundred meet a fault."""
        with self.plan.lock:
            self.plan.chance = random.Random(seed)
            self.plan.percent, self.plan.hang_percent = percent, hang_percent

    def environment(self):
        """What functions need to ask these queues."""
        return {"AWS_ENDPOINT_URL_SQS": self.url}

    def hang(self):
        """Returns after a long while, or when nobody needs an answer any more."""
        self._stopping.wait(HANG_SECONDS)


class _Forward(http.server.BaseHTTPRequestHandler):
    """One client's connection; each request goes to the cloud by a connection of its own."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet: two of them wait for one another 40 ms on a kept connection.
    wbufsize = -1
    queues = None
    upstream = None

    def do_POST(self):  # noqa: N802 - the name that http.server calls
        """Passes the request on, or spoils it."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.queues.plan.draw(self.headers.get("X-Amz-Target", "").rpartition(".")[2])
        if fault in REFUSALS:
            self._refuse(*REFUSALS[fault])
            return
        if fault != CUT:
            answer = self._ask(body)
        if fault == HUNG:
            self.queues.hang()
        if fault:
            self.close_connection = True
            return
        status, headers, content = answer
        self._answer(status, headers, content)

    def _ask(self, body):
        connection = http.client.HTTPConnection(self.upstream, timeout=TIMEOUT_SECONDS)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, {"Content-Type": answer.headers.get("Content-Type", "")}, answer.read()
        finally:
            connection.close()

    def _refuse(self, status, code):
        content = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "a fault of the test"}).encode()
        self._answer(status, {"Content-Type": "application/x-amz-json-1.0"}, content)

    def _answer(self, status, headers, content):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing."""
