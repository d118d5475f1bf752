"""Header values that no text can break out of: RFC 5322 phrases, RFC 2047 encoded words, checked addresses."""

import re
from base64 import b64encode
from functools import lru_cache

LONGEST_SUBJECT = 250

# Whatever a mail program could take for the end of a line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_WORD_BYTES = 39  # of UTF-8 in one encoded word: with the header's name a line stays under 76 characters


class InvalidAddressError(ValueError):
    """Not an address that SMTP can carry."""


def one_line(text: str) -> str:
    """The text with every run of control characters, line ends included, as one blank."""
    return _CONTROL.sub(" ", text.encode("utf-8", "replace").decode()).strip()


def subject(text: str) -> bytes:
    """The value of a Subject header."""
    return _unstructured(one_line(text)[:LONGEST_SUBJECT])


@lru_cache(maxsize=4096)
def address(name: str, email: str) -> bytes:
    """`Name <local@domain>` for a From, To or Reply-To header; raises InvalidAddressError."""
    return _phrase(one_line(name)[:100]) + b"<" + bare_address(email) + b">"


def bare_address(email: str) -> bytes:
    """`local@domain` as SMTP takes it, an international domain in its ASCII form; raises InvalidAddressError."""
    local, at, domain = email.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError as error:
            raise InvalidAddressError("The domain of the address is not valid.") from error
    if not at or len(email) > 254 or not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise InvalidAddressError("Not an e-mail address that can be written to.")
    return f"{local}@{domain}".encode()


def _unstructured(text: str) -> bytes:
    return text.encode() if text.isascii() and "=?" not in text else _encoded_words(text)


def _phrase(text: str) -> bytes:
    """The display name with a blank after it; nothing for an empty one."""
    if not text:
        return b""
    if not text.isascii() or "=?" in text:
        return _encoded_words(text) + b"\r\n "
    if _PLAIN_PHRASE.fullmatch(text):
        return text.encode() + b" "
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" '.encode()


def _encoded_words(text: str) -> bytes:
    """RFC 2047, cut between characters so that each word decodes by itself."""
    chunks, chunk = [], b""
    for character in text:
        encoded = character.encode()
        if len(chunk) + len(encoded) > _WORD_BYTES:
            chunks.append(chunk)
            chunk = b""
        chunk += encoded
    chunks.append(chunk)
    return b"\r\n ".join(b"=?utf-8?b?" + b64encode(part) + b"?=" for part in chunks)
