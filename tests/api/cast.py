"""One of everything that an address, a body or a filter of the API can name, in one workspace — or several of each."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from analytics.actions import compute_rfm
from campaigns.actions.campaigns import create_campaign
from campaigns.actions.messages import create_message
from feedback.actions import create_survey, submit_response
from feedback.models import Question, Survey
from loyalty.actions import adjust_points, create_reward, redeem_reward
from loyalty.models import Reward
from members.actions import (
    accept_events,
    add_tag,
    canonical_event,
    merge_members,
    record_consent,
    suppress_address,
    upsert_member,
)
from members.actions.imports import check_import, save_mapping, upload
from members.models import Import, ImportRow, Member
from segments.actions import (
    add_to_list,
    create_segment,
    freeze_segment,
    install_default_stages,
    save_proposition,
    set_stage_target,
)
from segments.actions.audiences import create_audience_sync, set_active
from segments.models import AudienceSync, Change, Segment, Stage, SyncBatch
from tests.jobs import counting  # noqa: F401 - registers the kind
from urm.jobs.actions import start_job
from urm.jobs.exports import start_export
from urm.jobs.files import CSV, add_part, new_file
from urm.tenancy.context import require_tenant, tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

# In this order; each makes the n-th of its kind and gives its id.
_MAKERS: dict[str, Callable[[int], Any]] = {}

Cast = dict[str, Any]


def named(name: str) -> Callable[[Callable[[int], Any]], Callable[[int], Any]]:
    def decorate(make: Callable[[int], Any]) -> Callable[[int], Any]:
        _MAKERS[name] = make
        return make

    return decorate


def make_cast(tenant: Tenant, n: int = 1) -> Cast:
    with tenant_context(tenant.pk):
        return {name: make(n) for name, make in _MAKERS.items()}


def make_crowd(tenant: Tenant, count: int) -> Cast:
    """`count` of each; what belongs to another thing, such as a redemption, belongs to the first of them."""
    cast, *_others = [make_cast(tenant, n) for n in range(1, count + 1)]
    with tenant_context(tenant.pk):
        for n in range(1, count + 1):
            _belonging_to_the_first(n)
    drain(tenant.pk)
    return cast


@named("external_id")
def _member(n: int) -> str:
    traits = {"email": f"ada{n}@example.com", "first_name": "Ada", "attributes": {"pets": 2}}
    member, _created = upsert_member(external_id=f"c-{n}", traits=traits)
    add_tag(member=member, name=f"vip{n}")
    return f"c-{n}"


@named("event_id")
def _event(n: int) -> str:
    event = {"event_id": f"order-{n}", "external_id": f"c-{n}", "name": "order", "amount": 5}
    accept_events([canonical_event(event, trusted=True, now=timezone.now())])
    drain(require_tenant(), names=["stream"])
    return f"order-{n}"


@named("merge_id")
def _merge(n: int) -> int:
    other, _created = upsert_member(external_id=f"c-{n}-old", traits={})
    return merge_members(survivor=Member.objects.get(external_id=f"c-{n}"), other=other).pk


@named("tag")
def _tag(n: int) -> str:
    return f"vip{n}"


@named("segment_id")
def _segment(n: int) -> int:
    """A static list, so that members can be put on it."""
    return create_segment(name=f"Guests {n}", kind="static").pk


@named("target_id")
def _target(n: int) -> int:
    install_default_stages()
    stage = Stage.objects.earliest("pk")
    return set_stage_target(stage=stage, month=date(2026, n, 1), metric="entered", goal=5).pk


@named("sync_id")
def _sync(n: int) -> int:
    """Paused, so that nothing is ever asked; with a batch in its log."""
    segment = Segment.objects.latest("pk")
    sync, _secret = create_audience_sync(
        name=f"Ads {n}", segment=segment, destination="webhook", url="https://ads.example.com/"
    )
    set_active(sync=sync, active=False)
    SyncBatch.objects.create(sync=sync, number=1, key=uuid4(), kind="change", state="delivered")
    return sync.pk


@named("survey_id")
def _survey(n: int) -> int:
    question = {"kind": "nps", "text_en": "Would you recommend us?", "text_zh": "您会推荐我们吗？"}
    titles = {"title_en": "How did we do?", "title_zh": "您满意吗？"}
    return create_survey(name=f"NPS {n}", active=True, questions=[question], **titles).pk


@named("question_id")
def _question(n: int) -> int:
    return Question.objects.latest("pk").pk


@named("reward_id")
def _reward(n: int) -> int:
    return create_reward(name=f"Mug {n}", cost=1).pk


@named("campaign_id")
def _campaign(n: int) -> int:
    body = '<p>Hello <a href="{{ unsubscribe_url }}">no more</a></p>'
    message = create_message(name=f"Hello {n}", subject="Hello", body=body)
    return create_campaign(name=f"Hello {n}", segment=Segment.objects.latest("pk"), message=message).pk


@named("name")
def _kpi(n: int) -> str:
    return "repeat_purchase_rate"


@named("import_id")
def _import(n: int) -> int:
    job = upload(name=f"{n}.csv", chunks=[b"external_id\nimported\n\x00\n"])
    save_mapping(job=job, columns=job.columns, mode="overwrite", options={})
    check_import(job=job)
    return job.pk


@named("file_id")
def _file(n: int) -> int:
    file = new_file(name=f"{n}.csv", content_type=CSV, capability="members.view", keep=timedelta(days=1))
    add_part(file, b"a,b\r\n")
    return file.pk


@named("job_id")
def _job(n: int) -> int:
    return start_job(kind="tests.count", label=f"Count {n}", total=2).pk


@named("export_id")
def _export(n: int) -> int:
    return start_export(what="members", file_format="csv", query={}).pk


@named("suppression_id")
def _suppression(n: int) -> int:
    return suppress_address(channel="email", address=f"gone{n}@example.com", reason="bounced")[0].pk


def _belonging_to_the_first(n: int) -> None:
    SyncBatch.objects.create(
        sync=AudienceSync.objects.earliest("pk"), number=n + 1, key=uuid4(), kind="change", state="delivered"
    )
    drain(require_tenant(), names=["jobs"])  # the check begins by emptying
    first = Import.objects.earliest("pk").pk
    row = (first << 32) + 100 + n
    ImportRow.objects.create(id=row, import_id=first, outcome="error", values={}, identities={}, problems={})
    member = Member.objects.get(external_id="c-1")
    visit = {"external_id": "c-1", "name": f"visit {n}"}
    order = {"external_id": f"c-{n}", "name": "purchase", "amount": 5}
    accept_events([canonical_event(visit, trusted=True, now=member.created_at)])
    accept_events([canonical_event(order, trusted=True, now=timezone.now())])
    drain(require_tenant(), names=["stream"])
    compute_rfm()
    merge_members(survivor=member, other=upsert_member(external_id=f"c-{n}-older", traits={})[0])
    record_consent(member=member, channel="email", purpose=f"news{n}", granted=True, source="checkout")
    guests = Segment.objects.earliest("pk")
    add_to_list(segment=guests, members=[Member.objects.get(external_id=f"c-{n}")])
    Change.objects.create(
        member_id=member.pk, kind="segment", target_id=guests.pk, entered=True, at=timezone.now(), cause="rule"
    )
    freeze_segment(segment=guests, name=f"Guests then {n}")
    save_proposition(segment=guests, language="en", wording=f"Tea {n}")
    create_segment(
        name=f"Visitors {n}",
        rule={"fact": "event", "name": f"visit {n}", "measure": "count", "op": "gte", "value": 1},
    )
    adjust_points(member=member, points=1, reason="welcome", idempotency_key=f"welcome {n}")
    redeem_reward(member=member, reward=Reward.objects.earliest("pk"), idempotency_key=f"mug {n}")
    survey = Survey.objects.earliest("pk")
    [question] = survey.questions.all()
    submit_response(survey=survey, answers={question.pk: 9}, source="api", member=member)
