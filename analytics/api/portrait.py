"""The portrait of a segment: who its members are, beside everybody else."""

from typing import Any

from django.http.response import HttpResponseBase
from django.utils import translation
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from analytics.api.shapes import LANGUAGES
from analytics.queries.portrait import DAYS, READ, SAMPLE, Portrait, portrait
from segments.models import Segment
from urm.rest.errors import invalid
from urm.rest.filters import refuse_unknown
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

_LANGUAGE = OpenApiParameter(
    "language", str, enum=list(LANGUAGES), default="en", description="Of titles, labels and definitions."
)
_SHARE_EXAMPLE = {
    "key": "CH",
    "label": "CH",
    "inside": 90,
    "outside": 400,
    "share": 0.75,
    "others": 0.5,
    "index": 150,
    "small": False,
}
EXAMPLE = {
    "size": 130,
    "others": 870,
    "sampled": False,
    "looked_at": {"inside": 130, "outside": 870},
    "read": {"inside": 130, "outside": 870},
    "days": DAYS,
    "time_zone": "Europe/Zurich",
    "features": [
        {
            "name": "profile.country",
            "title": "Country",
            "definition": "Share of those of whom it is known; index = 100 · share in it ÷ share of the others.",
            "known": {"inside": 120, "outside": 800},
            "values": [_SHARE_EXAMPLE],
        }
    ],
    "hours": {"inside": [0] * 9 + [14] + [0] * 14, "outside": [0] * 10 + [31] + [0] * 13},
    "weekdays": {"inside": [4, 3, 2, 1, 2, 1, 1], "outside": [5, 6, 5, 4, 6, 3, 2]},
}


class SidesOut(serializers.Serializer[Any]):
    inside = serializers.IntegerField()
    outside = serializers.IntegerField()


class CountsOut(serializers.Serializer[Any]):
    inside = serializers.ListField(child=serializers.IntegerField())
    outside = serializers.ListField(child=serializers.IntegerField())


class ShareOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field, as the metaclass sees it
    inside = serializers.IntegerField(help_text="Members of the segment who have the value.")
    outside = serializers.IntegerField(help_text="The others who have it.")
    share = serializers.FloatField(allow_null=True, help_text="Of those in the segment of whom it is known.")
    others = serializers.FloatField(allow_null=True, help_text="Of the others of whom it is known.")
    index = serializers.IntegerField(
        allow_null=True,
        help_text="100 · share ÷ others: 150 is half as much again as theirs; null where they have none.",
    )
    small = serializers.BooleanField(help_text="Too few members to rely on it.")


class FeatureOut(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Such as profile.country, attribute.plan, stage, behaviour or interests.")
    title = serializers.CharField()
    definition = serializers.CharField()
    known = SidesOut(help_text="Of how many the value is known: shares are of them.")
    values = ShareOut(many=True, help_text="Most common in the segment first; at most ten.")


class PortraitOut(serializers.Serializer[Any]):
    size = serializers.IntegerField()
    others = serializers.IntegerField()
    sampled = serializers.BooleanField(help_text=f"Above {SAMPLE} members on a side, a fixed sample is looked at.")
    looked_at = SidesOut()
    read = SidesOut(help_text=f"Of how many the single events were read, for interests and hours: at most {READ}.")
    days = serializers.IntegerField(help_text="Behaviour, interests and hours are of so many days.")
    time_zone = serializers.CharField(help_text="Hours and weekdays are those of this zone.")
    features = FeatureOut(many=True)
    hours = CountsOut(help_text="Events by local hour, 0 to 23; empty where nobody is in the segment.")
    weekdays = CountsOut(help_text="Events by local weekday, Monday first; empty where nobody is in the segment.")


class SegmentPortrait(ApiView):
    required_scope = "analytics.view"

    @documented(
        "Read the portrait of a segment",
        answer=PortraitOut,
        parameters=[_LANGUAGE],
        example=EXAMPLE,
        description="How profile, attributes, stage, tier, value, behaviour, interests and hours of its members differ"
        " from everybody else's. Values that hardly anybody shares are left out, since they may name a person.",
    )
    def get(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        refuse_unknown(request, {"language"})
        language = request.query_params.get("language", "en")
        if language not in LANGUAGES:
            raise invalid({"language": [f"Use one of: {', '.join(LANGUAGES)}."]})
        with translation.override(language):
            found = portrait(self.one(Segment.objects.all(), pk=segment_id))
        return self.answer(PortraitOut, _shown(found, self.workspace.time_zone))


def _shown(found: Portrait, time_zone: str) -> dict[str, Any]:
    return {
        "size": found.size,
        "others": found.others,
        "sampled": found.sampled,
        "looked_at": _sides(found.looked_at),
        "read": _sides(found.read),
        "days": DAYS,
        "time_zone": time_zone,
        "features": [
            {
                "name": one.name,
                "title": one.title,
                "definition": one.definition,
                "known": _sides((one.known_inside, one.known_outside)),
                "values": one.shares,
            }
            for one in found.features
        ],
        "hours": _sides(found.hours),
        "weekdays": _sides(found.weekdays),
    }


def _sides(pair: tuple[Any, Any]) -> dict[str, Any]:
    return {"inside": pair[0], "outside": pair[1]}
