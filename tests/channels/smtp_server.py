"""A small SMTP server that behaves as the recipient's name says, and counts what it takes responsibility for.

ok…      taken                       gone…     550 at RCPT
busy…    451 at RCPT                 spam…     554 after the content
mute…    connection closed once the content is there (the answer is lost)
last…    421 instead of an answer to MAIL
"""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast


@dataclass
class Taken:
    """What the server has taken responsibility for, by recipient; how often it was connected to."""

    port: int = 0
    mails: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _content in self.mails]

    def message(self, index: int = 0) -> EmailMessage:
        return message_from_bytes(self.mails[index][1], policy=policy.default)


class _Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: "_Server"

    def handle(self) -> None:
        self.server.taken.connections += 1
        self.recipient = ""
        self.sender = ""
        self.reply("220 ready")
        with suppress(ConnectionResetError):  # the client was killed
            self.converse()

    def converse(self) -> None:
        for line in self.rfile:
            verb, _, argument = line.decode().strip().partition(" ")
            if not (self.data() if verb.upper() == "DATA" else self.command(verb.upper(), argument)):
                return

    def finish(self) -> None:
        with suppress(OSError):  # the client was killed
            super().finish()

    def reply(self, text: str) -> bool:
        self.wfile.write(f"{text}\r\n".encode())
        return True

    def command(self, verb: str, argument: str) -> bool:
        if verb == "EHLO":
            offered = ["250-here"] + (["250-PIPELINING"] if self.server.pipelining else []) + ["250 8BITMIME"]
            return self.reply("\r\n".join(offered))
        if verb == "MAIL":
            taken = len(self.server.taken.mails)
            if self.server.after and taken % self.server.after == 0 and taken != self.server.closed_at:
                self.server.closed_at = taken
                self.reply("421 enough for one connection")
                return False
            self.sender, self.recipient = argument, ""
            return self.reply("250 ok")
        if verb == "RCPT":
            name = argument.partition("<")[2].rstrip(">")
            if name.startswith("last"):
                self.reply("421 closing")
                return False
            if name.startswith("gone"):
                return self.reply(f"550 5.1.1 <{name}> does not live here")
            if name.startswith("busy"):
                return self.reply("451 4.2.1 mailbox busy")
            self.recipient = name
            return self.reply("250 ok")
        if verb == "RSET":
            self.sender = self.recipient = ""
            return self.reply("250 ok")
        if verb == "QUIT":
            self.reply("221 bye")
            return False
        return self.reply("502 what")

    def data(self) -> bool:
        if not self.recipient and not self.server.careless:
            return self.reply("503 no recipient")
        self.reply("354 go ahead")
        content = b""
        for line in self.rfile:
            if line == b".\r\n":
                break
            content += line[1:] if line.startswith(b".") else line
        else:
            return False
        if not self.recipient:
            return self.reply("554 no recipient")
        if self.recipient.startswith("mute"):
            return False
        if self.recipient.startswith("spam"):
            return self.reply("554 looks like spam")
        self.server.taken.mails.append((self.recipient, content))
        return self.reply("250 taken")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    taken: Taken
    pipelining: bool
    careless: bool
    after: int
    closed_at = 0


@contextmanager
def smtp_server(*, pipelining: bool = True, careless: bool = False, after: int = 0) -> Iterator[Taken]:
    """`careless`: says 354 even without a recipient. `after`: closes the connection after so many mails."""
    server = _Server(("127.0.0.1", 0), cast(Any, _Session))
    server.taken, server.pipelining, server.careless, server.after = Taken(), pipelining, careless, after
    server.taken.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.taken
    finally:
        server.shutdown()
        server.server_close()
