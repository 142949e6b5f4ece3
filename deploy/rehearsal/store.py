"""A store that speaks as much of S3 as Croupier asks for: objects with ETags, and conditions on both ways.

It can go away, and come back with what it had. Signatures are not looked at: it is for the loopback alone.
"""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Store:
    def __init__(self, address: str) -> None:
        self.objects: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.address = address
        self.port = 0
        self.server: ThreadingHTTPServer | None = None
        self.open()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://{self.address}:{self.port}", "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal",
        }

    def open(self) -> None:
        handler = type("Handler", (Handler,), {"store": self})
        self.server = Server((self.address, self.port), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def close(self) -> None:
        """From now on connections are refused."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # Connections that are open are not waited for.
    block_on_close = False

    def handle_error(self, *_arguments) -> None:
        """Who asked has gone away."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A kept connection is closed soon: it must not outlive a store that has gone away.
    timeout = 1.0
    store: Store

    def do_GET(self) -> None:
        key, held = self.key()
        if held is None:
            self.answer(404, f"<Error><Code>NoSuchKey</Code><Key>{key}</Key></Error>".encode())
        elif self.headers.get("If-None-Match") == etag(held):
            self.answer(304, tag=etag(held))
        else:
            self.answer(200, held, tag=etag(held))

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.store.lock:
            key, held = self.key()
            wanted = self.headers.get("If-Match")
            taken = self.headers.get("If-None-Match") == "*" and held is not None
            if taken or (wanted is not None and (held is None or wanted != etag(held))):
                self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            self.store.objects[key] = body
        self.answer(200, tag=etag(body))

    def key(self) -> tuple[str, bytes | None]:
        key = unquote(urlsplit(self.path).path)
        return key, self.store.objects.get(key)

    def answer(self, status: int, body: bytes = b"", tag: str | None = None) -> None:
        self.send_response(status)
        if tag:
            self.send_header("ETag", tag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(body)

    def log_message(self, *_arguments) -> None:
        pass


def etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'
