"""Amazon's document of address ranges, served over TLS on the loopback by whom the functions are told to trust.

The certificate is made by `openssl` for each server, and is all that a function with `environment()` trusts.
"""

import gzip
import hashlib
import http.server
import json
import subprocess

from cloud.loopback import Loopback
from cloud.paths import ROOT

# As Amazon published it on 22 August 2026.
AMAZONS = ROOT / "functions" / "access" / "tests" / "data" / "ip-ranges-2026-08-22.json.gz"
TOPIC = "arn:aws:sns:us-east-1:806199016981:AmazonIpSpaceChanged"


def amazons_bytes():
    """The document's bytes."""
    return gzip.decompress(AMAZONS.read_bytes())


def instances(document, region):
    """The prefixes of a Region's instances, as they stand in the document."""
    v4 = [entry["ip_prefix"] for entry in document["prefixes"] if (entry["region"], entry["service"]) == (region, "EC2")]
    v6 = [entry["ipv6_prefix"] for entry in document["ipv6_prefixes"] if (entry["region"], entry["service"]) == (region, "EC2")]
    return v4 + v6


class IpRanges(Loopback):
    """A server of one document, for use in a `with` statement: `document` is what it answers, None for 404; `url` is where."""

    def __init__(self, directory):
        self.document = amazons_bytes()
        self.asked = 0
        self._certificate, key = directory / "ip-ranges.crt", directory / "ip-ranges.key"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        # Its own authority is what openssl makes of a certificate by default, and an authority is no server to rustls.
        command += ["-subj", "/CN=suitecast-test", "-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-addext", "basicConstraints=critical,CA:FALSE", "-days", "2"]
        command += ["-keyout", key, "-out", self._certificate]
        subprocess.run(command, check=True, capture_output=True)
        ranges = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 - the name that http.server calls
                """Answers the document."""
                ranges.asked += 1
                self.send_response(404 if ranges.document is None else 200)
                self.send_header("Content-Length", str(len(ranges.document or b"")))
                self.end_headers()
                self.wfile.write(ranges.document or b"")

            def log_message(self, *_):
                """Nothing."""

        super().__init__(Handler, self._certificate, key)
        self.url += "/ip-ranges.json"

    def environment(self):
        """What makes a function trust this server."""
        return {"SSL_CERT_FILE": str(self._certificate)}

    def announcement(self, md5=None, url=None):
        """The event by which SNS tells of the document."""
        message = {
            "create-time": "2026-08-22T15:17:05+00:00",
            "synctoken": json.loads(self.document)["syncToken"],
            "md5": md5 or hashlib.md5(self.document).hexdigest(),  # noqa: S324 - as Amazon announces it
            "url": url or self.url,
        }
        record = {"Type": "Notification", "TopicArn": TOPIC, "Subject": "IP Space Changed", "Message": json.dumps(message)}
        return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": record}]}

    def change(self, change):
        """Changes the document, by a function over its values."""
        document = json.loads(amazons_bytes())
        change(document)
        self.document = json.dumps(document).encode()
