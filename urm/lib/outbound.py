"""HTTP requests to addresses that a customer gave: they must never reach the inside of our network.

The name is resolved once, all its addresses are checked, and the connection goes to the address that was checked: a
name that resolves differently a moment later gains nothing. No redirect is followed, only ports 80 and 443 are used,
and time and answer are capped. `OUTBOUND_ALLOW` names `host:port` pairs that are exempt, for tests and for receivers in
the operator's own network.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

PORTS = {"http": 80, "https": 443}
SECONDS = 20.0  # from connecting to the last byte
CONNECT_SECONDS = 5.0
MOST = 64 * 1024  # bytes of the answer that are read

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What `is_global` calls global and is not: translations of and tunnels to IPv4, protocol assignments, documentation.
_NEVER = [
    ipaddress.ip_network(one)
    for one in (
        *(
            "0.0.0.0/8",
            "100.64.0.0/10",
            "192.0.0.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
        *("64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fc00::/7"),
        *("fe80::/10", "fec0::/10", "ff00::/8", "::/96"),
    )
]


class OutboundError(Exception):
    """The request was refused here, or no answer came. The message may be shown to staff."""


@dataclass(frozen=True)
class Answer:
    """`body` is cut after MOST bytes."""

    status: int
    body: bytes
    retry_after: str = ""


def check_address(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of an address that may be asked; raises OutboundError otherwise. Resolves nothing."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutboundError("The address cannot be read.") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise OutboundError("The address must begin with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise OutboundError("The address must not hold a user or a password.")
    if any(character.isspace() or ord(character) < 32 for character in url):
        raise OutboundError("The address must not hold blanks.")
    number = port or PORTS[parts.scheme]
    if number not in PORTS.values() and not _is_allowed(parts.hostname, number):
        raise OutboundError("Only ports 80 and 443 are used.")
    return parts.scheme, parts.hostname, number


def is_public(address: str) -> bool:
    """Whether an IP address lies outside of every private, local or special network."""
    try:
        ip: _Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return is_public(str(ip.ipv4_mapped))
    return ip.is_global and not ip.is_multicast and not any(ip.version == one.version and ip in one for one in _NEVER)


def resolve(host: str, port: int) -> str:
    """The address to connect to; raises OutboundError when any address of the name is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundError(f"The name {host[:100]} cannot be resolved.") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not _is_allowed(host, port) and not all(is_public(address) for address in addresses):
        raise OutboundError("The address leads into a private network.")
    return addresses[0]


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a POST; raises OutboundError when it is refused or no answer comes in time."""
    scheme, host, port = check_address(url)
    address = resolve(host, port)
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _Connection(scheme, host, port, address)
    watchdog = threading.Timer(SECONDS, connection.abort)
    watchdog.start()
    try:
        connection.request("POST", path, body=body, headers=dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.read(MOST), response.getheader("Retry-After", "") or "")
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise OutboundError(f"No answer: {type(error).__name__}.") from error
    finally:
        watchdog.cancel()
        connection.close()


class _Connection(http.client.HTTPConnection):
    """Connects to the address that was checked, whatever the name resolves to by now; TLS still asks for the name."""

    def __init__(self, scheme: str, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS)
        self.default_port = PORTS[scheme]
        self._secure, self._address = scheme == "https", address
        self._open: socket.socket | None = None

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=CONNECT_SECONDS)
        plain.settimeout(SECONDS)
        self.sock = plain
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        self._open = self.sock

    def abort(self) -> None:
        """From the watchdog's thread: a receiver that drips bytes must not hold a worker.

        http.client forgets its own socket when the answer ends with the connection, so ours is ended, below TLS.
        """
        if self._open is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._open, socket.SHUT_RDWR)


def _is_allowed(host: str, port: int) -> bool:
    return f"{host}:{port}" in settings.OUTBOUND_ALLOW
