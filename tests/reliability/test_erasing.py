"""A worker killed in the middle of an erasure's search: the next one goes on where it stopped, and nothing is left."""

from __future__ import annotations

from django.db import connection, connections
from django.db.models import Sum

from members.actions import request_erasure, upsert_member
from members.models import Event, EventName, Member
from tests.reliability.conftest import Programs, eventually
from urm.jobs.models import Job
from urm.tenancy.models import Tenant

WITHIN = 120.0
ROWS = 400_000
EMAIL = "zebulon.quixwell@example.com"

_LOG = """
INSERT INTO members_event (tenant_id, received_at, member_id, name_id, occurred_at, properties, trusted)
SELECT {t}, now() - interval '1 second' * ({n} - g), 1000000 + g % 500, {name}, now(),
       jsonb_build_object('path', '/p/' || g % 997, 'note', CASE WHEN g % 20000 = 7 THEN 'ask {email}' END), true
FROM generate_series(1, {n}) g
"""


def mentions() -> int:
    return Event.objects.filter(properties__note__icontains=EMAIL).count()


def done() -> int:
    return Job.objects.filter(kind="members.erase").aggregate(all=Sum("done"))["all"] or 0


def test_killed_worker_leaves_the_search_where_it_was(programs: Programs, shop: Tenant) -> None:
    member, _created = upsert_member(external_id="zeb", traits={"email": EMAIL})
    name = EventName.objects.create(name="visit", count=ROWS)
    with connection.cursor() as cursor:
        cursor.execute(_LOG.format(t=shop.pk, n=ROWS, name=name.pk, email=EMAIL))
    assert mentions() == ROWS // 20_000
    request_erasure(member=member)
    programs.dispatcher()
    reached = [0]
    for _turn in range(3):
        worker = programs.worker()
        eventually(lambda: done() > reached[-1], WITHIN, programs.logs)
        programs.kill(worker)
        connections.close_all()
        reached.append(done())
        assert Member.objects.get(pk=member.pk).erased_at is None
    assert reached == sorted(set(reached))  # each went on, none began again
    assert 0 < mentions() < ROWS // 20_000
    programs.worker()
    eventually(lambda: Member.objects.get(pk=member.pk).erased_at is not None, WITHIN, programs.logs)
    eventually(lambda: not Job.objects.exclude(state="done").exists(), WITHIN, programs.logs)
    assert mentions() == 0
    assert Event.objects.filter(properties__note__icontains="ask …").count() == ROWS // 20_000
    assert Job.objects.get().position == {}
