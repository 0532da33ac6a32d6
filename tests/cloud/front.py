"""What S3 does for those who read and the local cloud does not: `If-Range`, a `+` that is a space, and buckets under names of their own.

apt resumes what it has half of, or believes to have, by `Range` with `If-Range`. S3 sends the whole object where it has changed since; the local
cloud does not look at the condition and says 416, which apt takes for "you have all of it". A client whose `update` failed once would then believe
its old `InRelease` for ever. This server on the loopback stands before the cloud and leaves the range out, as a server may (RFC 9110, 14.2).

S3 reads a `+` in a path as a space (Launchpad bug 1003633); the local cloud takes it for itself.

For a client that takes it for its proxy, `http://BUCKET/KEY` is that object: some readers do not get along with ports.
"""

import http.client
import http.server
from urllib.parse import urlsplit

from cloud.loopback import Loopback

TIMEOUT_SECONDS = 60
ASKED = ("If-Modified-Since", "If-None-Match", "Cache-Control")
ANSWERED = ("Content-Type", "Last-Modified", "ETag", "Cache-Control")


class Front(Loopback):
    """Reads of a cloud's buckets at `url`, for use in a `with` statement."""

    def __init__(self, endpoint):
        class Handler(_Forward):
            upstream = urlsplit(endpoint).netloc

        super().__init__(Handler)


class _Forward(http.server.BaseHTTPRequestHandler):
    """One client's connection, and one of its own to the cloud."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet: two of them wait for one another 40 ms on a kept connection.
    wbufsize = -1
    upstream = ""

    def setup(self):
        super().setup()
        self._connection = None

    def finish(self):
        if self._connection:
            self._connection.close()
        super().finish()

    def do_GET(self):  # noqa: N802 - the name that http.server calls
        """Passes the question on without its range, and the answer back."""
        answer, body = self._ask({name: self.headers[name] for name in ASKED if name in self.headers})
        self.send_response(answer.status)
        for name in ANSWERED:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        if answer.status != 304:
            self.send_header("Content-Length", answer.headers.get("Content-Length", str(len(body))))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _ask(self, headers):
        if self._connection:
            try:
                return self._exchange(headers)
            except (http.client.HTTPException, ConnectionError):
                # A server may close an idle connection at any time.
                self._connection.close()
        self._connection = http.client.HTTPConnection(self.upstream, timeout=TIMEOUT_SECONDS)
        return self._exchange(headers)

    def _exchange(self, headers):
        # To a proxy the whole address is said; the bucket's name is the host's.
        path = self.path.replace("http://", "/", 1) if self.path.startswith("http://") else self.path
        self._connection.request(self.command, path.replace("+", "%20"), headers=headers)
        answer = self._connection.getresponse()
        return answer, answer.read()

    def log_message(self, *_):
        """Nothing."""
