"""How a batch of an audience sync reaches the outside: a signed POST, or a file in a store that the operator named."""

import csv
import errno
import hashlib
import hmac
import re
import tempfile
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone
from django.utils.translation import gettext_noop

from segments.actions.audiences import claim_due, next_batch, note_failure, profiles, set_alarm, settle_batch
from segments.models import AudienceSync, SyncBatch
from urm.lib.outbound import OutboundError, post
from urm.lib.secrets import SecretError, decrypt
from urm.lib.spreadsheets import safe_cell
from urm.tenancy.context import require_tenant

GONE = 410
_PHONE = re.compile(r"\+\d{5,15}")

# What a store says (S3's codes, botocore's and Python's names of errors) and what staff are told: always a remedy.
_NO_BUCKET = gettext_noop(
    "The store has no such bucket. The operator makes it, or corrects its name in AUDIENCE_STORES."
)
_WRONG_KEY = gettext_noop(
    "The store does not know this key or its secret. The operator corrects them in AUDIENCE_STORES."
)
_MAY_NOT_WRITE = gettext_noop(
    "The store’s key may not write there. The operator allows it to put objects into this bucket and prefix."
)
_SILENT = gettext_noop(
    "The store does not answer. The operator checks its address in AUDIENCE_STORES and whether it runs."
)
_NO_KEY = gettext_noop("There is no key for the store. The operator names one in AUDIENCE_STORES.")
_CLOCKS = gettext_noop("The store’s clock and ours differ too much. The operator sets them.")
_NO_STORE = gettext_noop("This store is not set up any more. The operator puts it back into AUDIENCE_STORES.")
_NO_FOLDER = gettext_noop(
    "The store’s folder cannot be written. The operator makes it, and lets the workers write there."
)
_FULL = gettext_noop("The store is full. The operator makes room; it is tried again.")
_REFUSALS = {
    "NoSuchBucket": _NO_BUCKET,
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"), _WRONG_KEY),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "AccountProblem", "403"), _MAY_NOT_WRITE),
    **dict.fromkeys(("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "SSLError"), _SILENT),
    **dict.fromkeys(("ConnectionClosedError", "ProxyConnectionError"), _SILENT),
    **dict.fromkeys(("NoCredentialsError", "PartialCredentialsError"), _NO_KEY),
    "RequestTimeTooSkewed": _CLOCKS,
    "InvalidStorageError": _NO_STORE,
    **dict.fromkeys(("PermissionError", "NotADirectoryError", "FileExistsError", "FileNotFoundError"), _NO_FOLDER),
    **dict.fromkeys(("QuotaExceeded", "StorageFull", "XMinioStorageFull", "InsufficientCapacity"), _FULL),
}


class DeliveryError(Exception):
    """Not delivered. `final`: trying again is of no use. `wait`: what the receiver asks for."""

    def __init__(self, message: str, *, final: bool = False, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.final = final
        self.wait = wait


def sync_audiences() -> bool:
    """Send one batch of one sync that is due; True when there may be more. No transaction is open while it is sent."""
    now = timezone.now()
    sync = claim_due(now=now)
    if sync is None:
        set_alarm()
        return False
    batch = next_batch(sync=sync, now=now)
    if batch is None:
        return True
    try:
        deliver(sync, batch)
    except DeliveryError as error:
        note_failure(batch=batch, problem=str(error), final=error.final, wait=error.wait, now=timezone.now())
    else:
        settle_batch(batch=batch, now=timezone.now())
    return True


def deliver(sync: AudienceSync, batch: SyncBatch) -> None:
    if sync.destination == AudienceSync.Destination.WEBHOOK:
        _send(sync, batch)
    else:
        _store(sync, batch)


def signature(secret: str, moment: int, body: bytes) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA-256 of the moment, a point and the body."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _send(sync: AudienceSync, batch: SyncBatch) -> None:
    full = batch.kind == SyncBatch.Kind.FULL
    body = orjson.dumps(
        {
            "sync": {"id": sync.pk, "name": sync.name},
            "segment": {"id": sync.segment_id, "name": sync.segment.name},
            "batch": str(batch.key),
            "number": batch.number,
            "kind": batch.kind,
            "last": batch.last,
            "added": profiles(batch=batch, fields=sync.fields),
            "removed": [] if full else [{"external_id": external_id} for _pk, external_id in batch.removed],
        }
    )
    try:
        secret = decrypt(sync.secret)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "URM",
            "Idempotency-Key": str(batch.key),
            "URM-Signature": signature(secret, int(time.time()), body),
        }
        answer = post(sync.url, body, headers)
    except (OutboundError, SecretError) as error:
        raise DeliveryError(str(error)) from error
    if not 200 <= answer.status < 300:
        asked = answer.retry_after
        wait = timedelta(seconds=int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 6 else None
        raise DeliveryError(f"The receiver answered {answer.status}.", final=answer.status == GONE, wait=wait)


def _store(sync: AudienceSync, batch: SyncBatch) -> None:
    """`<workspace>/<sync>/changes/<number>` or `…/full/<number>`; a file written twice is the same file."""
    header = ["change", "external_id", *sync.fields]
    rows: list[list[Any]] = [
        ["added", *(row[name] for name in ("external_id", *sync.fields))]
        for row in profiles(batch=batch, fields=sync.fields)
    ]
    rows += [["removed", external_id, *(None for _name in sync.fields)] for _pk, external_id in batch.removed]
    folder = f"{require_tenant()}/{sync.pk}/{'full' if batch.kind == SyncBatch.Kind.FULL else 'changes'}"
    name = f"{folder}/{batch.number:08}.{sync.format}"
    content = parquet(header, rows) if sync.format == AudienceSync.Format.PARQUET else _csv(header, rows)
    about = {"batch": str(batch.key), "number": batch.number, "kind": batch.kind, "last": batch.last, "rows": len(rows)}
    try:
        storage = storages[f"audience-{sync.store}"]
        storage.save(name, ContentFile(content))
        storage.save(f"{name}.json", ContentFile(orjson.dumps(about)))  # last: who finds it finds the file whole
    except Exception as error:  # each store has errors of its own
        raise DeliveryError(_refusal(error)) from error


def _refusal(error: Exception) -> str:
    """What happened and what helps; never the store's own words, which may hold keys and addresses."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _FULL
    answer: Any = getattr(error, "response", None)
    code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
    name = code or type(error).__name__
    return _REFUSALS.get(name) or f"The store refused the file: {name[:60]}."


def _csv(header: list[str], rows: list[list[Any]]) -> bytes:
    """For spreadsheets too, so formulas are disarmed; a phone number's plus sign is harmless and stays."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([cell if _PHONE.fullmatch(str(cell)) else safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def parquet(header: list[str], rows: list[list[Any]]) -> bytes:
    """All columns texts, what is missing null. duckdb is an extra: it weighs 20 MB."""
    try:
        import duckdb  # noqa: PLC0415
    except ImportError as error:
        raise DeliveryError("Parquet needs the extra “parquet” (duckdb) on the workers.") from error
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "rows.csv"), Path(folder, "rows.parquet")
        with source.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        with duckdb.connect() as db:
            rows_of = f"read_csv('{source}', header = true, all_varchar = true, delim = ',', quote = '\"')"
            db.execute(f"COPY (SELECT * FROM {rows_of}) TO '{target}' (FORMAT parquet)")
        return target.read_bytes()
