"""Handing mails to an SMTP server over one reused connection, with one answer per mail.

The fence: a mail is handed over when its content is written. What fails before can safely be tried again; what fails
between that and the answer is UNKNOWN. Only one mail per connection is ever in that state.
"""

import re
import smtplib
import socket
import ssl
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

from django.conf import settings

from urm.channels.email.mime import Mail
from urm.channels.outcome import Outcome, Result

_GO_AHEAD = 354
_CLOSING = 421
_Reply = tuple[int, bytes]
_LOST = (OSError, smtplib.SMTPException)

# RFC 5321 and 3463: no such mailbox. A 5xx with any other detail (policy, reputation, content) may be our own fault.
_NO_SUCH_CODES = (550, 551, 553)
_NO_SUCH_DETAIL = re.compile(rb"^(?:5\.1\.[0-36]|5\.2\.1)\b")
_ANY_DETAIL = re.compile(rb"^\d\.\d{1,3}\.\d{1,3}\b")


class SmtpSession:
    """A connection that is opened when needed, and opened again when the server closes it between mails.

    With a server that offers pipelining (RFC 2920) the content of one mail and the envelope of the next travel
    together: one round trip per mail instead of four.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        username: str = "",
        password: str = "",
        use_ssl: bool = False,
        use_tls: bool = False,
        timeout: float = 20,
    ) -> None:
        self._host, self._port, self._timeout = host, port, timeout
        self._username, self._password = username, password
        self._use_ssl, self._use_tls = use_ssl, use_tls
        self._smtp: smtplib.SMTP | None = None
        self._pipelines = False

    @classmethod
    def configured(cls) -> Self:
        """To the server that the settings name (EMAIL_URL)."""
        return cls(**cast(dict[str, Any], settings.EMAIL))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            try:
                smtp.quit()
            except _LOST:
                smtp.close()

    def deliver(self, mails: Sequence[Mail], *, until: float = float("inf")) -> Iterator[Outcome]:
        """Hand the mails over; yields one Outcome per mail, in order. After `until` (time.monotonic()) begin none."""
        queue = deque(mails)
        reason = "There was no time left for this mail."
        while queue and time.monotonic() <= until:
            try:
                self._connect()
            except _LOST as error:
                reason = f"The mail server cannot be reached: {_words(error)}"
                break
            answered = yield from self._converse(queue, until)
            if not answered and queue:
                reason = "The mail server closed the connection before this mail's turn."
                break
        for _mail in queue:
            yield Outcome(Result.UNTRIED, reason)

    def _converse(self, queue: deque[Mail], until: float) -> Generator[Outcome, None, bool]:
        """Take mails off the queue until it is empty, time is up or the connection is lost.

        Returns whether the server answered for any mail: only then is a new connection worth trying.
        """
        answered = False
        accepted: Mail | None = None  # the server waits for its content
        handed: Mail | None = None  # its content is written, the answer is to come
        try:
            while accepted or (queue and time.monotonic() <= until):
                following = queue[0] if queue and time.monotonic() <= until else None
                handed, accepted = accepted, None
                self._write(
                    (_content(handed) if handed else b"")
                    + (_envelope(following) if following and self._pipelines else b"")
                )
                if handed:
                    outcome = _outcome(handed, self._read())
                    handed, answered = None, True
                    yield outcome
                if following is None:
                    break
                refusal = self._refusal(following)
                queue.popleft()
                if refusal is None:
                    accepted = following
                else:
                    answered = True
                    yield refusal
        except _LOST as error:
            self._drop()
            if handed:
                yield Outcome(Result.UNKNOWN, _words(error))
        return answered

    def _refusal(self, mail: Mail) -> Outcome | None:
        """What the server has against the envelope; None when it waits for the content."""
        commands = _commands(mail)
        if self._pipelines:
            replies = [self._read() for _command in commands]
        else:
            replies = []
            for command in commands:
                self._write(command)
                replies.append(self._read())
                if replies[-1][0] >= 400:
                    break
        refusal = next((reply for reply in replies if reply[0] >= 400), None)
        if refusal is None:
            return None if replies[-1][0] == _GO_AHEAD else _outcome(mail, replies[-1])
        # Asked ahead, a server may say "go ahead" to a mail without recipients: end it empty. Else forget the envelope.
        self._write(b".\r\n" if replies[-1][0] == _GO_AHEAD else b"RSET\r\n")
        self._read()
        recipient = replies[1] if len(replies) > 1 and replies[0][0] < 400 else None
        return _outcome(mail, refusal, address_refused=refusal is recipient and _no_such_address(refusal))

    def _connect(self) -> None:
        if self._smtp is not None:
            return
        # Without local_hostname smtplib asks the name server, which may take seconds.
        name = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
        smtp: smtplib.SMTP
        if self._use_ssl:
            context = ssl.create_default_context()
            smtp = smtplib.SMTP_SSL(self._host, self._port, local_hostname=name, timeout=self._timeout, context=context)
        else:
            smtp = smtplib.SMTP(self._host, self._port, local_hostname=name, timeout=self._timeout)
        try:
            if self._use_tls:
                smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
            if self._username:
                smtp.login(self._username, self._password)
        except _LOST:
            smtp.close()
            raise
        if smtp.sock is not None:
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each write is complete and awaited
        self._smtp, self._pipelines = smtp, smtp.has_extn("pipelining")

    def _drop(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()

    def _write(self, data: bytes) -> None:
        assert self._smtp is not None
        if self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("The connection is closed.")
        self._smtp.sock.sendall(data)

    def _read(self) -> _Reply:
        """The next reply; 421 means that the server is going away, which is as good as gone."""
        assert self._smtp is not None
        code, words = self._smtp.getreply()
        if code == _CLOSING or code < 0:
            raise smtplib.SMTPServerDisconnected(words.decode("utf-8", "replace"))
        return code, words


def _commands(mail: Mail) -> tuple[bytes, bytes, bytes]:
    return b"MAIL FROM:<" + mail.sender + b">\r\n", b"RCPT TO:<" + mail.recipient + b">\r\n", b"DATA\r\n"


def _envelope(mail: Mail) -> bytes:
    return b"".join(_commands(mail))


def _content(mail: Mail) -> bytes:
    """With leading dots doubled and the dot that ends it."""
    return mail.content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _no_such_address(reply: _Reply) -> bool:
    """Whether the answer to RCPT says that the mailbox does not exist, and not only that we may not write to it."""
    code, words = reply
    if _ANY_DETAIL.match(words):
        return code >= 500 and _NO_SUCH_DETAIL.match(words) is not None
    return code in _NO_SUCH_CODES


def _outcome(mail: Mail, reply: _Reply, *, address_refused: bool = False) -> Outcome:
    code, raw = reply
    if 200 <= code < 300:
        return Outcome(Result.SENT)
    # The answer is kept and shown; the address in it is personal data and is not.
    words = raw.decode("utf-8", "replace").replace(mail.recipient.decode(), "…").replace("\n", " ")
    return Outcome(Result.DEFERRED if code < 500 else Result.REFUSED, f"{code} {words}"[:300], address_refused)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
