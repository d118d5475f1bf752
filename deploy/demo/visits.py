"""Plain HTTP: what members' browsers and the shop's server would send."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 6


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: it is looked at, not followed."""

    def redirect_request(self, *_args: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def fetch(url: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """GET, or POST of a form; returns the status and the body (of a redirect: where it leads)."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    return _send(urllib.request.Request(url, data=data, headers=headers or {}))  # noqa: S310 - our own server


def fetch_all(
    requests: Iterable[tuple[str, dict[str, str] | None]], headers: dict[str, str] | None = None
) -> list[int]:
    """Several visits at once, as of several people; the statuses in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda request: fetch(request[0], form=request[1], headers=headers)[0], requests))


def call(method: str, url: str, key: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """A call of the REST API with a secret key; returns the status and the parsed answer."""
    data = json.dumps(body, default=str).encode() if body is not None else None
    all_headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, data=data, headers=all_headers, method=method)  # noqa: S310
    status, text = _send(request)
    return status, json.loads(text) if text else None


def _send(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with _opener.open(request, timeout=30) as answer:
            return int(answer.status), answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Location") or error.read().decode(errors="replace")
