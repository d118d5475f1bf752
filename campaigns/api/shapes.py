"""What the API takes and gives."""

from typing import Any

from rest_framework import serializers

from campaigns.models import Campaign, Message
from campaigns.queries.report import DEFINITIONS


class MessageShape(serializers.Serializer[Message]):
    subject = serializers.CharField(max_length=300, help_text="A Liquid template, as are body and text.")
    body = serializers.CharField(max_length=300_000, trim_whitespace=False)
    format = serializers.ChoiceField(choices=Message.Format.values, default="html")
    text = serializers.CharField(
        max_length=300_000, default="", allow_blank=True, trim_whitespace=False, help_text="Made from body if empty."
    )
    sender_name = serializers.CharField(max_length=100, default="", allow_blank=True)


class CampaignIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    segment_id = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    purpose = serializers.RegexField(
        r"^[a-z][a-z0-9_]*$", max_length=40, default="marketing", help_text="The purpose that members consented to."
    )
    message = MessageShape()


class LaunchIn(serializers.Serializer[Any]):
    local_time = serializers.RegexField(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d$", required=False, help_text="2026-03-29T09:00, in time_zone; now if absent."
    )
    time_zone = serializers.CharField(max_length=50, required=False, help_text="The workspace's if absent.")


class CampaignOut(serializers.Serializer[Campaign]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    segment_id = serializers.IntegerField()
    channel = serializers.CharField()
    purpose = serializers.CharField()
    state = serializers.ChoiceField(choices=Campaign.State.values)
    scheduled_at = serializers.DateTimeField(allow_null=True)
    local_time = serializers.CharField(allow_blank=True)
    time_zone = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    launched_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class CampaignDetailOut(CampaignOut):
    message = MessageShape()


class RateOut(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    of = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="Lower end of the 95 % Wilson interval.")
    high = serializers.FloatField(allow_null=True)


class SkippedOut(serializers.Serializer[Any]):
    reason = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # our word for it, too
    members = serializers.IntegerField()


class ClickedLinkOut(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    url = serializers.CharField()
    members = serializers.IntegerField()


def _defined(name: str) -> str:
    return str(DEFINITIONS[name])


class ReportOut(serializers.Serializer[Any]):
    audience = serializers.IntegerField(source="waterfall.audience", help_text=_defined("audience"))
    skipped = serializers.SerializerMethodField()
    decided = serializers.IntegerField(help_text="Members who were to get it.")
    open = serializers.IntegerField(help_text=_defined("open"))
    sent = serializers.IntegerField(help_text=_defined("sent"))
    failed = serializers.IntegerField(help_text=_defined("failed"))
    unknown = serializers.IntegerField(help_text=_defined("unknown"))
    opened = RateOut(help_text=_defined("opened"))
    machine_opened = serializers.IntegerField(help_text=_defined("machine_opened"))
    clicked = RateOut(help_text=_defined("clicked"))
    unsubscribed = RateOut(help_text=_defined("unsubscribed"))
    links = ClickedLinkOut(many=True)

    def get_skipped(self, report: Any) -> list[dict[str, Any]]:
        return [
            {"reason": reason, "label": label, "members": members} for reason, label, members in report.waterfall.steps
        ]


MESSAGE_EXAMPLE = {
    "subject": "We miss you, {{ member.first_name | default: 'friend' }}",
    "body": '<p>{{ segment.value_proposition }}</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>',
    "format": "html",
    "text": "",
    "sender_name": "",
}
REQUEST_EXAMPLE = {"name": "Win back", "segment_id": 3, "purpose": "marketing", "message": MESSAGE_EXAMPLE}
CAMPAIGN_EXAMPLE = {
    "id": 7,
    "name": "Win back",
    "segment_id": 3,
    "channel": "email",
    "purpose": "marketing",
    "state": "draft",
    "scheduled_at": None,
    "local_time": "",
    "time_zone": "",
    "created_at": "2026-03-01T09:30:00Z",
    "launched_at": None,
    "finished_at": None,
}
DETAIL_EXAMPLE = {**CAMPAIGN_EXAMPLE, "message": MESSAGE_EXAMPLE}
LAUNCH_EXAMPLE = {"local_time": "2036-03-29T09:00", "time_zone": "Asia/Shanghai"}
LAUNCHED_EXAMPLE = {
    **CAMPAIGN_EXAMPLE,
    "state": "scheduled",
    "scheduled_at": "2036-03-29T01:00:00Z",
    "local_time": "2036-03-29T09:00",
    "time_zone": "Asia/Shanghai",
    "launched_at": "2026-03-01T09:31:00Z",
}
REPORT_EXAMPLE = {
    "audience": 120,
    "skipped": [{"reason": "no_consent", "label": "no consent", "members": 20}],
    "decided": 100,
    "open": 0,
    "sent": 98,
    "failed": 2,
    "unknown": 0,
    "opened": {"count": 40, "of": 98, "share": 0.408, "low": 0.316, "high": 0.507},
    "machine_opened": 12,
    "clicked": {"count": 9, "of": 98, "share": 0.092, "low": 0.049, "high": 0.165},
    "unsubscribed": {"count": 1, "of": 98, "share": 0.01, "low": 0.002, "high": 0.056},
    "links": [{"number": 1, "url": "https://shop.example/", "members": 9}],
}
