"""`Idempotency-Key`: a POST that is repeated has one effect and gets the first one's answer.

The key's row, the effect and the stored answer are one transaction. Whoever comes second waits at the unique index
until the first is done, and a crash leaves neither effect nor row: there is no state in between to clean up.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

from django.db import connection, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.response import Response

from urm.rest.errors import ApiError, invalid
from urm.rest.json import dumps
from urm.rest.models import IdempotentAnswer
from urm.tenancy.context import require_tenant
from urm.tenancy.models import ApiKey
from urm.tenancy.work import register_work

KEPT = timedelta(hours=48)
HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def answer_once(
    *, api_key: ApiKey, key: str, address: str, body: bytes, answer: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """The answer of `answer()`, or the stored one of an equal request. Only successes are kept: after a refusal nothing
    has happened, and the same key may be used for the corrected request.
    """
    if not _KEY.fullmatch(key):
        raise invalid({HEADER: ["Use 1 to 255 visible ASCII characters, for example a UUID."]})
    request_hash = sha256(b"\0".join([address.encode(), body])).digest()
    with transaction.atomic():
        if not _claim(api_key.pk, key, request_hash):
            return _replay(IdempotentAnswer.objects.get(api_key_id=api_key.pk, key=key), request_hash)
        response = answer()
        if response.status_code >= 400:
            transaction.set_rollback(True)
            return response
        assert isinstance(response, Response)
        IdempotentAnswer.objects.filter(api_key_id=api_key.pk, key=key).update(
            status=response.status_code,
            location=response.headers.get("Location", ""),
            body=b"" if response.data is None else dumps(response.data),
        )
    return response


def _claim(api_key_id: int, key: str, request_hash: bytes) -> bool:
    """Insert the key's row; waits while another transaction holds the same key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO rest_idempotentanswer (tenant_id, api_key_id, key, request_hash, location, body, created_at) "
            "VALUES (%s, %s, %s, %s, '', '', %s) ON CONFLICT DO NOTHING",
            [require_tenant(), api_key_id, key, request_hash, timezone.now()],
        )
        return bool(cursor.rowcount == 1)


def _replay(stored: IdempotentAnswer, request_hash: bytes) -> HttpResponse:
    if bytes(stored.request_hash) != request_hash:
        raise ApiError(
            422,
            "idempotency_key_reused",
            f"{HEADER} was used for another request before; use a new key for a new request.",
            {HEADER: ["Use a new key for a new request."]},
        )
    response = HttpResponse(bytes(stored.body), status=stored.status, content_type="application/json")
    response.headers["Idempotency-Replayed"] = "true"
    if stored.location:
        response.headers["Location"] = stored.location
    return response


@register_work("rest.forget_answers", queue="slow")
def forget_answers() -> bool:
    """Drop the answers that are older than KEPT, 5,000 at a time; the sweep calls for it."""
    old = IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).order_by("created_at")
    dropped, _ = IdempotentAnswer.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:5000])).delete()
    return dropped == 5000
