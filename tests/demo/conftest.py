"""A web server and a mail sink, as `run.py demo` starts them, beside the test's database."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.test import override_settings

from deploy.paths import ROOT
from deploy.services.state import free_port


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def surroundings(committed_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    smtp, pages = free_port(), free_port()
    ports = ["--smtp-port", str(smtp), "--web-port", str(pages)]
    command = [sys.executable, "-m", "deploy.mail_sink", *ports, "--folder", str(tmp_path / "mail")]
    monkeypatch.setenv("URM_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("MAIL_SINK_URL", f"http://127.0.0.1:{pages}")
    web = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    web.set_app(get_wsgi_application())
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    server = {"host": "127.0.0.1", "port": smtp, "username": "", "password": "", "use_ssl": False, "use_tls": False}
    sink = subprocess.Popen(command, cwd=ROOT)
    try:
        _until_it_answers(f"http://127.0.0.1:{pages}/")
        with override_settings(
            PUBLIC_URL=f"http://127.0.0.1:{web.server_address[1]}",
            EMAIL=server,
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=smtp,
        ):
            yield
    finally:
        sink.terminate()
        sink.wait(10)
        web.shutdown()
        web.server_close()
        thread.join(10)


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
