"""A campaign that went out, with a delivery in every state, and a draft."""

from django.utils import timezone

from campaigns.actions.campaigns import create_campaign, launch_campaign
from campaigns.actions.messages import create_message
from campaigns.actions.runs import start_due_run
from campaigns.models import Campaign, Delivery, Run
from members.actions import record_consent
from members.models import Member, MemberState
from segments.models import Segment
from urm.tenancy.models import Tenant

BODY = """<h1>{{ member.first_name | default: "👋" }}</h1><p>{{ segment.value_proposition | default: "…" }}</p>
<p><a href="https://shop.example/sale">Sale</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>"""


def build(tenant: Tenant) -> None:
    chinese = tenant.language == "zh-hans"
    segment = Segment.objects.create(
        name="通讯读者" if chinese else "Readers of the newsletter",
        kind=Segment.Kind.STATIC,
        stale=False,
        value_proposition="每周新鲜面包" if chinese else "Fresh bread every week",
    )
    members = list(Member.objects.filter(erased_at=None, merged_into=None).order_by("pk")[:12])
    for number, member in enumerate(members):
        state, _created = MemberState.objects.get_or_create(member=member)
        state.segment_ids = sorted({*state.segment_ids, segment.pk})
        state.save(update_fields=["segment_ids"])
        if number % 4:
            record_consent(member=member, channel="email", purpose="marketing", granted=True, source="showcase")
    message = create_message(
        name="春季问候" if chinese else "Spring greeting",
        subject="{{ member.first_name }}，春天好" if chinese else "Spring is here, {{ member.first_name }}",
        body=BODY,
    )
    campaign = create_campaign(name="春季活动" if chinese else "Spring campaign", segment=segment, message=message)
    launch_campaign(campaign=campaign)
    start_due_run()
    run, now = Run.objects.get(campaign=campaign), timezone.now()
    queued = list(Delivery.objects.filter(run_id=run.pk, state="queued").values_list("member_id", flat=True))
    rows = Delivery.objects.filter(run_id=run.pk)
    rows.filter(member_id__in=queued).update(state="sent", due_at=None, sent_at=now, attempts=1)
    rows.filter(member_id__in=queued[:1]).update(state="failed", reason="refused", sent_at=None, detail="550 no")
    rows.filter(member_id__in=queued[1:2]).update(state="unknown", sent_at=None)
    rows.filter(member_id__in=queued[2:6]).update(opened_at=now)
    rows.filter(member_id__in=queued[2:4]).update(clicked_at=now, clicked_links=[1])
    Run.objects.filter(pk=run.pk).update(finished_at=now)
    Campaign.objects.filter(pk=campaign.pk).update(state="done", finished_at=now)
    create_campaign(
        name="夏季草稿" if chinese else "Summer draft",
        segment=segment,
        message=create_message(name="草稿" if chinese else "Draft", subject="…", body=BODY),
    )
