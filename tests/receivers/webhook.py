#!/usr/bin/env python3
"""A receiver of webhooks that checks them by the libraries of their specifications.

    webhook.py SECRET OUT [FAULT...]

Prints the port it listens on (127.0.0.1), then serves. Each request is answered by the next FAULT, in order: a status such as `503`
or `429:2` (with Retry-After), `reset` (the connection is cut), `lost` (taken, and the connection cut before the answer);
after them, or for `ok`, it is verified by `standardwebhooks` and read by `cloudevents`. OUT gets a JSON line for each that was
verified, or that was not, with the reason.
"""

import http.server
import json
import socket
import struct
import sys

from cloudevents.core.bindings import http as cloudevents
from standardwebhooks import Webhook, WebhookVerificationError


def receive(secret, headers, body):
    """What the libraries make of it: (status, a line for OUT)."""
    try:
        Webhook(secret).verify(body, headers)
        event = cloudevents.from_http_event(cloudevents.HTTPMessage(headers=headers, body=body))
    except WebhookVerificationError as error:
        return 401, {"refused": f"signature: {error}"}
    except Exception as error:  # whatever the library has against it
        return 400, {"refused": f"{type(error).__name__}: {error}"}
    same = event.get_id() == headers["webhook-id"]
    line = {"id": event.get_id(), "type": event.get_type(), "source": event.get_source(), "data": event.get_data()}
    return (204, line) if same else (400, {"refused": "the event's id is not the webhook's"})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    secret, out, faults = "", "", []

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fault = self.faults.pop(0) if self.faults else "ok"
        if fault == "reset":
            return self.cut()
        if fault not in ("ok", "lost"):
            status, _, retry_after = fault.partition(":")
            return self.answer(int(status), retry_after)
        status, line = receive(self.secret, {name.lower(): value for name, value in self.headers.items()}, body)
        with open(self.out, "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        if fault == "lost":
            return self.cut()
        self.answer(status, "")

    def answer(self, status, retry_after):
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def cut(self):
        # Lingering for no time at all: the other side sees a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_):
        pass


def main():
    Handler.secret, Handler.out, *Handler.faults = sys.argv[1:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
