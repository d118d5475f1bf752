"""`Authorization: Bearer pk_…|sk_…`: the key says who asks and for which workspace.

The key is looked up by its hash on every request, so a revoked key is refused at once. That is one indexed query; a
cache would save a quarter of a millisecond and make revocation a matter of seconds.
"""

import re
from datetime import timedelta
from hashlib import sha256

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from urm.rest.errors import ApiError
from urm.tenancy.models import ApiKey

_TOKEN = re.compile(r"(?:pk|sk)_[A-Za-z0-9_-]{20,100}")
_LAST_USED_EVERY = timedelta(minutes=1)


class KeyUser:
    """What DRF calls the user of a request: here a key, which is no person of the staff."""

    is_authenticated = True
    is_active = True

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.pk = key.pk


def hash_of(token: str) -> bytes:
    return sha256(token.encode()).digest()


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[KeyUser, ApiKey] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token.strip()):
            raise _refusal("The Authorization header must be `Bearer` and a key that begins with pk_ or sk_.")
        key = _valid_key(token.strip())
        return KeyUser(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class BodyKeyAuthentication(KeyAuthentication):
    """For beacons, which cannot have headers: a publishable key may stand in the body as `key`.

    A secret key in a body is refused: it would mean that one stands in a page.
    """

    def authenticate(self, request: Request) -> tuple[KeyUser, ApiKey] | None:
        if request.META.get("HTTP_AUTHORIZATION", ""):
            return super().authenticate(request)
        body = request.data
        token = body.get("key") if isinstance(body, dict) else None
        if token is None:
            return None
        if not isinstance(token, str) or not token.startswith("pk_") or not _TOKEN.fullmatch(token):
            raise _refusal("key: Must be a publishable key; it begins with pk_.")
        key = _valid_key(token)
        return KeyUser(key), key


def _valid_key(token: str) -> ApiKey:
    key = ApiKey.objects.select_related("tenant").filter(hash=hash_of(token)).first()
    now = timezone.now()
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise _refusal("The key is unknown, revoked or expired; create a new one under Workspace → Keys.")
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _LAST_USED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    return key


def missing_key() -> ApiError:
    return _refusal("Send a key: `Authorization: Bearer sk_…`.")


def _refusal(message: str) -> ApiError:
    error = ApiError(401, "unauthenticated", message)
    error.headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return error
