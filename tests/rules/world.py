"""Random rules and random people, and a way to put those people into the tables."""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from hypothesis import strategies as st

from members.actions import suppress_address
from members.models import AttributeDefinition, Consent, EventName, Member, MemberState, MemberTag, Tag
from segments.models import Score
from tests.rules.interpreter import Happening, Person, midnight

# Clock changes in both directions, at midnight itself, by half an hour, and a zone without any.
ZONES = ["America/New_York", "Asia/Shanghai", "Europe/London", "America/Sao_Paulo", "Australia/Lord_Howe", "UTC"]
EVENTS = ["purchase", "visit", "urm.mail.opened"]
TAGS = ["vip", "new"]
ATTRIBUTES = {
    "size": "number", "note": "text", "active": "boolean", "joined": "date", "renewed": "datetime", "level": "choice",
    "likes": "list",
}  # fmt: skip
CHOICES = ["low", "mid", "high"]
WORDS = ["Paris", "paris", "Pa", "ris", "北京", "a.b", ""]
LIKES = ["tea", "wine", "85123A"]
TEXT_OPS = ["eq", "ne", "contains", "not_contains", "starts_with", "ends_with"]
PATTERNS = ["^P", "a.i", "is$", "^(Pa|x)r?", "[a-z]{2,3}", r"a\.b", "北.", "^.?$"]
DAYS = [1, 7, 30, 90]
MICRO = dt.timedelta(microseconds=1)
# Near clock changes, 29 February and year ends; the data lie before them.
MOMENTS = [
    dt.datetime(2024, 3, 1, 0, 0, tzinfo=dt.UTC),
    dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC),
    dt.datetime(2023, 2, 28, 23, 59, 59, 999_999, tzinfo=dt.UTC),
    dt.datetime(2024, 3, 10, 7, 0, tzinfo=dt.UTC),  # New York springs forward
    dt.datetime(2024, 11, 3, 5, 30, tzinfo=dt.UTC),  # and falls back
    dt.datetime(2018, 11, 4, 3, 0, tzinfo=dt.UTC),  # São Paulo skips midnight
    dt.datetime(2019, 1, 1, 4, 0, tzinfo=dt.UTC),
    dt.datetime(2025, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC),
]


@dataclass
class World:
    zone: str
    as_of: dt.datetime
    people: list[Person]


@cache
def times(as_of: dt.datetime, zone: str) -> st.SearchStrategy[dt.datetime]:
    """Moments on and beside every edge that a window can have, and anywhere else."""
    today = as_of.astimezone(ZoneInfo(zone)).date()
    edges = [as_of, *(as_of - dt.timedelta(days=days) for days in DAYS)]
    edges += [midnight(today - dt.timedelta(days=days), zone) for days in (0, 1, 7, 30)]
    beside = st.builds(lambda edge, off: edge + off * MICRO, st.sampled_from(edges), st.sampled_from([-1, 0, 1]))
    hours = st.integers(-2, 24 * 100).map(lambda hours: as_of - dt.timedelta(hours=hours))
    same_days = st.builds(
        lambda days, minutes: as_of - dt.timedelta(days=days, minutes=minutes), st.sampled_from([0, *DAYS]),
        st.integers(-300, 300),
    )  # fmt: skip
    return st.one_of(beside, hours, same_days)


@cache
def dates(as_of: dt.datetime) -> st.SearchStrategy[dt.date]:
    near = st.integers(-40, 40).map(lambda days: as_of.date() + dt.timedelta(days=days))
    return st.one_of(
        near, st.sampled_from([dt.date(2000, 2, 29), dt.date(1999, 2, 28), dt.date(2023, 3, 1), dt.date(2024, 12, 31)])
    )


amounts = st.sampled_from([0, 1, -5, 10, 20, 20.5, 99.99, 500])
properties = st.fixed_dictionaries(
    {},
    optional={
        "quantity": st.one_of(amounts, st.sampled_from(["7", True, None])),
        "sku": st.one_of(st.sampled_from(WORDS), st.just(3)),
        "codes": st.one_of(st.lists(st.sampled_from(LIKES), max_size=3), st.just("tea")),
        "gift": st.one_of(st.booleans(), st.just("yes")),
        "due": st.sampled_from(
            ["2024-03-01", "2024-02-30", "2024-02-29T23:30:00Z", "2024-03-10T02:30:00-05:00", "soon"]
        ),
    },
)


@cache
def crowds(as_of: dt.datetime, zone: str) -> st.SearchStrategy[list[Person]]:
    when = times(as_of, zone)
    stamp = when.map(lambda moment: moment.isoformat())
    happenings = st.builds(Happening, st.sampled_from(EVENTS), when, st.one_of(st.none(), amounts), properties)
    people = st.builds(
        Person,
        profile=st.fixed_dictionaries(
            {"first_seen_at": st.just(as_of - dt.timedelta(days=500)), "created_at": when},
            optional={
                "city": st.sampled_from(WORDS), "birthday": dates(as_of), "gender": st.sampled_from(["female", "male"]),
                "email": st.just("a@example.com"),
            },
        ),
        attributes=st.fixed_dictionaries(
            {},
            optional={
                "size": amounts, "note": st.sampled_from(WORDS), "active": st.booleans(),
                "joined": dates(as_of).map(str), "renewed": stamp, "level": st.sampled_from(CHOICES),
                "likes": st.lists(st.sampled_from(LIKES), max_size=3),
            },
        ),
        types=st.just(ATTRIBUTES),
        tags=st.dictionaries(st.sampled_from(TAGS), when),
        events=st.lists(happenings, max_size=12),
        consents=st.dictionaries(st.just(("email", "marketing")), st.booleans()),
        suppressed=st.sampled_from([frozenset(), frozenset({("email", "a@example.com")})]).map(set),
        scores=st.dictionaries(st.sampled_from(["activity", "churn"]), amounts),
    )  # fmt: skip
    return st.lists(people, min_size=1, max_size=4)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    zone, as_of = draw(st.sampled_from(ZONES)), draw(st.sampled_from(MOMENTS))
    drawn = draw(crowds(as_of, zone))
    # The list of suppressed addresses is the workspace's: all people share one address, so they share that too.
    for person in drawn:
        person.suppressed = drawn[0].suppressed
    return World(zone, as_of, drawn)


# Rules


@cache
def conditions(kind: str, as_of: dt.datetime, zone: str) -> st.SearchStrategy[dict[str, Any]]:
    """Operator and value for a type."""
    presence = st.sampled_from(["is_set", "is_missing"]).map(lambda op: {"op": op})
    ops = {
        "number": st.one_of(
            _op(["eq", "ne", "lt", "lte", "gt", "gte"], st.one_of(amounts, st.sampled_from([2, 3, 7, 0.5]))),
            _op(["between"], st.tuples(amounts, amounts).map(list)),
        ),
        "text": st.one_of(
            _op(TEXT_OPS, st.sampled_from(WORDS), case=True),
            _op(["in", "not_in"], st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), case=True),
            _op(["matches"], st.sampled_from(PATTERNS), case=True),
        ),
        "choice": st.one_of(
            _op(["eq", "ne"], st.sampled_from(CHOICES)),
            _op(["in", "not_in"], st.lists(st.sampled_from(CHOICES), min_size=1, max_size=2)),
        ),
        "boolean": st.sampled_from(["is_true", "is_false"]).map(lambda op: {"op": op}),
        "list": st.one_of(
            _op(["has"], st.sampled_from(LIKES)),
            _op(["has_any", "has_all", "has_none"], st.lists(st.sampled_from(LIKES), min_size=1, max_size=2)),
            st.just({"op": "is_empty"}),
        ),
        "date": _in_time(dates(as_of).map(str)),
        "datetime": _in_time(st.one_of(dates(as_of).map(str), times(as_of, zone).map(lambda at: at.isoformat()))),
    }  # fmt: skip
    return st.one_of(ops[kind], ops[kind], presence)


def _op(ops: list[str], values: st.SearchStrategy[Any], *, case: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    optional = {"ignore_case": st.booleans()} if case else {}
    return st.fixed_dictionaries({"op": st.sampled_from(ops), "value": values}, optional=optional)


def _in_time(literals: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        _op(["before", "after", "on_or_before", "on_or_after", "on"], literals),
        _op(["between"], st.tuples(literals, literals).map(list)),
        _op(["within_last", "within_next", "more_than_ago"], st.sampled_from([0, *DAYS])),
        _op(["anniversary_within_next"], st.sampled_from([0, 1, 30, 364, 365, 366])),
        _op(["weekday"], st.lists(st.integers(1, 7), min_size=1, max_size=3)),
    )


@cache
def windows(as_of: dt.datetime, zone: str) -> st.SearchStrategy[dict[str, Any]]:
    calendar = "today yesterday this_week last_week this_month last_month this_quarter last_quarter this_year last_year"
    moment = st.one_of(times(as_of, zone).map(lambda at: at.isoformat()), dates(as_of).map(str))
    pairs = st.tuples(moment, moment).filter(lambda pair: _at(pair[0], zone) < _at(pair[1], zone))
    return st.one_of(
        st.sampled_from(DAYS).map(lambda days: {"days": days}),
        st.sampled_from([(7, 1), (90, 30), (30, 7), (90, 1)]).map(lambda w: {"days": w[0], "until_days_ago": w[1]}),
        st.sampled_from(calendar.split()).map(lambda word: {"calendar": word}),
        pairs.map(lambda pair: {"from": pair[0], "to": pair[1]}),
    )


def _at(text: str, zone: str) -> dt.datetime:
    return midnight(dt.date.fromisoformat(text), zone) if len(text) == 10 else dt.datetime.fromisoformat(text)


@cache
def _where(as_of: dt.datetime, zone: str) -> st.SearchStrategy[dict[str, Any]]:
    props = {
        "amount": "number",
        "quantity": "number",
        "sku": "text",
        "codes": "list",
        "gift": "boolean",
        "due": "datetime",
    }
    leaf = st.one_of(*(_leaf({"prop": st.just(name)}, conditions(kind, as_of, zone)) for name, kind in props.items()))
    return trees(leaf, max_leaves=3)


def _leaf(
    parts: dict[str, st.SearchStrategy[Any]], condition: st.SearchStrategy[dict[str, Any]], **optional: Any
) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda own, asked: {**own, **asked}, st.fixed_dictionaries(parts, optional=optional), condition)


@cache
def event_leaves(as_of: dt.datetime, zone: str) -> st.SearchStrategy[dict[str, Any]]:
    names = st.one_of(st.sampled_from(EVENTS), st.just(["purchase", "visit"]))
    numeric = ["count", "days", "days_since_last"]
    numeric += [
        f"{name}:{prop}" for name in ("sum", "avg", "min", "max", "distinct") for prop in ("amount", "quantity")
    ]
    numeric += ["distinct:sku"]
    return st.one_of(
        *(
            _leaf(
                {"fact": st.just("event"), "name": names, "measure": st.sampled_from(measures)},
                conditions(kind, as_of, zone),
                window=windows(as_of, zone),
                where=_where(as_of, zone),
            )
            for measures, kind in ((numeric, "number"), (["first", "last"], "datetime"))
        )
    )


@cache
def ranks(as_of: dt.datetime, zone: str) -> st.SearchStrategy[dict[str, Any]]:
    measures = ["count", "days", "days_since_last", "sum:amount", "avg:quantity", "max:amount", "distinct:sku"]
    given = {
        "fact": st.just("rank"),
        "name": st.sampled_from(EVENTS),
        "measure": st.sampled_from(measures),
        "top_percent": st.sampled_from([0.01, 10, 50, 66.67, 100]),
    }
    return _leaf(given, conditions("boolean", as_of, zone), window=windows(as_of, zone))


@cache
def sequences(as_of: dt.datetime, zone: str) -> st.SearchStrategy[dict[str, Any]]:
    names = st.one_of(st.sampled_from(EVENTS), st.just(["purchase", "visit"]))
    step = st.fixed_dictionaries({"name": names}, optional={"where": _where(as_of, zone)})
    given = {"fact": st.just("sequence"), "steps": st.lists(step, min_size=2, max_size=3)}
    asked = conditions("boolean", as_of, zone)
    return _leaf(given, asked, within_days=st.sampled_from(DAYS), without=step)


@cache
def leaves(as_of: dt.datetime, zone: str) -> st.SearchStrategy[dict[str, Any]]:
    def fact(key: str, kind: str, **parts: Any) -> st.SearchStrategy[dict[str, Any]]:
        given = {name: st.just(part) for name, part in parts.items()}
        return _leaf({"fact": st.just(key), **given}, conditions(kind, as_of, zone))

    plain = [
        fact("profile", "text", name="city"),
        fact("profile", "date", name="birthday"),
        fact("profile", "datetime", name="created_at"),
        fact("profile", "datetime", name="last_seen_at"),
        *(fact("attribute", kind, name=name) for name, kind in ATTRIBUTES.items()),
        *(fact("tag", "boolean", name=name) for name in TAGS),
        fact("tag", "datetime", name="vip", what="since"),
        fact("consent", "boolean", channel="email", purpose="marketing"),
        fact("reachable", "boolean", channel="email"),
        fact("score", "number", name="activity"),
        *(fact("sample", "boolean", percent=percent, salt="spring") for percent in (0.01, 33.3, 50, 100)),
    ]
    return st.one_of(event_leaves(as_of, zone), st.one_of(*plain), event_leaves(as_of, zone), sequences(as_of, zone))


def trees(leaf: st.SearchStrategy[dict[str, Any]], max_leaves: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
            st.lists(inner, max_size=3).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=max_leaves,
    )


@cache
def rules(as_of: dt.datetime, zone: str) -> st.SearchStrategy[dict[str, Any]]:
    return trees(st.one_of(leaves(as_of, zone), leaves(as_of, zone), ranks(as_of, zone)), max_leaves=6)


# Into the tables


def declare_names() -> None:
    """What the workspace has to know before any rule can be checked."""
    for name in EVENTS:
        EventName.objects.create(name=name, platform=name.startswith("urm."))
    for name in TAGS:
        Tag.objects.create(name=name)
    for name, kind in ATTRIBUTES.items():
        choices = {"choice": CHOICES, "list": LIKES}.get(kind, [])
        AttributeDefinition.objects.create(name=name, type=kind, label_en=name.title(), choices=choices)


def store(people: Iterable[Person], tenant_id: int, zone: str, *, aliases: int = 0) -> list[Member]:
    """Write people, events and day counts; returns the members in the same order. With `aliases`, each came out of a
    merge of so many others, and every member wrote a share of the events."""
    event_ids = dict(EventName.objects.values_list("name", "id"))
    tag_ids = dict(Tag.objects.values_list("name", "id"))
    members, rows = [], []
    everybody = list(people)
    for person in everybody:
        member = Member.objects.create(**person.profile, attributes=person.attributes)
        members.append(member)
        person.pk, person.everybody = member.pk, everybody
        Score.objects.bulk_create(
            Score(member=member, name=name, value=Decimal(str(value))) for name, value in person.scores.items()
        )
        if person.tags:
            held = sorted(tag_ids[name] for name in person.tags)
            MemberState.objects.create(member=member, tag_ids=held)
            for name, since in person.tags.items():
                MemberTag.objects.create(member=member, tag_id=tag_ids[name], since=since, added_by="test")
        for (channel, purpose), granted in person.consents.items():
            Consent.objects.create(
                member=member, channel=channel, purpose=purpose, granted=granted, at=member.created_at
            )
        for channel, address in person.suppressed:
            suppress_address(channel=channel, address=address, reason="test")
        others = [Member.objects.create(**person.profile, merged_into=member) for _alias in range(aliases)]
        written = [member, *others]
        rows += [
            (written[place % len(written)].pk, event_ids[event.name], event)
            for place, event in enumerate(person.events)
        ]
    with connection.cursor() as cursor:
        for member_id, name_id, event in rows:
            cursor.execute(
                "INSERT INTO members_event (tenant_id, received_at, member_id, name_id, occurred_at, amount,"
                " properties, trusted) VALUES (%s, %s, %s, %s, %s, %s, %s, true)",
                [tenant_id, event.at, member_id, name_id, event.at, event.amount, json.dumps(event.properties)],
            )
        count_days(cursor, tenant_id, zone)
    return members


def count_days(cursor: Any, tenant_id: int, zone: str) -> None:
    cursor.execute(
        "INSERT INTO members_daily (tenant_id, member_id, name_id, day, count, amount_count, amount_sum, amount_min,"
        " amount_max, first_at, last_at) SELECT e.tenant_id, coalesce(m.merged_into_id, m.id), name_id,"
        " (occurred_at AT TIME ZONE %s)::date, count(*), count(amount), sum(amount), min(amount), max(amount),"
        " min(occurred_at), max(occurred_at) FROM members_event e"
        " JOIN members_member m ON m.tenant_id = e.tenant_id AND m.id = e.member_id"
        " WHERE e.tenant_id = %s GROUP BY 1, 2, 3, 4",
        [zone, tenant_id],
    )


def exact(person: Person) -> Person:
    """Amounts as the column holds them, so that the judge adds up the same numbers."""
    for event in person.events:
        if event.amount is not None:
            event.amount = Fraction(Decimal(str(event.amount)))
    return person
