"""The mail sink over real sockets: what is sent is what is shown, quickly and without a copy too many."""

from __future__ import annotations

import json
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from deploy.paths import ROOT
from deploy.services.state import free_port


@dataclass(frozen=True)
class Sink:
    smtp_port: int
    web: str

    def read(self, path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(self.web + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    smtp_port, web_port = free_port(), free_port()
    ports = ["--smtp-port", str(smtp_port), "--web-port", str(web_port)]
    command = [sys.executable, "-m", "deploy.mail_sink", *ports, "--folder", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("mail sink: smtp://127.0.0.1:")
        yield Sink(smtp_port, f"http://127.0.0.1:{web_port}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def compose(to: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "shop@example.com"
    message["To"] = to
    message["Subject"] = "您的积分 & points"
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p><script>alert(1)</script>", subtype="html")
    return message


def test_message_is_shown_as_it_was_sent(sink: Sink) -> None:
    text = ".starts with a full stop\n..and another\n.\nlast\n"
    with smtplib.SMTP("127.0.0.1", sink.smtp_port) as client:
        client.send_message(compose("li@example.com", text))

    listed = json.loads(sink.read("/messages.json?to=li@")[1])
    assert (listed["total"], [row["subject"] for row in listed["messages"]]) == (1, ["您的积分 & points"])
    status, page = sink.read("/messages/1")
    assert status == 200
    assert text.strip() in page
    assert "<script>" not in page
    assert "您的积分 &amp; points" in sink.read("/")[1]
    assert sink.read("/messages/2")[0] == 404


def test_empty_message_and_pipelined_commands_are_answered_in_order(sink: Sink) -> None:
    with socket.create_connection(("127.0.0.1", sink.smtp_port)) as client:
        mail = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n.\r\n"
        client.sendall(b"EHLO x\r\n" + mail + mail + b"QUIT\r\n")
        answer = b""
        while received := client.recv(4096):
            answer += received
    codes = [line[:3] for line in answer.decode().splitlines() if line[3] == " "]
    assert codes == ["220", "250", *["250", "250", "354", "250"] * 2, "221"]
    assert json.loads(sink.read("/messages.json")[1])["total"] == 2


def test_page_under_a_foreign_host_name_is_refused(sink: Sink) -> None:
    assert sink.read("/", Host="evil.example.com")[0] == 403


def test_thousands_of_messages_arrive_once_each(sink: Sink) -> None:
    def send(worker: int) -> None:
        with smtplib.SMTP("127.0.0.1", sink.smtp_port) as client:
            for number in range(500):
                raw = f"Subject: {worker}-{number}\r\n\r\nhello\r\n".encode()
                client.sendmail("shop@example.com", [f"m{worker}-{number}@example.com"], raw)

    started = time.monotonic()
    workers = [threading.Thread(target=send, args=(worker,)) for worker in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rows = json.loads(sink.read("/messages.json?limit=10000")[1])["messages"]
    wanted = {f"m{worker}-{number}@example.com" for worker in range(6) for number in range(500)}
    assert sorted(row["recipients"] for row in rows) == sorted(wanted)
    assert time.monotonic() - started < 30
