"""Who the members of a segment are, beside everybody else: shares of each value, and how much more of it they have.

Every choice is asked of the rule language, so what another app offers to rules (tiers, stages) stands here as well."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from members.models import AttributeDefinition
from segments.models import Segment
from urm.rules import Names, Scope, facts
from urm.rules.plan import Plan
from urm.rules.sqltext import Sql, joined, param, sql
from urm.rules.tree import FactTerm, Params
from urm.rules.types import Kind
from urm.rules.workspace import current_names, execute, fetch
from urm.tenancy.context import require_tenant

SAMPLE = 20_000  # members of each side that are looked at
READ = 2_000  # members of each side whose single events are read
DAYS = 90  # of behaviour
SMALL = 30  # fewer members than this on a side, or fewer than FEW with the value, are marked
FEW = 5
MOST = 10  # values of one feature

_PROFILE = ("gender", "language", "country", "region", "city", "source")


@dataclass(frozen=True)
class Share:
    """One value: how many of the segment's sample have it, how many of the others'."""

    key: str
    label: str
    inside: int
    outside: int
    of_inside: int
    of_outside: int

    @property
    def share(self) -> float | None:
        return self.inside / self.of_inside if self.of_inside else None

    @property
    def others(self) -> float | None:
        return self.outside / self.of_outside if self.of_outside else None

    @property
    def index(self) -> int | None:
        """100 · share ÷ share of the others: 150 is half as much again as theirs."""
        return round(100 * self.share / self.others) if self.share is not None and self.others else None

    @property
    def small(self) -> bool:
        return min(self.of_inside, self.of_outside) < SMALL or max(self.inside, self.outside) < FEW


@dataclass(frozen=True)
class Feature:
    """`known_*` are members of whom the value is known: shares are of them."""

    name: str
    title: str
    definition: str
    shares: tuple[Share, ...]
    known_inside: int = 0
    known_outside: int = 0


@dataclass
class Portrait:
    """`size` and `others` count members now; `looked_at` says how many of each were looked at, `read` of how many the
    single events were read."""

    size: int = 0
    others: int = 0
    looked_at: tuple[int, int] = (0, 0)
    read: tuple[int, int] = (0, 0)
    features: list[Feature] = field(default_factory=list)
    hours: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    weekdays: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))

    @property
    def sampled(self) -> bool:
        return self.looked_at != (self.size, self.others)


@dataclass(frozen=True)
class _Asked:
    name: str
    title: str | Promise
    value: Sql  # text, over the plan's FROM clause
    labels: Mapping[str, str] = field(default_factory=dict)


def portrait(segment: Segment) -> Portrait:
    """Read in one transaction. Samples are the members with the least hashes of their ids, so they stay the same."""
    found = Portrait()
    with transaction.atomic():
        _sample(segment, found)
        if not found.looked_at[0]:
            return found
        names = current_names()
        asked = list(_asked(names))
        _rows(asked, names)
        found.features = [_feature(one, number) for number, one in enumerate(asked)]
        found.features = [one for one in found.features if one.shares]
        found.features.append(_behaviour(found))
        found.features.append(_interests(found))
        found.features = [one for one in found.features if one.shares]
        _clock(found, names)
    return found


def _sample(segment: Segment, found: Portrait) -> None:
    tenant = require_tenant()
    execute(Sql("DROP TABLE IF EXISTS portrait_sample"))
    execute(sql(
        "CREATE TEMP TABLE portrait_sample ON COMMIT DROP AS SELECT * FROM ("
        " SELECT m.id AS member_id, i.inside, count(*) OVER side AS crowd, row_number() OVER (side ORDER BY"
        " hashint8extended(m.id, 7), m.id) AS place FROM members_member m"
        f" LEFT JOIN members_memberstate s ON s.tenant_id = {tenant} AND s.member_id = m.id"
        f" CROSS JOIN LATERAL (SELECT coalesce(s.segment_ids @> ARRAY[{int(segment.pk)}], false) AS inside) i"
        f" WHERE m.tenant_id = {tenant} AND m.merged_into_id IS NULL AND m.erased_at IS NULL"
        f" WINDOW side AS (PARTITION BY i.inside)) p WHERE place <= {SAMPLE}"
    ))  # fmt: skip
    for inside, crowd, taken in fetch(Sql("SELECT inside, max(crowd), count(*) FROM portrait_sample GROUP BY inside")):
        read = min(taken, READ)
        if inside:
            found.size, found.looked_at, found.read = crowd, (taken, found.looked_at[1]), (read, found.read[1])
        else:
            found.others, found.looked_at, found.read = crowd, (found.looked_at[0], taken), (found.read[0], read)
    execute(Sql("ANALYZE portrait_sample"))


def _asked(names: Names) -> Iterator[_Asked]:
    """What is asked of each member, as SQL over the plan of `_rows`."""
    language = get_language() or "en"
    for name in _PROFILE:
        labels = {"female": _("female"), "male": _("male"), "other": _("other")} if name == "gender" else {}
        yield _Asked(f"profile.{name}", _TITLES[name], _term("profile", name=name), labels)
    yield _Asked("age", gettext_lazy("Age"), Sql(
        "CASE WHEN m.birthday IS NOT NULL THEN CASE WHEN y.age < 18 THEN '–17' WHEN y.age < 25 THEN '18–24'"
        " WHEN y.age < 35 THEN '25–34' WHEN y.age < 45 THEN '35–44' WHEN y.age < 55 THEN '45–54'"
        " WHEN y.age < 65 THEN '55–64' ELSE '65–' END END".replace("y.age", "extract(year FROM age(m.birthday))")
    ))  # fmt: skip
    stages = {str(key): entry.label(language) for key, entry in names.all("stage").items()}
    yield _Asked("stage", gettext_lazy("Lifecycle stage"), _term("stage"), stages)
    if "loyalty" in facts():
        yield _Asked("tier", gettext_lazy("Tier"), _term("loyalty", what="tier"))
    yield _Asked("value", gettext_lazy("Revenue to date"), Sql("v.band"), _BANDS)
    chosen = AttributeDefinition.objects.filter(personal=False, type__in=["choice", "boolean", "number"])
    for one in chosen.order_by("name")[:12]:
        label = (one.label_zh if language.startswith("zh") else "") or one.label_en or one.name
        words = {"true": _("yes"), "false": _("no")} if one.type == "boolean" else {}
        value = _term("attribute", name=one.name)
        yield _Asked(f"attribute.{one.name}", label, value, words)


_TITLES: Mapping[str, str | Promise] = {
    "gender": gettext_lazy("Gender"),
    "language": gettext_lazy("Language"),
    "country": gettext_lazy("Country"),
    "region": gettext_lazy("Region"),
    "city": gettext_lazy("City"),
    "source": gettext_lazy("Acquisition source"),
}
_BANDS: Mapping[str, Any] = {
    "0": gettext_lazy("nothing yet"),
    "1": gettext_lazy("lowest quarter of buyers"),
    "2": gettext_lazy("second quarter"),
    "3": gettext_lazy("third quarter"),
    "4": gettext_lazy("highest quarter of buyers"),
}


def _term(fact: str, **terms: str) -> Sql:
    """A marker for `_rows`, which knows the plan."""
    return Sql("", (fact, Params(tuple(terms.items()))))


def _rows(asked: list[_Asked], names: Names) -> None:
    """One row per member of the sample with all values as text, by one plan of the rule language."""
    scope = Scope(names.tenant_id, names.time_zone, timezone.now(), Sql("portrait_sample"))
    plan = Plan(scope, names)
    values = []
    for one in asked:
        if one.value.text:
            values.append(one.value)
            continue
        fact, terms = one.value.params
        values.append(plan.operand(FactTerm(fact, terms, Kind.TEXT)).sql)
    columns = joined(", ", [sql(f"left(({{}})::text, 80) AS v{number}", value) for number, value in enumerate(values)])
    tenant = require_tenant()
    worth = (
        "LEFT JOIN (SELECT member_id, CASE WHEN revenue <= 0 THEN '0' ELSE ntile(4) OVER (PARTITION BY revenue > 0"
        " ORDER BY revenue, member_id)::text END AS band FROM analytics_membersummary"
        f" WHERE tenant_id = {tenant}) v ON v.member_id = m.id\nWHERE true"
    )
    source = plan.from_clause()
    assert source.text.endswith("WHERE true")
    joins = Sql(source.text.removesuffix("WHERE true") + worth, source.params)
    execute(Sql("DROP TABLE IF EXISTS portrait_row"))
    execute(sql("CREATE TEMP TABLE portrait_row ON COMMIT DROP AS SELECT m.id AS member_id, {} {}", columns, joins))


def _feature(asked: _Asked, number: int) -> Feature:
    rows = fetch(Sql(
        f"SELECT r.v{number}, count(*) FILTER (WHERE s.inside), count(*) FILTER (WHERE NOT s.inside)"
        f" FROM portrait_row r JOIN portrait_sample s USING (member_id) WHERE r.v{number} IS NOT NULL GROUP BY 1"
    ))  # fmt: skip
    known = (sum(row[1] for row in rows), sum(row[2] for row in rows))
    ordered = sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))
    if asked.name in {"age", "value"}:
        ordered = sorted(rows, key=lambda row: row[0])
    shares = tuple(
        Share(key, str(asked.labels.get(key, key)), inside, outside, *known) for key, inside, outside in ordered[:MOST]
    )
    definition = _("Share of those of whom it is known; index = 100 · share in the segment ÷ share of the others.")
    return Feature(asked.name, str(asked.title), definition, shares, *known)


def _behaviour(found: Portrait) -> Feature:
    """Who did what at least once in the last DAYS days, from the daily counts."""
    rows = fetch(Sql(
        "SELECT n.name, count(DISTINCT d.member_id) FILTER (WHERE s.inside), count(DISTINCT d.member_id)"
        " FILTER (WHERE NOT s.inside) FROM portrait_sample s"
        f" JOIN members_daily d ON d.tenant_id = {require_tenant()} AND d.member_id = s.member_id"
        f" AND d.day >= current_date - {DAYS}"
        f" JOIN members_eventname n ON n.tenant_id = {require_tenant()} AND n.id = d.name_id AND NOT n.platform"
        f" GROUP BY 1 ORDER BY 2 DESC, 3 DESC, 1 LIMIT {MOST}"
    ))  # fmt: skip
    definition = _("Share of members who did it at least once in the last %(days)s days.") % {"days": DAYS}
    shares = tuple(Share(name, name, inside, outside, *found.looked_at) for name, inside, outside in rows)
    return Feature("behaviour", _("What they do"), definition, shares, *found.looked_at)


def _interests(found: Portrait) -> Feature:
    """Values of events' text properties. One that fewer than FEW members share may name a person: it is left out."""
    rows = fetch(sql(
        "SELECT p.key || ': ' || left(p.value, 60), count(DISTINCT e.member_id) FILTER (WHERE s.inside),"
        " count(DISTINCT e.member_id) FILTER (WHERE NOT s.inside) FROM portrait_sample s"
        f" JOIN members_event e ON e.tenant_id = {require_tenant()} AND e.member_id = s.member_id"
        f" AND e.occurred_at >= now() - interval '{DAYS} days'"
        f" JOIN members_eventname n ON n.tenant_id = {require_tenant()} AND n.id = e.name_id AND NOT n.platform"
        " CROSS JOIN LATERAL jsonb_each_text(e.properties) p"
        f" WHERE s.place <= {READ} AND jsonb_typeof(e.properties -> p.key) = 'string'"
        f" GROUP BY 1 HAVING count(DISTINCT e.member_id) >= {FEW} ORDER BY 2 DESC, 3 DESC, 1 LIMIT {MOST}"
    ))  # fmt: skip
    definition = _(
        "Values in their events of the last %(days)s days: share of members with at least one. Read of up to %(read)s "
        "members on each side; values that fewer than %(few)s members share are left out."
    ) % {"days": DAYS, "read": READ, "few": FEW}
    shares = tuple(Share(value, value, inside, outside, *found.read) for value, inside, outside in rows)
    return Feature("interests", _("What it was about"), definition, shares, *found.read)


def _clock(found: Portrait, names: Names) -> None:
    rows: Iterable[tuple[bool, int, int, int]] = fetch(sql(
        "SELECT s.inside, extract(hour FROM t.at)::int, extract(isodow FROM t.at)::int, count(*)"
        " FROM portrait_sample s"
        f" JOIN members_event e ON e.tenant_id = {require_tenant()} AND e.member_id = s.member_id"
        f" AND e.occurred_at >= now() - interval '{DAYS} days'"
        f" JOIN members_eventname n ON n.tenant_id = {require_tenant()} AND n.id = e.name_id AND NOT n.platform"
        " CROSS JOIN LATERAL (SELECT e.occurred_at AT TIME ZONE {} AS at) t"
        f" WHERE s.place <= {READ} GROUP BY 1, 2, 3",
        param(names.time_zone),
    ))  # fmt: skip
    hours, weekdays = ([0] * 24, [0] * 24), ([0] * 7, [0] * 7)
    for inside, hour, weekday, count in rows:
        side = 0 if inside else 1
        hours[side][hour] += count
        weekdays[side][weekday - 1] += count
    found.hours, found.weekdays = hours, weekdays
