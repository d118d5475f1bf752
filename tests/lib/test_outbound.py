"""Requests to customers' addresses reach the outside only: addresses, rebinding, redirects, ports, slow answers."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.lib.receiver import Receiver, receiver
from urm.lib import outbound
from urm.lib.outbound import OutboundError, check_address, is_public, post

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.0.8", "192.88.99.1", "198.18.0.1", "203.0.113.5", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1"),
    *("2001:db8::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "nonsense"),
]


@pytest.fixture
def outside() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.mark.parametrize("address", PRIVATE)
def test_private_and_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_nothing_connects_to_them_whatever_name_leads_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda address, **_named: asked.append(address))
    for address in PRIVATE:
        for scheme in ("http", "https"):
            monkeypatch.setattr(socket, "getaddrinfo", answering(address))
            with pytest.raises(OutboundError, match="private network"):
                post(f"{scheme}://innocent.example/", b"{}", {})
    assert (asked, len(PRIVATE) >= 25) == ([], True)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com/", "begin with https"),
        ("file:///etc/passwd", "begin with https"),
        ("https://", "begin with https"),
        ("https://user:word@example.com/", "user or a password"),
        ("https://example.com:8443/", "ports 80 and 443"),
        ("http://example.com:99999/", "cannot be read"),
        ("http://[::1/", "cannot be read"),
        ("http://example.com/ x", "blanks"),
        ("http://example.com/\r\nHost: x", "blanks"),
    ],
)
def test_strange_addresses_are_refused(url: str, words: str) -> None:
    with pytest.raises(OutboundError, match=words):
        check_address(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f.1", "017700000001"])
def test_ways_to_write_this_machine_are_refused(host: str) -> None:
    with pytest.raises(OutboundError, match=r"private network|cannot be resolved"):
        post(f"http://{host}/", b"", {})


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("93.184.216.34", "10.0.0.1"))
    with pytest.raises(OutboundError, match="private network"):
        post("http://two.example/", b"", {})


def test_name_is_resolved_once_and_the_checked_address_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    answers = ["127.0.0.1", "93.184.216.34"]

    def resolve(*_args: Any, **_named: Any) -> Any:
        return answering(answers.pop())()

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    def connect(address: Any, **_named: Any) -> socket.socket:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(OutboundError, match="No answer"):
        post("http://rebinding.example/", b"", {})
    assert asked == [("93.184.216.34", 80)]


def answering(*addresses: str) -> Any:
    return lambda *_args, **_named: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in addresses]


def test_redirect_is_not_followed(outside: Receiver, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{outside.port}"]
    outside.answers, outside.headers = [302], {"Location": "http://169.254.169.254/"}
    assert post(outside.url, b"{}", {}).status == 302
    assert [one.path for one in outside.came] == ["/hook?a=1"]


@pytest.mark.parametrize("status", [301, 303, 307, 308])
def test_no_kind_of_redirect_is_followed(outside: Receiver, settings: Any, status: int) -> None:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{outside.port}"]
    outside.answers, outside.headers = [status], {"Location": f"{outside.url}&again"}
    assert post(outside.url, b"{}", {}).status == status
    assert len(outside.came) == 1


def drip(beginning: bytes) -> tuple[Callable[[BaseHTTPRequestHandler], None], list[int]]:
    """Answers a byte every now and then, so that no single read runs out of time; and how many bytes went."""
    went: list[int] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(beginning)
        handler.close_connection = True
        with contextlib.suppress(OSError):
            for number in range(400):
                went.append(number)
                handler.wfile.write(b".")
                time.sleep(0.05)

    return answer, went


def pour(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    with contextlib.suppress(OSError):
        for _ in range(1000):
            handler.wfile.write(b"." * 100_000)


@pytest.mark.parametrize("beginning", ["", "HTTP/1.1 "])
def test_answer_that_does_not_come_is_not_waited_for(
    outside: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch, beginning: str
) -> None:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{outside.port}"]
    monkeypatch.setattr(outbound, "SECONDS", 0.5)
    outside.answers = [drip(beginning.encode())[0] if beginning else outside.hang]
    with pytest.raises(OutboundError, match="No answer"):
        post(outside.url, b"{}", {})


@pytest.mark.parametrize(
    "head",
    ["HTTP/1.1 200 OK\r\nURM-Long: ", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"],
)
def test_body_that_drips_holds_nobody(
    outside: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    """The status has come, so it counts; nobody waits for the rest, be its length told or not."""
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{outside.port}"]
    monkeypatch.setattr(outbound, "SECONDS", 0.5)
    answer, went = drip(head.encode())
    outside.answers = [answer]
    assert post(outside.url, b"{}", {}).status == 200
    assert len(went) < 400


def test_long_answer_is_cut(outside: Receiver, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{outside.port}"]
    outside.answers = [pour]
    assert len(post(outside.url, b"{}", {}).body) == outbound.MOST


def test_allowed_pair_is_exempt_from_ports_and_networks(outside: Receiver, settings: Any) -> None:
    with pytest.raises(OutboundError, match="ports 80 and 443"):
        post(outside.url, b"{}", {})
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{outside.port}"]
    answer = post(outside.url, b"{}", {"URM-Test": "x"})
    assert (answer.status, answer.body, outside.came[0].headers["URM-Test"]) == (200, b"ok", "x")
