"""The ids by which sources know members: checked, normalised, linked."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection
from django.utils.translation import gettext_noop

from members.models import Identity, Member
from urm.lib.refusals import RefusalError
from urm.tenancy.context import require_tenant

Kind = Identity.Kind
Id = tuple[str, str]  # kind and normalised value

# Ids of a browser or an app: whoever has no other is a visitor whom nobody knows yet.
ANONYMOUS = frozenset({Kind.ANONYMOUS_ID.value, Kind.DEVICE.value, Kind.COOKIE.value})
MAX_IDS = 20  # of one kind in one request


def clean_email(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError as error:
        raise RefusalError(gettext_noop("Must be an e-mail address such as ada@example.com.")) from error
    return value.lower()


def clean_phone(value: str) -> str:
    """As E.164."""
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise RefusalError(gettext_noop("Must be a phone number with country code, such as +8613812345678."))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _card_number(value: str) -> str:
    return re.sub(r"[\s-]+", "", value).upper()


_CLEAN: Mapping[str, Callable[[str], str]] = {
    Kind.EMAIL: clean_email,
    Kind.PHONE: clean_phone,
    Kind.CARD_NUMBER: _card_number,
}


def clean_identity(kind: str, value: Any) -> str:
    """The value as it is stored and looked up: trimmed, an e-mail in small letters, a phone as E.164, a card number
    without blanks and hyphens. Raises ValueError saying what is wrong."""
    if not isinstance(value, str) or "\x00" in value or not 0 < len(value.strip()) <= 200:
        raise RefusalError(gettext_noop("Must be a text of 1 to 200 characters."))
    value = value.strip()
    cleaned = _CLEAN[kind](value) if kind in _CLEAN else value
    if not cleaned:
        raise RefusalError(gettext_noop("Must be a text of 1 to 200 characters."))
    return cleaned


def clean_identities(raw: Any) -> tuple[dict[str, list[str] | None], dict[str, str]]:
    """`raw`: an object from kind to one value, a list of values, or None (which removes those of the kind). Returns
    the values by kind, and what is wrong by field."""
    if not isinstance(raw, Mapping):
        raise RefusalError(gettext_noop("Must be an object."))
    given: dict[str, list[str] | None] = {}
    problems: dict[str, str] = {}
    for kind, value in raw.items():
        try:
            if kind not in Kind.values:
                raise RefusalError(gettext_noop("Unknown kind. Use one of: %(kinds)s."), kinds=", ".join(Kind.values))
            if value is None and kind == Kind.EXTERNAL_ID:
                raise RefusalError(
                    gettext_noop("An external id stays with its member. Merge or un-merge members instead.")
                )
            values = value if isinstance(value, list) else [value]
            if len(values) > MAX_IDS:
                raise RefusalError(gettext_noop("At most %(limit)s of one kind in one request."), limit=MAX_IDS)
            given[kind] = None if value is None else [clean_identity(kind, one) for one in values]
        except ValueError as error:
            problems[f"identities.{str(kind)[:40]}"] = str(error)
    return given, problems


def known_first(ids: Sequence[Id]) -> list[Id]:
    """In the order in which ids are believed: the external id, then others of known people, then those of visitors."""
    return sorted(ids, key=lambda one: (one[0] != Kind.EXTERNAL_ID, one[0] in ANONYMOUS))


def owners(ids: Collection[Id]) -> dict[Id, Member]:
    """Who holds these ids, one statement for all."""
    if not ids:
        return {}
    rows = Identity.objects.select_related("member").filter(
        kind__in={kind for kind, _value in ids}, value__in={value for _kind, value in ids}
    )
    found = {(row.kind, row.value): row.member for row in rows}
    return {one: found[one] for one in ids if one in found}


def link_ids(member: Member, ids: Iterable[Id]) -> None:
    """Make free ids this member's; those that somebody has stay where they are."""
    Identity.objects.bulk_create(
        [Identity(member=member, kind=kind, value=value) for kind, value in dict.fromkeys(ids)], ignore_conflicts=True
    )


def is_visitor(member: Member) -> bool:
    """Whether nobody has said yet who this is."""
    if member.external_id or member.email or member.phone:
        return False
    return not Identity.objects.filter(member=member).exclude(kind__in=ANONYMOUS).exists()


# An address that the profile has no more is no longer an id of the member; a new one becomes it unless somebody has it.
_RELEASE = """
DELETE FROM members_identity i USING members_member m
WHERE i.tenant_id = {tenant} AND i.member_id = ANY (%(members)s) AND i.from_profile AND i.logged_as IS NULL
  AND m.tenant_id = {tenant} AND m.id = i.member_id
  AND i.value IS DISTINCT FROM CASE i.kind WHEN 'email' THEN m.email ELSE m.phone END
"""
_CLAIM = """
INSERT INTO members_identity (tenant_id, member_id, kind, value, from_profile, created_at)
SELECT {tenant}, m.id, v.kind, v.value, true, now()
FROM members_member m CROSS JOIN LATERAL (VALUES ('email', m.email), ('phone', m.phone)) v(kind, value)
WHERE m.tenant_id = {tenant} AND m.id = ANY (%(members)s) AND v.value <> '' ORDER BY m.id
ON CONFLICT DO NOTHING
"""


def claim_addresses(member_ids: Collection[int]) -> None:
    """Let the identities of these members follow the e-mail and phone of their profiles; for any number at once.

    An address that another member has already stays that one's identity: the two are possible duplicates.
    """
    with connection.cursor() as cursor:
        for statement in (_RELEASE, _CLAIM):
            cursor.execute(statement.format(tenant=require_tenant()), {"members": sorted(member_ids)})
