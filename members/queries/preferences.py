"""What the preference centre shows: what is asked for, in which words, and what the member has said so far."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from members.models import Channel, Consent, ConsentPurpose, ConsentWording, Member

_ADDRESSES = {Channel.EMAIL: "email", Channel.SMS: "phone"}


@dataclass(frozen=True)
class Choice:
    """One channel of a purpose. `name` is its field in the form; `pending` while a confirmation is open."""

    channel: str
    label: str
    name: str
    granted: bool


@dataclass(frozen=True)
class PurposeChoices:
    purpose: ConsentPurpose
    wording: ConsentWording | None
    choices: list[Choice]


def preferences(member: Member, language: str) -> list[PurposeChoices]:
    """Offered purposes and those consented to, with the channels that the member has an address for."""
    said = {(row.channel, row.purpose): row.granted for row in Consent.objects.filter(member=member)}
    given = {purpose for (_channel, purpose), granted in said.items() if granted}
    purposes = list(ConsentPurpose.objects.filter(Q(offered=True) | Q(key__in=given)))
    words = newest_wordings(purposes, language)
    return [
        PurposeChoices(
            purpose,
            words.get(purpose.pk),
            [
                Choice(channel.value, str(channel.label), f"{channel.value}.{purpose.key}", granted)
                for channel in Channel
                for granted in [said.get((channel.value, purpose.key), False)]
                if granted or (channel in _ADDRESSES and getattr(member, _ADDRESSES[channel]))
            ],
        )
        for purpose in purposes
    ]


def newest_wordings(purposes: Iterable[ConsentPurpose], language: str) -> dict[int, ConsentWording]:
    """By purpose, the words in this language, or in the other one where there are none."""
    rows = ConsentWording.objects.filter(purpose__in=list(purposes)).select_related("purpose").order_by("version")
    newest: dict[int, ConsentWording] = {}
    for row in sorted(rows, key=lambda row: (row.language == language, row.version)):
        newest[row.purpose_id] = row
    return newest


def masked(address: str | None) -> str:
    """Enough of an address to recognise one's own: `a…@example.com`, `+86…5678`."""
    if not address:
        return ""
    name, at, domain = address.partition("@")
    return f"{name[:1]}…@{domain}" if at else f"{address[:3]}…{address[-2:]}"
