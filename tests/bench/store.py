"""A real S3 server for benchmarks, SeaweedFS, and a proxy before it that counts requests."""

import http.client
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from cloud.paths import CLOUD_TOOLS

START_SECONDS = 60
STOP_SECONDS = 10
POLL_SECONDS = 0.1
PIECE_BYTES = 256 * 1024
REQUEST_LINE = re.compile(rb"(?:^|\r\n\r\n)(GET|PUT|POST|HEAD|DELETE) (\S+) HTTP/1\.1\r\n")


class Store:
    """One server with a directory of its own, for use in a `with` statement."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="suitecast-bench-store-"))
        self.port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        data = self.directory / "data"
        data.mkdir()
        command = [CLOUD_TOOLS / "weed", "server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
        command += ["-volume.max=200", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=256"]
        command += [f"-dir={data}", f"-filer.localSocket={self.directory}/filer.sock", f"-s3.localSocket={self.directory}/s3.sock"]
        command += [f"-s3.port={self.port}"]
        for flag in ("s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"):
            command.append(f"-{flag}={_free_port()}")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command], cwd=self.directory, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        give_up = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.__exit__()
                raise RuntimeError("the store did not start")
            time.sleep(POLL_SECONDS)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return True
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Counting:
    """A proxy that counts the requests of whoever is pointed at it; for use in a `with` statement."""

    def __init__(self, store):
        self._store = store
        self.requests = Counter()
        self._lock = threading.Lock()

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._store.port))
            threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source, target, is_counted):
        try:
            while piece := source.recv(PIECE_BYTES):
                if is_counted:
                    self._count(piece)
                target.sendall(piece)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _count(self, piece):
        # A request begins a piece: nobody here sends one before the last was answered.
        found = REQUEST_LINE.match(piece)
        if found:
            method, path = found.groups()
            kind = "LIST" if method == b"GET" and b"list-type=2" in path else method.decode()
            with self._lock:
                self.requests[kind] += 1


def _free_port():
    # SeaweedFS keeps the port ten thousand above for itself where it is not told another.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
