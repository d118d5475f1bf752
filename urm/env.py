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


def files(name: str, default: str) -> dict[str, object]:
    """Where files are kept, as an entry of Django's STORAGES.

    `file:///folder`, or an S3-compatible store: `s3://KEY:SECRET@host[:port]/bucket[/prefix][?region=…]`
    (`s3+http://` without TLS; without KEY:SECRET the machine's own role is used).
    """
    return _storage(name, text(name, default))


def stores(name: str, default: str) -> dict[str, dict[str, object]]:
    """Named places for files, `lake=s3://… disk=file:///folder`, as entries of Django's STORAGES by name."""
    found = {}
    for word in words(name, default):
        label, equals, url = word.partition("=")
        if not equals or not label.isidentifier():
            raise ImproperlyConfigured(f"{name} must look like lake=s3://KEY:SECRET@host/bucket,disk=file:///folder.")
        found[label] = _storage(name, url)
    return found


def _storage(name: str, given: str) -> dict[str, object]:
    url = urlparse(given)
    if url.scheme == "file" and url.path.strip("/") and not url.netloc:
        options: dict[str, object] = {"location": unquote(url.path), "allow_overwrite": True}
        private = {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
        return {"BACKEND": "urm.lib.filestorage.WholeFileStorage", "OPTIONS": options | private}
    bucket, _slash, prefix = url.path.strip("/").partition("/")
    if url.scheme not in {"s3", "s3+http"} or not url.hostname or not bucket:
        raise ImproperlyConfigured(f"{name} must look like file:///folder or s3://KEY:SECRET@host/bucket.")
    port = f":{url.port}" if url.port else ""
    options = {
        "endpoint_url": f"{'http' if url.scheme == 's3+http' else 'https'}://{url.hostname}{port}",
        "bucket_name": bucket,
        "location": prefix,
        "access_key": unquote(url.username) if url.username else None,
        "secret_key": unquote(url.password) if url.password else None,
        "region_name": parse_qs(url.query).get("region", [None])[0],
        "default_acl": None,
        "file_overwrite": True,
        "client_config": _s3_client(name),
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def _s3_client(name: str) -> object:
    """A silent store must not hold a worker for minutes; checksums that only AWS knows are left out."""
    try:
        from botocore.config import Config  # noqa: PLC0415 - an extra
    except ImportError:
        raise ImproperlyConfigured(f"{name} names an S3 store: install the extra “s3” (django-storages).") from None
    return Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"total_max_attempts": 2, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
