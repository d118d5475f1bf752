"""Forty people with purchases over the last half year, some with tags, consents and a language of their own."""

import random
from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import override

from members.actions import (
    accept_events,
    add_tag,
    ask_for_consent,
    canonical_event,
    erase_member,
    merge_members,
    publish_wording,
    record_consent,
    set_retention,
    suppress_address,
    upsert_member,
)
from members.actions.consents import register_purpose
from members.actions.imports import check_import, save_mapping, upload
from members.models import AcquisitionSource, AttributeDefinition, EventName, Member, ParkedEvent, Tag
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

PEOPLE = {
    "en": [("Ada", "Lovelace"), ("Grace", "Hopper"), ("Alan", "Turing"), ("Emmy", "Noether"), ("Jean", "Bartik")],
    "zh-hans": [("小明", "王"), ("丽", "李"), ("伟", "张"), ("芳", "刘"), ("静", "黄")],
}


def build(tenant: Tenant) -> None:
    chance = random.Random(7)
    now = timezone.now()
    AttributeDefinition.objects.create(
        name="household_size", type="number", label_en="Household size", label_zh="家庭人数"
    )
    AttributeDefinition.objects.create(
        name="drink",
        type="choice",
        label_en="Favourite drink",
        label_zh="最爱饮品",
        choices=["coffee", "tea"],
        source_order=["api", "import", "staff"],
    )
    AcquisitionSource.objects.create(
        code="poster-1", name="Poster at the harbour", kind="qr", landing_url="https://shop.example.com/"
    )
    names = PEOPLE[tenant.language]
    for number in range(40):
        first, last = names[number % len(names)]
        member, _created = upsert_member(
            external_id=f"C{number:04}",
            traits={
                "first_name": first,
                "last_name": last,
                "email": f"person{number}@example.com",
                "language": "zh-hans" if tenant.language == "zh-hans" else "en",
                "gender": "female" if number % 2 else "male",
                "attributes": {"household_size": 1 + number % 5, "drink": "tea" if number % 3 else "coffee"},
            },
        )
        if number % 4:
            record_consent(
                member=member, channel="email", purpose="marketing", granted=number % 8 != 1, source="sign-up form"
            )
        if number % 5 == 0:
            add_tag(member=member, name="VIP")
        if number % 6 == 0:
            add_tag(member=member, name="guest of the opening", expires_at=now + timedelta(days=20))
        accept_events(
            [
                canonical_event(
                    {
                        "event_id": f"{number}-{turn}",
                        "external_id": f"C{number:04}",
                        "name": "purchase" if turn % 3 else "page_view",
                        "occurred_at": (now - timedelta(days=chance.random() * 180)).isoformat(),
                        "amount": round(5 + chance.random() * 90, 2) if turn % 3 else None,
                        "properties": {
                            "store": "Harbour",
                            "lines": [1, 2, 3, 4, 5],
                            **({"utm_source": "newsletter", "utm_campaign": "spring"} if number % 3 else {}),
                            **({"src": "poster-1"} if number % 7 == 0 else {}),
                            "price": "unknown" if turn == 7 and number == 39 else 12.5,
                            "email": f"person{number}@example.com",
                        },
                    },
                    trusted=True,
                    now=now,
                )
                for turn in range(8)
            ]
        )
    Tag.objects.filter(name="guest of the opening").update(group="Occasions")
    drain(tenant.pk)
    for name, english, chinese in (("purchase", "Purchase", "购买"), ("page_view", "Page viewed", "浏览页面")):
        EventName.objects.filter(name=name).update(label_en=english, label_zh=chinese)
    _people_twice(names)
    drain(tenant.pk)
    with override(tenant.language):  # in which staff read what is wrong with their files
        _imports(tenant)
    _consents(tenant)
    member = Member.objects.get(external_id="C0000")
    ParkedEvent.objects.create(
        consumer="loyalty",
        member=member,
        received_at=now,
        event_id=1,
        body={"name": "purchase"},
        reason="ValueError: the amount is missing",
    )


WORDS = {
    "en": ("News and offers about four times a month.", "A letter on the first of each month."),
    "zh-hans": ("每月约四次新品与优惠信息。", "每月一日的会员通讯。"),
}


def _consents(tenant: Tenant) -> None:
    for key, text in zip(("marketing", "newsletter"), WORDS[tenant.language], strict=True):
        publish_wording(purpose=register_purpose(key=key), language=tenant.language, text=text)
    member = Member.objects.get(external_id="C0001")
    ask_for_consent(member=member, purpose="newsletter", source="footer")
    set_retention(periods={"audit": 730, "inactive_members": 1095})
    gone, _created = upsert_member(external_id="C9999", traits={"first_name": "Gone"})
    erase_member(member=gone)
    for reason in ("bounced", "complained"):
        suppress_address(channel="email", address=f"{reason}@example.com", reason=reason)


def _imports(tenant: Tenant) -> None:
    """Run, run with problems, checked with problems, and still to be mapped."""
    fair = [("id", "email", "city", "tags")]
    fair += [(f"C{number:04}", f"person{number}@example.com", "Oslo", "fair") for number in range(5)]
    fair += [(f"N{number:04}", f"new{number}@example.com", "Rome", "") for number in range(5)]
    job = upload(name="fair.csv", chunks=[_csv(fair)])
    save_mapping(job=job, columns=job.columns, mode="overwrite", options={})
    check_import(job=job, then_run=True)
    drain(tenant.pk)
    lists = [
        ("id", "email"),
        ("C0003", "person3@example.com"),
        ("C0004", "no address"),
        ("C0005", "person5@example.com"),
    ]
    job = upload(name="addresses.csv", chunks=[_csv(lists)])
    save_mapping(job=job, columns=job.columns, mode="update", options={})
    check_import(job=job, then_run=True)
    drain(tenant.pk)
    birthdays = [("id", "email", "birthday"), ("C0001", "nobody", "1990-02-31"), ("C0002", "", "1990-02-01")]
    job = upload(name="birthdays.csv", chunks=[_csv(birthdays)])
    save_mapping(job=job, columns=job.columns, mode="fill", options={})
    check_import(job=job)
    drain(tenant.pk)
    upload(name="newsletter.csv", chunks=[_csv([("id", "email", "pets"), ("x1", "x1@example.com", "2")])])


def _csv(rows: Sequence[tuple[str, ...]]) -> bytes:
    return "".join(",".join(row) + "\r\n" for row in rows).encode()


def _people_twice(names: Sequence[tuple[str, str]]) -> None:
    """The first member came out of a merge; two others share an e-mail address."""
    first, last = names[0]
    old, _created = upsert_member(
        external_id="OLD-0",
        traits={
            "first_name": first,
            "last_name": last,
            "email": "old@example.com",
            "phone": "+8613812345678",
            "identities": {"wechat_openid": "oABC-7"},
        },
    )
    merge_members(survivor=Member.objects.get(external_id="C0000"), other=old)
    upsert_member(
        external_id="OLD-1",
        traits={"first_name": first, "email": "person1@example.com", "city": "Boston", "attributes": {"drink": "tea"}},
    )
