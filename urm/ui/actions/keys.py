from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from django.db import transaction
from django.utils import timezone

from urm.audit.actions import record
from urm.tenancy.context import require_tenant
from urm.tenancy.models import ApiKey


def create_key(
    *,
    name: str,
    kind: str,
    scopes: Sequence[str] = (),
    allowed_origins: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key of the current workspace and its token, which is told here and never again.

    A publishable key can only write events, so it takes no scopes; a secret key is not for browsers, so no origins.
    """
    token = ApiKey.new_token(kind)
    publishable = kind == ApiKey.Kind.PUBLISHABLE
    with transaction.atomic():
        key = ApiKey.objects.create(
            tenant_id=require_tenant(),
            name=name,
            kind=kind,
            prefix=token[:10],
            hash=sha256(token.encode()).digest(),
            scopes=["events.write"] if publishable else sorted(scopes),
            allowed_origins=list(allowed_origins) if publishable else [],
            expires_at=expires_at,
        )
        record(
            verb="api_key.create",
            target=key,
            after={"kind": kind, "scopes": key.scopes, "allowed_origins": key.allowed_origins},
        )
    return key, token


def revoke_key(*, key: ApiKey) -> None:
    """From now on the key opens nothing. Doing it twice changes nothing."""
    with transaction.atomic():
        now = timezone.now()
        if ApiKey.objects.filter(pk=key.pk, tenant_id=require_tenant(), revoked_at=None).update(revoked_at=now):
            record(verb="api_key.revoke", target=key, after={"revoked_at": now.isoformat()})
