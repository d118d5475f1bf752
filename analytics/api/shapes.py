"""What the API gives."""

from decimal import Decimal
from typing import Any

from django.utils import translation
from rest_framework import serializers

from analytics.queries import Kpi, Measured, Point
from analytics.queries.kpi import Text, Unit, Value

LANGUAGES = ("en", "zh-hans")


class TextOut(serializers.Serializer[Any]):
    """The same in English and Chinese."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {language: serializers.CharField() for language in LANGUAGES}


class KpiOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = TextOut()  # type: ignore[assignment]  # a field, as the metaclass sees it
    definition = TextOut()
    denominator = TextOut(allow_null=True)
    unit = serializers.ChoiceField(choices=list(Unit))
    periods = serializers.ListField(child=serializers.CharField(), help_text="What `period` can be; default first.")
    by = serializers.ListField(child=serializers.CharField(), help_text="What the figure can be split by.")
    shape = serializers.ChoiceField(choices=["series", "matrix"])


class KpiListOut(serializers.Serializer[Any]):
    data = KpiOut(many=True)  # type: ignore[assignment]  # see above


class PointOut(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": serializers.DateField(help_text="First local day."),
            "to": serializers.DateField(help_text="The local day after the last."),
            "offset": serializers.IntegerField(
                allow_null=True, help_text="In a matrix: months (or days) after the row's own."
            ),
            "group": serializers.CharField(allow_null=True, help_text="With `by`: the group; empty for those in none."),
            "label": serializers.CharField(allow_null=True, help_text="How the group is called."),
            "value": serializers.FloatField(
                allow_null=True, help_text="null: nothing to divide by, or too few answers."
            ),
            "numerator": serializers.FloatField(allow_null=True),
            "denominator": serializers.FloatField(allow_null=True),
            "sample": serializers.IntegerField(help_text="Members, orders or answers that the value rests on."),
            "small_sample": serializers.BooleanField(help_text="A rate of fewer than 30."),
            "margin": serializers.FloatField(allow_null=True, help_text="Half of the 95 % interval."),
            "incomplete": serializers.BooleanField(help_text="The period is not over; the value may change."),
        }


class SettingsOut(serializers.Serializer[Any]):
    purchase_event = serializers.CharField()
    churn_window_days = serializers.IntegerField()


class MeasuredOut(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "name": serializers.CharField(),
            "label": TextOut(),
            "definition": TextOut(),
            "denominator": TextOut(allow_null=True),
            "unit": serializers.ChoiceField(choices=list(Unit)),
            "currency": serializers.CharField(allow_null=True, help_text="Where the unit is money."),
            "time_zone": serializers.CharField(help_text="Days and months are those of this zone."),
            "period": serializers.CharField(),
            "from": serializers.DateField(help_text="First local day, widened to a whole period."),
            "to": serializers.DateField(help_text="The local day after the last, widened to a whole period."),
            "by": serializers.CharField(allow_null=True),
            "settings": SettingsOut(),
            "rolled_up_at": serializers.DateTimeField(
                allow_null=True, help_text="What was sent later may not be counted yet, usually for less than a minute."
            ),
            "points": PointOut(many=True),
        }


def in_both_languages(text: Text) -> dict[str, str] | None:
    if not text:
        return None
    words = {}
    for language in LANGUAGES:
        with translation.override(language):
            words[language] = str(text)
    return words


def kpi_out(kpi: Kpi) -> dict[str, Any]:
    return {
        "name": kpi.name,
        "label": in_both_languages(kpi.label),
        "definition": in_both_languages(kpi.definition),
        "denominator": in_both_languages(kpi.denominator),
        "unit": kpi.unit.value,
        "periods": [str(grain) for grain in kpi.grains],
        "by": list(kpi.dimensions),
        "shape": kpi.shape,
    }


def measured_out(measured: Measured) -> dict[str, Any]:
    kpi, question = measured.kpi, measured.question
    split = kpi.split or question.by
    about = kpi_out(kpi)
    return {
        **{name: about[name] for name in ("name", "label", "definition", "denominator", "unit")},
        "currency": measured.tenant.currency if kpi.unit == Unit.MONEY else None,
        "time_zone": measured.tenant.time_zone,
        "period": str(question.grain),
        "from": question.start.isoformat(),
        "to": question.end.isoformat(),
        "by": split,
        "settings": {
            "purchase_event": question.settings.purchase_event,
            "churn_window_days": question.settings.churn_window_days,
        },
        "rolled_up_at": measured.rolled_at.isoformat() if measured.rolled_at else None,
        "points": [_point(point, measured.labels if split else None) for point in measured.points],
    }


def _point(point: Point, labels: dict[str, str] | None) -> dict[str, Any]:
    return {
        "from": point.period.start.isoformat(),
        "to": point.period.end.isoformat(),
        "offset": point.offset,
        "group": point.key if labels is not None else None,
        "label": labels.get(point.key, point.key) if labels is not None else None,
        "value": _number(point.value),
        "numerator": _number(point.numerator),
        "denominator": _number(point.denominator),
        "sample": point.sample,
        "small_sample": point.small_sample,
        "margin": point.margin,
        "incomplete": point.incomplete,
    }


def _number(value: Value | None) -> int | float | None:
    return float(value) if isinstance(value, Decimal) else value


EXAMPLE_KPI = {
    "name": "repeat_purchase_rate",
    "label": {"en": "Repeat purchase rate", "zh-hans": "复购率"},
    "definition": {
        "en": "Customers with two or more orders in the period ÷ customers with at least one order in it (复购率).",
        "zh-hans": "期间内下单两次及以上的客户 ÷ 期间内至少下单一次的客户（复购率）。",
    },
    "denominator": {"en": "Customers with at least one order in the period", "zh-hans": "期间内至少下单一次的客户"},
    "unit": "share",
    "periods": ["month", "week", "day", "total"],
    "by": ["stage", "segment", "source", "country", "gender"],
    "shape": "series",
}

EXAMPLE_MEASURED = {
    **{name: EXAMPLE_KPI[name] for name in ("name", "label", "definition", "denominator", "unit")},
    "currency": None,
    "time_zone": "America/New_York",
    "period": "month",
    "from": "2026-05-01",
    "to": "2026-06-01",
    "by": None,
    "settings": {"purchase_event": "purchase", "churn_window_days": 90},
    "rolled_up_at": "2026-06-02T06:00:01+00:00",
    "points": [
        {
            "from": "2026-05-01",
            "to": "2026-06-01",
            "offset": None,
            "group": None,
            "label": None,
            "value": 0.2994764398,
            "numerator": 286,
            "denominator": 955,
            "sample": 955,
            "small_sample": False,
            "margin": None,
            "incomplete": False,
        }
    ],
}
