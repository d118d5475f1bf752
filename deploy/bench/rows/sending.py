"""Rows 4 and 4b: deciding who gets a campaign against a bare INSERT … SELECT; personal mails against prebuilt ones."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from campaigns.actions.campaigns import create_campaign
from campaigns.actions.messages import create_message
from campaigns.actions.runs import create_deliveries
from campaigns.actions.sending import Sent, send_batch
from campaigns.models import Campaign, Delivery, Link, Message, Run
from deploy.bench.table import Context, Row, measures
from deploy.paths import ROOT
from members.models import InboxEntry
from segments.models import Segment
from urm.channels.email import Skeleton, sender_of
from urm.tenancy.context import tenant_context

BODY = """<h1>Hello {{ member.first_name | default: "you" }}</h1>
<p>{{ segment.value_proposition }}</p>
<p>Your last purchase: {{ last_purchase.date | date }}, {{ last_purchase.amount | money }}.</p>
<p><a href="https://shop.example/sale">Sale</a> <a href="https://shop.example/new">New</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
"""
MAILS = 3000

_BARE = """
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO PUBLIC;
CREATE TABLE bench.delivery (LIKE campaigns_delivery);
GRANT ALL ON bench.delivery TO PUBLIC;
"""

_PUT_INTO_SEGMENT = """
UPDATE members_memberstate SET segment_ids = segment_ids || %s::int WHERE tenant_id = %s AND member_id IN (
    SELECT member_id FROM members_memberstate WHERE tenant_id = %s ORDER BY member_id LIMIT %s)
"""

_BARE_INSERT = """
INSERT INTO bench.delivery (tenant_id, run_id, member_id, state, reason, due_at, attempts)
SELECT tenant_id, %s, member_id, 'queued', NULL, now(), 0 FROM members_memberstate
WHERE tenant_id = %s AND segment_ids @> ARRAY[%s]::int[]
"""


@measures("4")
def deciding(context: Context) -> Row:
    tenant = context.large
    with context.owner() as owner:
        owner.execute(_BARE)
    try:
        with tenant_context(tenant.id), transaction.atomic():
            run = _run_for(tenant.id, tenant.members)
            segment_id = run.campaign.segment_id

            def ours() -> None:
                _and_back(lambda: create_deliveries(run=run, now=timezone.now()))

            def limit() -> None:
                with connection.cursor() as cursor:
                    _and_back(lambda: cursor.execute(_BARE_INSERT, [run.pk, tenant.id, segment_id]))

            ratio, bare, seconds = context.compare(limit, ours)
            transaction.set_rollback(True)
    finally:
        with context.owner() as owner:
            owner.execute("DROP SCHEMA bench CASCADE")
            owner.execute("VACUUM campaigns_delivery")
            owner.execute("VACUUM members_memberstate")
    return context.row(
        "4",
        ratio,
        f"{tenant.members / seconds:,.0f} decisions/s ÷ {tenant.members / bare:,.0f} rows/s",
        costs={"deliveries.create_seconds": seconds / tenant.members},
    )


@measures("4b")
def mailing(context: Context) -> Row:
    tenant = context.medium
    started = timezone.now()
    with tenant_context(tenant.id), _sink() as port:
        with transaction.atomic():
            run = _run_for(tenant.id, MAILS * 2)  # a little more than half of them consented
            create_deliveries(run=run, now=timezone.now())
        try:
            pairs = []
            for turn in range(context.rounds + 1):
                count = (
                    Delivery.objects.filter(run_id=run.pk)
                    .exclude(state="skipped")
                    .update(state="queued", due_at=timezone.now(), token=None, attempts=0, sent_at=None)
                )
                ours = _seconds(partial(_send_all, run)) / count
                prebuilt = _prebuilt()
                limit = _seconds(partial(_blast, port, prebuilt, count)) / count
                if turn:  # the first is a warm-up
                    pairs.append((ours, limit))
            unsent = Delivery.objects.filter(run_id=run.pk).exclude(state__in=["sent", "skipped"]).count()
        finally:
            _remove(run, tenant.id, started)
    with context.owner() as owner:
        owner.execute("VACUUM campaigns_delivery")
    ours, limit = median(a for a, _ in pairs), median(b for _, b in pairs)
    return context.row(
        "4b",
        median(b / a for a, b in pairs),
        f"{1 / ours:,.0f} mails/s ÷ {1 / limit:,.0f} prebuilt mails/s",
        problem=f"{unsent} mails were not sent" if unsent else "",
        costs={"email.send_seconds": ours},
    )


def _run_for(tenant_id: int, members: int) -> Run:
    """A running campaign for a segment of the workspace's first `members`."""
    segment = Segment.objects.create(
        name=f"bench {time.time()}", kind=Segment.Kind.STATIC, stale=False, value_proposition="Fresh bread every week"
    )
    message = create_message(name="Bench", subject="{{ member.first_name }}, we miss you", body=BODY)
    campaign = create_campaign(name="Bench", segment=segment, message=message)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.RUNNING)
    with connection.cursor() as cursor:
        cursor.execute(_PUT_INTO_SEGMENT, [segment.pk, tenant_id, tenant_id, members])
    run = Run.objects.create(campaign=campaign, fire_at=timezone.now())
    return Run.objects.select_related("campaign__message", "campaign__segment").get(pk=run.pk)


def _remove(run: Run, tenant_id: int, since: object) -> None:
    campaign = run.campaign
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE members_memberstate SET segment_ids = array_remove(segment_ids, %s) "
            "WHERE tenant_id = %s AND segment_ids @> ARRAY[%s]::int[]",
            [campaign.segment_id, tenant_id, campaign.segment_id],
        )
        InboxEntry.objects.filter(received_at__gte=since).delete()
        Delivery.objects.filter(run_id=run.pk).delete()
        Link.objects.filter(campaign=campaign).delete()
        Run.objects.filter(pk=run.pk).delete()
        Campaign.objects.filter(pk=campaign.pk).delete()
        Message.objects.filter(pk=campaign.message_id).delete()
        Segment.objects.filter(pk=campaign.segment_id).delete()


def _and_back(work: Callable[[], object]) -> None:
    sid = transaction.savepoint()
    work()
    transaction.savepoint_rollback(sid)


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    finally:
        gc.enable()


def _send_all(run: Run) -> None:
    while send_batch(run) is Sent.BATCH:
        pass


@contextmanager
def _sink() -> Iterator[int]:
    """A sink in a process of its own, which the settings then name as the mail server."""
    process = subprocess.Popen([sys.executable, "-m", "deploy.bench.smtp_sink"], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    before = settings.EMAIL
    try:
        port = int(process.stdout.readline())
        plain = {"host": "127.0.0.1", "port": port, "username": "", "use_ssl": False, "use_tls": False}
        settings.EMAIL = {**before, **plain}
        yield port
    finally:
        settings.EMAIL = before
        process.kill()
        process.wait()


def _prebuilt() -> bytes:
    """A mail of the same kind and length as DATA wants it, with the envelope of the next behind it."""
    links = "".join(f'<a href="https://urm.example/m/c/{"x" * 48}/{n}">Sale</a> ' for n in (1, 2))
    html = "<!doctype html><html><body><h1>Hello Ada</h1><p>Fresh bread every week</p><p>Your last purchase: "
    html += f'March 1, 2026, $12.50.</p><p>{links}</p><img src="https://urm.example/m/o/{"x" * 48}.gif" alt="">'
    mail = Skeleton(sender=sender_of("Bench")).fill(
        recipient=("Ada Lovelace", "ada@example.com"),
        subject="Ada, we miss you",
        text="Hello Ada\n\nFresh bread every week\n\nYour last purchase: March 1, 2026, $12.50.\n\nSale New\n",
        html=html,
        message_id="x" * 24,
        unsubscribe_url=f"https://urm.example/m/u/{'x' * 48}",
    )
    envelope = b"MAIL FROM:<" + mail.sender + b">\r\nRCPT TO:<" + mail.recipient + b">\r\nDATA\r\n"
    return mail.content.replace(b"\r\n.", b"\r\n..") + b".\r\n" + envelope


def _blast(port: int, mail: bytes, count: int) -> None:
    """The same bytes over and over, one round trip each, with nothing in between: the sink's own limit."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.recv(1000)
        line.sendall(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        _replies(line, 3)
        for _ in range(count):
            line.sendall(mail)
            _replies(line, 4)


def _replies(line: socket.socket, wanted: int) -> None:
    seen = 0
    while seen < wanted:
        seen += line.recv(4096).count(b"\n")
