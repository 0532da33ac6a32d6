"""What a client reads from: an HTTP/1.1 server on the loopback that serves a tree as S3 serves a bucket, keeps count, and misbehaves on request."""

import http
import select
import socket
import threading
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import unquote, urlsplit

# How long a server that is to confound a pipeline waits for the next request of it. A client that has sent all it means to send waits for answers.
GATHER_SECONDS = 0.3
TIMEOUT_SECONDS = 60
LARGEST_HEAD = 65536


@dataclass(frozen=True)
class Request:
    """One request as it came: the name that the client called, the path, and what was answered."""

    host: str
    path: str
    status: int


def in_order(requests):
    """As HTTP/1.1 says."""
    return requests


def gathered(requests):
    """In order too, once the client has sent all it means to send."""
    return requests


def rotated(requests):
    """B, C, D, A: as S3 was seen to answer in 2012."""
    return requests[1:] + requests[:1]


class Server:
    """For use in a `with` statement; `url` ends without a slash. To a client that takes it for its proxy it is every host of `trees`.

    `trees` is a directory, or a dictionary of host name -> directory. `status` answers everything where it is set; `absent` are paths that are not
    there. `order` says in which order requests that came together are answered; after `answers_a_connection` answers a connection is closed, whatever
    else was asked on it.
    """

    def __init__(self, trees, status=None, absent=(), order=in_order, answers_a_connection=None):
        self._trees = trees
        self.status = status
        self._absent = set(absent)
        self.order = order
        self._answers_a_connection = answers_a_connection
        self._lock = threading.Lock()
        self._failing = []
        self._requests = []
        self._connections = set()
        # The most requests that one connection had sent and not been answered.
        self.deepest_pipeline = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._accepting.start()
        return self

    def __exit__(self, *_):
        # A thread in accept() does not notice that its socket was closed.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join(TIMEOUT_SECONDS)
        self._listening.close()
        with self._lock:
            for connection in self._connections:
                connection.shutdown(socket.SHUT_RDWR)

    def requests(self):
        """All so far, in the order in which they were answered."""
        with self._lock:
            return list(self._requests)

    def paths(self, status=200):
        """The paths that were answered so."""
        return [request.path for request in self.requests() if request.status == status]

    def forget(self):
        """Begins to count again."""
        with self._lock:
            self._requests.clear()
            self.deepest_pipeline = 0

    def serve(self, trees, absent=()):
        """Serves this from here on."""
        self._trees, self._absent = trees, set(absent)

    def fail_next(self, count, status):
        """Answers the next requests so."""
        with self._lock:
            self._failing += [status] * count

    def _accept(self):
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.settimeout(TIMEOUT_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self._converse(connection)
        except OSError:
            # A client that gives up is no news.
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
                connection.close()

    def _converse(self, connection):
        received, answered = b"", 0
        while True:
            heads, received = _complete_heads(received)
            gathers = bool(heads) and self.order is not in_order
            if not heads or (gathers and select.select([connection], [], [], GATHER_SECONDS)[0]):
                more = connection.recv(LARGEST_HEAD)
                if not more and not heads:
                    return
                received = b"".join(heads) + received + more
                if more:
                    continue
                heads, received = _complete_heads(received)
            with self._lock:
                self.deepest_pipeline = max(self.deepest_pipeline, len(heads))
            for head in self.order(heads):
                connection.sendall(self._answer(head))
                answered += 1
                if answered == self._answers_a_connection:
                    # Read what has come, or the kernel resets the connection and the last answer is lost on its way.
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(LARGEST_HEAD):
                        pass
                    return

    def _answer(self, head):
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        host = urlsplit(target).netloc if "://" in target else fields.get("host", "")
        path = unquote(urlsplit(target).path).lstrip("/")
        status, content, said = self._look_up(host, path, fields)
        with self._lock:
            self._requests.append(Request(host, path, status))
        said |= {"Server": "AmazonS3", "Date": formatdate(usegmt=True), "Content-Length": str(len(content))}
        answer = f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in said.items())
        return answer.encode() + b"\r\n" + (content if method == "GET" else b"")

    def _look_up(self, host, path, fields):
        tree = self._trees.get(host) if isinstance(self._trees, dict) else self._trees
        with self._lock:
            status = self._failing.pop(0) if self._failing else self.status
        if status or tree is None or path in self._absent or not (tree / path).is_file():
            status = status or 404
            code = {403: "AccessDenied", 404: "NoSuchKey", 500: "InternalError", 503: "SlowDown"}[status]
            return status, f"<Error><Code>{code}</Code></Error>".encode(), {"Content-Type": "application/xml"}
        modified = int((tree / path).stat().st_mtime)
        since = fields.get("if-modified-since")
        if since and modified <= parsedate_to_datetime(since).timestamp():
            return 304, b"", {}
        # A range is left out, as a server may (RFC 9110, 14.2).
        return 200, (tree / path).read_bytes(), {"Last-Modified": formatdate(modified, usegmt=True)}


def _complete_heads(received):
    """The requests that have come whole (none has a body), and the rest."""
    *heads, rest = received.split(b"\r\n\r\n")
    return [head + b"\r\n\r\n" for head in heads], rest


class Refusing:
    """An address of the loopback that refuses connections, for use in a `with` statement; `url` as a server has it."""

    def __enter__(self):
        # Bound, so that nobody else gets it, and not listening. Of an address of its own: apt remembers those that refused, whatever the port.
        self._bound = socket.socket()
        self._bound.bind(("127.0.0.2", 0))
        self.url = "http://{}:{}".format(*self._bound.getsockname())
        return self

    def __exit__(self, *_):
        self._bound.close()
