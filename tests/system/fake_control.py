"""As much of a control plane as a worker host speaks to."""

import contextlib
import http.server
import json
import os
import socketserver
import threading


class FakeControl:
    """Answers a worker host's registrations over a Unix socket, and remembers them."""

    def __init__(self, path, block):
        self.path = str(path)
        self.block = block
        self.registrations = []
        self.server = None

    def start(self):
        control = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                control.registrations.append((self.path, json.loads(body)))
                self.answer({"Block": control.block})

            def answer(self, value):
                answer = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self):  # pylint: disable=invalid-name
                """The list of worker hosts, each as it registered."""
                hosts = {path.rsplit("/", 1)[1]: body for path, body in control.registrations}
                self.answer({"WorkerHosts": [{"Name": name, "Live": True, "Block": control.block, **body}
                                             for name, body in hosts.items()]})

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

            def handle_error(self, *_):
                """Of a worker host that was killed while it asked."""

        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.server = Server(self.path, Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            os.unlink(self.path)
            self.server = None
