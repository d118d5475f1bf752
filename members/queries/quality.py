"""How good the data on members is: what is missing, what cannot be right, how old it is, and who is behind each figure.

A *flaw* is a text such as `missing:email`, `invalid:attributes.pets` or `unchanged:365`; `having(flaw)` is the
condition for the members who have it, so a figure and the list behind it cannot disagree. Figures are of members with
an external id that are neither merged away nor erased; anonymous visitors are not expected to have a profile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson
from django.db import connection
from django.db.models import BooleanField, Count, Max, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from members.models import AttributeDefinition, Member
from members.queries import live_members
from urm.tenancy.context import require_tenant

FIELDS = (
    "email",
    "phone",
    "first_name",
    "last_name",
    "birthday",
    "gender",
    "language",
    "city",
    "region",
    "country",
    "source",
)
AGES = (30, 90, 365)
SAMPLED = 20_000  # members looked at for attributes that nobody registered

_TYPES = {"number": "number", "boolean": "boolean", "list": "array"}
_DATE = r"^\d{4}-\d\d-\d\d$"
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d"
_VALUE = "members_member.attributes -> %s"


@dataclass(frozen=True)
class Completeness:
    """Of `total` members `filled` have the field; `invalid` of these hold what cannot be right (None: not checked)."""

    name: str
    label: str
    filled: int
    total: int
    invalid: int | None


@dataclass(frozen=True)
class Freshness:
    """Members of one acquisition source by when their profile changed last; `older` as in AGES: not for N days."""

    source: str
    members: int
    newest: Any
    older: tuple[int, ...]


@dataclass(frozen=True)
class Candidate:
    """An attribute that members have and nobody registered; `filled` of `sampled` members have it."""

    name: str
    type: str
    filled: int
    sampled: int
    examples: tuple[str, ...]


def judged() -> QuerySet[Member]:
    return live_members().filter(external_id__isnull=False)


def having(flaw: str) -> Q | RawSQL | None:
    """The condition on members for a flaw; None for what is none."""
    kind, _colon, name = flaw.partition(":")
    if kind == "unchanged" and name.isdigit() and len(name) < 5:
        return Q(updated_at__lt=timezone.now() - timedelta(days=int(name)))
    if kind == "missing":
        if name in FIELDS:
            return Q(**{f"{name}__isnull": True}) | (Q() if name == "birthday" else Q(**{name: ""}))
        if name.startswith("attributes."):
            return ~Q(attributes__has_key=name[11:])
    if kind == "invalid":
        return _invalid(name)
    return None


def completeness() -> list[Completeness]:
    """Per profile field and registered attribute, in one pass over the members."""
    definitions = list(AttributeDefinition.objects.order_by("name"))
    names = [*FIELDS, *(f"attributes.{definition.name}" for definition in definitions)]
    labels = {f"attributes.{one.name}": str(one) for one in definitions}
    checks: dict[str, Any] = {name: _invalid(name, definitions) for name in names}
    figures: dict[str, Any] = {"total": Count("pk")}
    for number, name in enumerate(names):
        figures[f"missing_{number}"] = Count("pk", filter=having(f"missing:{name}"))
        if checks[name] is not None:
            figures[f"invalid_{number}"] = Count("pk", filter=checks[name])
    counted = judged().aggregate(**figures)
    return [
        Completeness(
            name,
            labels.get(name) or str(Member._meta.get_field(name).verbose_name),  # type: ignore[union-attr]
            counted["total"] - counted[f"missing_{number}"],
            counted["total"],
            counted.get(f"invalid_{number}"),
        )
        for number, name in enumerate(names)
    ]


def freshness() -> list[Freshness]:
    """The sources with the most members, those without a source as ""."""
    figures: dict[str, Any] = {f"older_{days}": Count("pk", filter=having(f"unchanged:{days}")) for days in AGES}
    rows: Any = (
        judged().values("source").annotate(n=Count("pk"), newest=Max("updated_at"), **figures).order_by("-n")[:20]
    )
    return [
        Freshness(row["source"] or "", row["n"], row["newest"], tuple(row[f"older_{days}"] for days in AGES))
        for row in rows
    ]


def candidates() -> list[Candidate]:
    """Attributes that stand with the newest members and are not registered, the most filled first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH newest AS (SELECT attributes FROM members_member WHERE tenant_id = %(t)s AND erased_at IS NULL "
            "ORDER BY created_at DESC, id DESC LIMIT %(sampled)s) "
            "SELECT a.key, count(*), (SELECT count(*) FROM newest), "
            "array_agg(DISTINCT jsonb_typeof(a.value)), bool_and(a.value #>> '{}' ~ %(date)s), "
            "bool_and(a.value #>> '{}' ~ %(moment)s), (array_agg(DISTINCT left(a.value #>> '{}', 40)))[1:3] "
            "FROM newest n, jsonb_each(n.attributes) a WHERE a.value <> 'null' AND NOT EXISTS (SELECT FROM "
            "members_attributedefinition d WHERE d.tenant_id = %(t)s AND d.name = a.key) "
            "GROUP BY a.key ORDER BY count(*) DESC, a.key LIMIT 100",
            {"t": require_tenant(), "sampled": SAMPLED, "date": _DATE, "moment": _MOMENT},
        )
        return [
            Candidate(name, _type(kinds, dates, moments), filled, sampled, tuple(examples))
            for name, filled, sampled, kinds, dates, moments, examples in cursor.fetchall()
        ]


def _type(kinds: Sequence[str], dates: bool, moments: bool) -> str:
    match list(kinds):
        case ["number"] | ["boolean"]:
            return str(kinds[0])
        case ["array"]:
            return "list"
        case ["string"] if dates:
            return "date"
        case ["string"] if moments:
            return "datetime"
    return "text"


def _invalid(name: str, definitions: Sequence[AttributeDefinition] | None = None) -> Q | RawSQL | None:
    match name:
        case "email":
            return Q(email__gt="") & ~Q(email__regex=r"^[^@\s]+@[^@\s]+\.[^@\s.]{2,}$")
        case "phone":
            return Q(phone__gt="") & ~Q(phone__regex=r"^\+[1-9][0-9]{6,14}$")
        case "birthday":
            return Q(birthday__gt=timezone.localdate()) | Q(birthday__lt=date(1900, 1, 1))
    if not name.startswith("attributes."):
        return None
    key = name[11:]
    if definitions is None:
        definition = AttributeDefinition.objects.filter(name=key).first()
    else:
        definition = next((one for one in definitions if one.name == key), None)
    return None if definition is None else _of_another_type(definition)


def _of_another_type(definition: AttributeDefinition) -> RawSQL:
    key = definition.name
    present = f"jsonb_typeof({_VALUE}) <> 'null'"
    if definition.type in _TYPES:
        sql, values = f"jsonb_typeof({_VALUE}) <> %s", [key, _TYPES[definition.type]]
    elif definition.type == "choice":
        sql, values = f"NOT (%s::jsonb @> ({_VALUE}))", [orjson.dumps(definition.choices).decode(), key]
    elif definition.type in {"date", "datetime"}:
        pattern = _DATE if definition.type == "date" else _MOMENT
        sql, values = "members_member.attributes ->> %s !~ %s", [key, pattern]
    else:
        sql, values = f"jsonb_typeof({_VALUE}) <> 'string'", [key]
    # Every name and value is a parameter; only the operators are written here.
    return RawSQL(f"({present} AND {sql})", [key, *values], output_field=BooleanField())  # noqa: S611
