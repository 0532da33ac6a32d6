"""HTTP servers of the tests' own: on a free port of the loopback, a thread for each client."""

import http.server
import ssl
import sys
import threading


class Loopback:
    """A server with this handler at `url`, for use in a `with` statement. With a `certificate` (and a key, if that file lacks it) over TLS."""

    def __init__(self, handler, certificate=None, key=None):
        self._server = _Server(("127.0.0.1", 0), handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            # By the client's own thread: one that never says anything keeps no other waiting.
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    """A thread for each client."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that gives up in the middle of an answer, or does not trust the certificate, is no news; anything else is told."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)
