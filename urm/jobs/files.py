"""Files of a workspace, in the storage that FILES_URL names: written in parts, read as a stream, linked with a seal.

A part belongs to the transaction of the row that counts it: a step that is rolled back leaves a part behind that the
next try writes again under the same name. So a long file survives a killed worker, also in stores that cannot append.
A link holds who asked for it, runs out, and is checked against that person's role (or key's scopes) when it is used.
"""

import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import transaction
from django.utils import timezone

from urm.audit.actions import record
from urm.jobs.models import File
from urm.lib.addresses import public_url
from urm.lib.tokens import seal, unseal
from urm.tenancy.context import require_tenant
from urm.tenancy.models import ApiKey, User

CHUNK = 64 * 1024
PART = 8 * 1024 * 1024
LINK_FOR = timedelta(minutes=15)
_PURPOSE = "file"
_STAFF, _KEY = 1, 2

CSV = "text/csv; charset=utf-8"
JSON_LINES = "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def new_file(*, name: str, content_type: str, capability: str, keep: timedelta) -> File:
    """An empty file; `capability` is what a role needs to download it (a scope, for keys)."""
    return File.objects.create(
        name=name[-200:],
        content_type=content_type,
        capability=capability,
        folder=f"{require_tenant()}/{secrets.token_hex(16)}",
        expires_at=timezone.now() + keep,
    )


def add_part(file: File, content: bytes) -> None:
    """Write the next part and count it in the caller's transaction."""
    _storage().save(_part(file, file.parts), ContentFile(content))
    file.parts += 1
    file.size += len(content)
    file.save(update_fields=["parts", "size"])


def fill(file: File, chunks: Iterable[bytes]) -> None:
    """Write a whole file of any length, a few megabytes in memory at a time."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PART:
            add_part(file, bytes(waiting[:PART]))
            del waiting[:PART]
    if waiting:
        add_part(file, bytes(waiting))


def chunks_of(file: File) -> Iterator[bytes]:
    """The content from its beginning. Raises FileNotFoundError where the storage has lost it."""
    for number in range(file.parts):
        with _storage().open(_part(file, number)) as part:
            while chunk := part.read(CHUNK):
                yield chunk


@contextmanager
def on_disk(file: File) -> Iterator[IO[bytes]]:
    """A temporary copy that can be read at any place; gone afterwards."""
    with tempfile.TemporaryFile() as copy:
        for chunk in chunks_of(file):
            copy.write(chunk)
        copy.seek(0)
        yield copy


def delete_content(file: File) -> None:
    """Delete what the storage holds, then the row. A part that is missing already is no error."""
    for number in range(file.parts + 1):  # and one that a rolled-back step may have left
        _storage().delete(_part(file, number))
    file.delete()


def delete_expired(limit: int = 100) -> bool:
    """Delete content that nobody may download any more; True when there may be more."""
    expired = list(File.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")[:limit])
    for file in expired:
        delete_content(file)
    return len(expired) == limit


def link_to(file: File, asker: User | ApiKey) -> str:
    """An address for this person or key alone, good for a quarter of an hour (less when the file itself runs out)."""
    until = min(timezone.now() + LINK_FOR, file.expires_at)
    kind = _STAFF if isinstance(asker, User) else _KEY
    token = seal(_PURPOSE, require_tenant(), file.pk, kind, asker.pk, int(until.timestamp()))
    return public_url(f"/files/{token}")


def unsealed(token: str) -> tuple[int, int, bool, int] | None:
    """(tenant id, file id, whether staff asked, their id or the key's); None for a link that is forged or over."""
    numbers = unseal(_PURPOSE, token, count=5)
    if numbers is None or numbers[4] <= timezone.now().timestamp():
        return None
    tenant_id, file_id, kind, asker_id, _until = numbers
    return tenant_id, file_id, kind == _STAFF, asker_id


def downloadable(file_id: int) -> File | None:
    return File.objects.filter(pk=file_id, expires_at__gt=timezone.now()).first()


def note_download(file: File) -> None:
    with transaction.atomic():
        record(verb="file.download", target=file)


def _part(file: File, number: int) -> str:
    return f"{file.folder}/{number:06}"


def _storage() -> Storage:
    return storages["files"]
