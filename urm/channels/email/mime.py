"""Mails as bytes. All that is the same for every recipient is made once; the standard library builds 500 mails a
second, this some tens of thousands.
"""

import binascii
import secrets
from base64 import encodebytes
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from time import monotonic

from django.utils import timezone

from urm.channels.email import headers


@dataclass(frozen=True, slots=True)
class Mail:
    """`content` is the message as it stands after DATA, lines ended by CRLF, dots not yet doubled."""

    sender: bytes
    recipient: bytes
    content: bytes


def _quoted_printable(text: str) -> bytes:
    return binascii.b2a_qp(_crlf(text))


def _base64(text: str) -> bytes:
    return encodebytes(_crlf(text)).replace(b"\n", b"\r\n")


def _crlf(text: str) -> bytes:
    """As UTF-8 with CRLF line ends, the last line's included."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode("utf-8", "replace")
    return lines if lines.endswith(b"\r\n") else lines + b"\r\n"


_ENCODINGS: dict[str, Callable[[str], bytes]] = {"quoted-printable": _quoted_printable, "base64": _base64}


class Skeleton:
    """What the mails of one message have in common.

    `sender` and `reply_to` are (name, address); raises InvalidAddressError. `mostly_ascii` chooses the encoding that
    is shorter and that people can read in the source.
    """

    def __init__(
        self,
        *,
        sender: tuple[str, str],
        reply_to: tuple[str, str] | None = None,
        html: bool = True,
        mostly_ascii: bool = True,
    ) -> None:
        encoding = "quoted-printable" if mostly_ascii else "base64"
        part = f'; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'.encode()
        self._encode = _ENCODINGS[encoding]
        self._html = html
        self.sender = headers.bare_address(sender[1])
        self._domain = self.sender.rpartition(b"@")[2]
        top = b"From: " + headers.address(*sender) + b"\r\n"
        if reply_to:
            top += b"Reply-To: " + headers.address(*reply_to) + b"\r\n"
        self._top = top + b"MIME-Version: 1.0\r\nTo: "
        plain = b"Content-Type: text/plain" + part
        if not html:
            self._before_text, self._before_html, self._end = plain, b"", b""
            return
        # "=_" occurs in neither encoding, so no part can hold the boundary.
        boundary = f"=_{secrets.token_hex(12)}".encode()
        self._before_text = (
            b'Content-Type: multipart/alternative;\r\n boundary="'
            + boundary
            + b'"\r\n\r\n--'
            + boundary
            + b"\r\n"
            + plain
        )
        self._before_html = b"\r\n--" + boundary + b"\r\nContent-Type: text/html" + part
        self._end = b"\r\n--" + boundary + b"--\r\n"

    def fill(
        self,
        *,
        recipient: tuple[str, str],
        subject: str,
        text: str,
        html: str = "",
        message_id: str,
        unsubscribe_url: str = "",
    ) -> Mail:
        """One member's mail. `message_id` is the part before the @: the same for every try of one delivery.

        `unsubscribe_url` must take a POST without cookie (RFC 8058). Raises InvalidAddressError.
        """
        to = headers.bare_address(recipient[1])
        pieces = [
            self._top,
            headers.address(*recipient),
            b"\r\nSubject: ",
            headers.subject(subject),
            b"\r\nDate: ",
            _date(),
            b"\r\nMessage-ID: <",
            message_id.encode("ascii"),
            b"@",
            self._domain,
            b">\r\n",
        ]
        if unsubscribe_url:
            pieces += [
                b"List-Unsubscribe: <",
                unsubscribe_url.encode("ascii"),
                b">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            ]
        pieces += [self._before_text, self._encode(text)]
        if self._html:
            pieces += [self._before_html, self._encode(html), self._end]
        return Mail(self.sender, to, b"".join(pieces))


_now: tuple[float, bytes] = (float("-inf"), b"")


def _date() -> bytes:
    """The Date header's value, made anew once a second."""
    global _now  # noqa: PLW0603 - a cache of one value
    made_at, value = _now
    if monotonic() - made_at > 1:
        value = format_datetime(timezone.now()).encode()
        _now = (monotonic(), value)
    return value
