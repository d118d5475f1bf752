"""Strict readers of the environment: what they do not understand, they refuse.

Every variable may also be given as `NAME_FILE`, the path of a file that holds the value (Docker secrets).
"""

import os
from pathlib import Path
from urllib.parse import ParseResult, parse_qs, unquote, urlparse

from django.core.exceptions import ImproperlyConfigured

_REQUIRED = object()


def text(name: str, default: str | object = _REQUIRED) -> str:
    """The value of `name`, or the stripped content of the file that `name_FILE` points to."""
    if path := os.environ.get(f"{name}_FILE"):
        if name in os.environ:
            raise ImproperlyConfigured(f"Both {name} and {name}_FILE are set: keep one.")
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read {path}: {error.strerror}.") from error
    value = os.environ.get(name, default)
    if value is _REQUIRED:
        raise ImproperlyConfigured(f"{name} is not set. See .env.example.")
    assert isinstance(value, str)
    return value


def boolean(name: str, default: bool) -> bool:
    value = text(name, "true" if default else "false").lower()
    if value not in {"true", "false", "1", "0"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in {"true", "1"}


def integer(name: str, default: int) -> int:
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list; blanks are dropped."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def _url(name: str, schemes: set[str], default: str | object) -> ParseResult:
    url = urlparse(text(name, default))
    if url.scheme not in schemes or not url.hostname:
        raise ImproperlyConfigured(f"{name} must look like {min(schemes)}://user:password@host:port/….")
    return url


def database(name: str, default: str | object = _REQUIRED) -> dict[str, object]:
    """A PostgreSQL URL as an entry of Django's DATABASES; query parameters become connection options."""
    url = _url(name, {"postgres", "postgresql"}, default)
    return {
        "ENGINE": "urm.tenancy.backend",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname,
        "PORT": str(url.port or 5432),
        "OPTIONS": {key: values[-1] for key, values in parse_qs(url.query).items()},
    }


def email(name: str, default: str) -> dict[str, object]:
    """An SMTP URL as keyword arguments of Django's SMTP backend: smtp:// (plain), smtps:// (TLS), smtp+starttls://."""
    url = _url(name, {"smtp", "smtps", "smtp+starttls"}, default)
    return {
        "host": url.hostname,
        "port": url.port or {"smtp": 25, "smtps": 465, "smtp+starttls": 587}[url.scheme],
        "username": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "use_ssl": url.scheme == "smtps",
        "use_tls": url.scheme == "smtp+starttls",
    }
