"""An SMTP server that keeps what it receives and shows it in the browser: for the demo and for trials, never for real.

Standard library only, one process: SMTP in the event loop, pages in threads, messages in an SQLite file. A message is
answered with 250 once it is committed; commits are shared by all connections that wait, so thousands a second pass.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import email
import email.policy
import html
import json
import re
import signal
import sqlite3
import threading
import urllib.parse
from collections.abc import Callable
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

LARGEST = 10 * 1024 * 1024
PAGE = 50
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, received_at TEXT NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    subject TEXT NOT NULL, raw BLOB NOT NULL
);
"""
Row = tuple[str, str, str, str, bytes]


class Mailbox:
    """The stored messages. `add` calls back when the message is on record."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "mail.sqlite3"
        self.connection = sqlite3.connect(self.path)
        self.connection.executescript(SCHEMA)
        self.pending: list[tuple[Row, Callable[[], None]]] = []

    def add(self, *, sender: str, recipients: list[str], raw: bytes, done: Callable[[], None]) -> None:
        row = (dt.datetime.now(dt.UTC).isoformat(), sender, " ".join(recipients), subject_of(raw), raw)
        self.pending.append((row, done))
        if len(self.pending) == 1:
            asyncio.get_running_loop().call_soon(self.commit)

    def commit(self) -> None:
        taken, self.pending = self.pending, []
        with self.connection:
            self.connection.executemany(
                "INSERT INTO message (received_at, sender, recipients, subject, raw) VALUES (?, ?, ?, ?, ?)",
                [row for row, _ in taken],
            )
        for _, done in taken:
            done()


def subject_of(raw: bytes) -> str:
    """The decoded subject, without parsing the whole message."""
    head = raw.partition(b"\r\n\r\n")[0]
    found = re.search(rb"(?im)^subject:((?:.*)(?:\r?\n[ \t].*)*)", head)
    if not found:
        return ""
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", found.group(1).decode("utf-8", "replace")).strip()
    return str(email.policy.default.header_factory("subject", unfolded))


class SmtpSession(asyncio.Protocol):
    """One client. Commands may be pipelined; they are answered in order."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.buffer = bytearray()
        self.searched = 0
        self.receives_data = False
        self.waits = False
        self.sender: str | None = None
        self.recipients: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.answer(220, "mail sink ready")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.advance()

    def answer(self, code: int, *lines: str) -> None:
        *first, last = lines
        text = "".join(f"{code}-{line}\r\n" for line in first) + f"{code} {last}\r\n"
        self.transport.write(text.encode())

    def advance(self) -> None:
        while not self.waits and not self.transport.is_closing():
            if self.receives_data:
                if not self.take_message():
                    return
            else:
                end = self.buffer.find(b"\r\n")
                if end < 0 and len(self.buffer) > 4096:
                    self.answer(500, "line too long")
                    self.transport.close()
                if end < 0:
                    return
                line = self.buffer[:end].decode("utf-8", "replace")
                del self.buffer[: end + 2]
                self.obey(line)

    def obey(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        match verb.upper():
            case "EHLO":
                self.answer(250, "mail sink", "PIPELINING", f"SIZE {LARGEST}", "8BITMIME", "SMTPUTF8")
            case "HELO" | "NOOP":
                self.answer(250, "mail sink")
            case "MAIL":
                self.sender, self.recipients = address(argument), []
                self.answer(250, "sender taken")
            case "RCPT" if self.sender is not None:
                self.recipients.append(address(argument))
                self.answer(250, "recipient taken")
            case "DATA" if self.recipients:
                # The line break of the command belongs to the search: an empty message is ".\r\n" alone.
                self.buffer[:0] = b"\r\n"
                self.receives_data, self.searched = True, 0
                self.answer(354, "end with a line that holds one full stop")
            case "RCPT" | "DATA":
                self.answer(503, "MAIL and RCPT come first")
            case "RSET":
                self.sender, self.recipients = None, []
                self.answer(250, "forgotten")
            case "QUIT":
                self.answer(221, "good-bye")
                self.transport.close()
            case _:
                self.answer(502, "unknown command")

    def take_message(self) -> bool:
        """Store the message if its end has arrived."""
        end = self.buffer.find(b"\r\n.\r\n", self.searched)
        if end < 0:
            self.searched = max(0, len(self.buffer) - 4)
            if len(self.buffer) > LARGEST:
                self.answer(552, "message too large")
                self.transport.close()
            return False
        raw = bytes(self.buffer[: end + 2]).replace(b"\r\n..", b"\r\n.")[2:]
        del self.buffer[: end + 5]
        self.receives_data, self.waits = False, True
        self.mailbox.add(sender=self.sender or "", recipients=self.recipients, raw=raw, done=self.stored)
        self.sender, self.recipients = None, []
        return True

    def stored(self) -> None:
        self.waits = False
        if not self.transport.is_closing():
            self.answer(250, "kept")
            self.advance()


def address(argument: str) -> str:
    """`FROM:<a@example.com> SIZE=100` → `a@example.com`."""
    found = re.search(r"<([^>]*)>", argument)
    return found.group(1) if found else argument.partition(":")[2].strip()


STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; }
body { max-width: 70rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .35rem .5rem; border-bottom: 1px solid #8886; overflow-wrap: anywhere; }
input { font: inherit; padding: .25rem .5rem; min-width: 16rem; }
button { font: inherit; padding: .25rem .75rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
iframe { width: 100%; height: 70vh; border: 1px solid #8886; background: #fff; }
"""
# Links of a message open in a tab of their own; nothing in it runs, nothing is loaded from elsewhere.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"


class Pages(BaseHTTPRequestHandler):
    """`/` lists, `/messages/ID` shows, `/messages/ID/html` and `/raw`; `/messages.json` for programs."""

    server: Website
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.server.is_local and not self.is_addressed_locally():
            self.reply(403, "text/plain", b"only for this machine")
            return
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        connection = sqlite3.connect(f"file:{urllib.parse.quote(str(self.server.mail))}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            self.route(url.path, query, connection)
        except (ValueError, OverflowError):
            self.reply(400, "text/plain", b"a number was expected")
        finally:
            connection.close()

    def is_addressed_locally(self) -> bool:
        """Refuse a foreign host name that was made to point here (DNS rebinding)."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        return host in {"127.0.0.1", "localhost", "[::1]"}

    def route(self, path: str, query: dict[str, str], connection: sqlite3.Connection) -> None:
        if path == "/":
            self.reply(200, "text/html", list_page(connection, query).encode())
        elif path == "/style.css":
            self.reply(200, "text/css", STYLE.encode())
        elif path == "/messages.json":
            self.reply(200, "application/json", json.dumps(as_json(connection, query)).encode())
        elif found := re.fullmatch(r"/messages/(\d{1,18})(/html|/raw|)", path):
            row = connection.execute("SELECT * FROM message WHERE id = ?", (int(found[1]),)).fetchone()
            if row is None:
                self.reply(404, "text/plain", b"no such message")
            elif found[2] == "/raw":
                self.reply(200, "text/plain", row["raw"])
            elif found[2] == "/html":
                body = b'<base target="_blank">' + (part(parse(row["raw"]), "html") or "").encode()
                policy = f"sandbox {SANDBOX}; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
                self.reply(200, "text/html", body, policy)
            else:
                self.reply(200, "text/html", message_page(row).encode())
        else:
            self.reply(404, "text/plain", b"no such page")

    def reply(self, code: int, kind: str, body: bytes, policy: str = "") -> None:
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        ours = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'"
        self.send_header("Content-Security-Policy", policy or ours)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Pages are looked at by one person: no log."""


class Website(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, mail: Path) -> None:
        super().__init__((host, port), Pages)
        self.mail = mail
        self.is_local = host in {"127.0.0.1", "localhost", "::1"}


def parse(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def part(message: EmailMessage, kind: str) -> str | None:
    body = message.get_body(preferencelist=(kind,))
    if body is None:
        return None
    content = body.get_content()
    return content.replace("\r\n", "\n") if isinstance(content, str) else None


def select(connection: sqlite3.Connection, search: str, before: int, limit: int) -> list[sqlite3.Row]:
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", search) + "%"
    return connection.execute(
        "SELECT id, received_at, sender, recipients, subject FROM message"
        " WHERE id < ? AND (recipients LIKE ? ESCAPE '\\' OR subject LIKE ? ESCAPE '\\') ORDER BY id DESC LIMIT ?",
        (before, pattern, pattern, limit),
    ).fetchall()


def as_json(connection: sqlite3.Connection, query: dict[str, str]) -> dict[str, object]:
    """`?to=&before=&limit=` → the messages, newest first, and how many there are in all."""
    limit = min(int(query.get("limit", PAGE)), 10_000)
    rows = select(connection, query.get("to", ""), int(query.get("before", 2**62)), limit)
    (total,) = connection.execute("SELECT count(*) FROM message").fetchone()
    return {"total": total, "messages": [dict(row) for row in rows]}


def page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head>'
        f"<body><main>{body}</main></body></html>"
    )


def list_page(connection: sqlite3.Connection, query: dict[str, str]) -> str:
    search = query.get("q", "")
    rows = select(connection, search, int(query.get("before", 2**62)), PAGE)
    (total,) = connection.execute("SELECT count(*) FROM message").fetchone()
    lines = "".join(
        f"<tr><td>{html.escape(row['received_at'][:19].replace('T', ' '))}</td>"
        f"<td>{html.escape(row['recipients'])}</td>"
        f'<td><a href="/messages/{row["id"]}">{html.escape(row["subject"] or "(no subject)")}</a></td></tr>'
        for row in rows
    )
    older = ""
    if len(rows) == PAGE:
        link = urllib.parse.urlencode({"q": search, "before": rows[-1]["id"]})
        older = f'<p><a href="/?{html.escape(link)}">Older messages</a></p>'
    return page(
        "Mail sink",
        f"<h1>Mail sink</h1><p>{total} messages were sent here. None of them left this machine.</p>"
        '<form><label>Recipient or subject <input name="q" value="'
        f'{html.escape(search)}"></label> <button>Search</button></form>'
        "<table><thead><tr><th>Received (UTC)</th><th>To</th><th>Subject</th></tr></thead>"
        f"<tbody>{lines}</tbody></table>{older}",
    )


def message_page(row: sqlite3.Row) -> str:
    message = parse(row["raw"])
    headers = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>" for name, value in message.items()
    )
    shown = ""
    if part(message, "html") is not None:
        source = f"/messages/{row['id']}/html"
        shown = (
            f'<h2>As a mail program shows it</h2><iframe title="Message" sandbox="{SANDBOX}" src="{source}"></iframe>'
        )
    text = html.escape(part(message, "plain") or "(no plain text)")
    return page(
        row["subject"],
        f'<p><a href="/">All messages</a></p><h1>{html.escape(row["subject"] or "(no subject)")}</h1>'
        f"<p>To {html.escape(row['recipients'])}, {html.escape(row['received_at'][:19].replace('T', ' '))} UTC</p>"
        f"{shown}<h2>Plain text</h2><pre>{text}</pre><h2>Headers</h2><table>{headers}</table>"
        f'<p><a href="/messages/{row["id"]}/raw">Source</a></p>',
    )


async def serve(*, host: str, smtp_port: int, web_port: int, folder: Path) -> None:
    mailbox = Mailbox(folder)
    website = Website(host, web_port, mailbox.path)
    threading.Thread(target=website.serve_forever, daemon=True).start()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SmtpSession(mailbox), host, smtp_port, backlog=1024)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    print(f"mail sink: smtp://{host}:{smtp_port}, pages on http://{host}:{web_port}", flush=True)
    await stop.wait()
    server.close()
    website.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--web-port", type=int, default=8025)
    parser.add_argument("--folder", type=Path, required=True, help="where messages are kept")
    options = parser.parse_args()
    asyncio.run(serve(host=options.host, smtp_port=options.smtp_port, web_port=options.web_port, folder=options.folder))


if __name__ == "__main__":
    main()
