"""Writing who a member is."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from members.actions.events import emit, mark_dirty
from members.events import MemberCreated, MemberUpdated
from members.models import (
    AttributeDefinition,
    Consent,
    Identity,
    Member,
    MemberState,
    MemberTag,
    ParkedEvent,
)
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

TEXT_FIELDS = {
    "first_name": 100,
    "last_name": 100,
    "language": 10,
    "city": 100,
    "region": 100,
    "country": 100,
    "source": 100,
}
PROFILE_FIELDS = (*TEXT_FIELDS, "email", "phone", "birthday", "gender")
_ATTRIBUTE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,59}")


class MemberError(ValueError):
    """Traits that cannot be taken; `fields` maps each field to what is wrong with it."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in fields.items()))
        self.fields = fields


def upsert_member(*, external_id: str, traits: Mapping[str, Any], replace: bool = False) -> tuple[Member, bool]:
    """Create or change the member of that external id; returns it and whether it is new.

    `traits`: profile fields, `first_seen_at` and `attributes` (an object). A field given as None is emptied; with
    `replace`, fields not given are emptied too. Raises MemberError naming every field that is wrong.
    """
    values = clean_traits(traits)
    if replace:
        values = {**dict.fromkeys(PROFILE_FIELDS), **values}
    with transaction.atomic():
        member = _find(external_id)
        created = member is None
        if member is None:
            member = _create(external_id)
        changed = _apply(member, values, replace_attributes=replace)
        if changed or created:
            member.save()
            mark_dirty([member.pk])
        if created:
            emit([MemberCreated(member_id=member.pk, source=member.source)])
        elif changed:
            emit([MemberUpdated(member_id=member.pk, fields=tuple(sorted(changed)))])
        if current_actor().kind == "staff" and (created or changed):
            record(
                verb="member.create" if created else "member.update",
                target=member,
                target_label=f"#{member.pk}",
                after={"fields": sorted(changed)},
            )
    return member, created


def identify_member(*, external_id: str, anonymous_id: str | None, traits: Mapping[str, Any], trusted: bool) -> Member:
    """Tell who an anonymous visitor is. What the visitor did before comes along when the member is new.

    Anybody can send a publishable key: untrusted traits only fill a member that this call creates, and traits that
    cannot be taken are left out, since nobody waits for the answer.
    """
    with transaction.atomic():
        member = _find(external_id)
        visitor = _find(anonymous_id, kind=Identity.Kind.ANONYMOUS_ID) if anonymous_id else None
        created = member is None
        if member is None and visitor is not None and visitor.external_id is None:
            member = visitor
            member.external_id = external_id
            member.save(update_fields=["external_id", "updated_at"])
            Identity.objects.create(member=member, kind=Identity.Kind.EXTERNAL_ID, value=external_id)
        elif member is None:
            member = _create(external_id)
        if anonymous_id and visitor is None:
            Identity.objects.create(member=member, kind=Identity.Kind.ANONYMOUS_ID, value=anonymous_id)
        elif anonymous_id and visitor is not None and visitor.pk != member.pk and visitor.external_id is None:
            Identity.objects.filter(kind=Identity.Kind.ANONYMOUS_ID, value=anonymous_id).update(member=member)
        if traits and (trusted or created):
            changed = _apply(member, _clean_what_can_be(traits), replace_attributes=False)
            member.save()
            if changed and not created:
                emit([MemberUpdated(member_id=member.pk, fields=tuple(sorted(changed)))])
        if created:
            emit([MemberCreated(member_id=member.pk, source=member.source)])
        mark_dirty([member.pk])
    return member


def request_erasure(*, member: Member) -> None:
    """Mark the member for erasure; a worker does it. Asking twice changes nothing."""
    with transaction.atomic():
        if Member.objects.filter(pk=member.pk, erasure_requested_at=None).update(erasure_requested_at=timezone.now()):
            record(verb="member.request_erasure", target=member, target_label=f"#{member.pk}")
            transaction.on_commit(lambda: wake("erase"))


def erase_member(*, member: Member) -> None:
    """Blank everything personal; the row, its log without properties, and the figures stay."""
    with transaction.atomic():
        for name in (*PROFILE_FIELDS, "external_id"):
            setattr(member, name, None)
        member.attributes = {}
        member.erased_at = timezone.now()
        member.save()
        for model in (Identity, MemberTag, Consent, MemberState, ParkedEvent):
            model.objects.filter(member=member).delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE members_event SET properties = '{}' WHERE tenant_id = %s AND member_id = %s",
                [require_tenant(), member.pk],
            )
        record(verb="member.erase", target=member, target_label=f"#{member.pk}")


def clean_traits(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Typed values of profile fields, `first_seen_at` and `attributes`; raises MemberError naming all that is wrong."""
    values, problems = _clean(traits)
    if problems:
        raise MemberError(problems)
    return values


def _clean_what_can_be(traits: Mapping[str, Any]) -> dict[str, Any]:
    return _clean(traits)[0]


def _clean(traits: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in traits.items():
        try:
            if name == "attributes":
                values[name], wrong = _clean_attributes(value)
                problems |= wrong
            elif name == "first_seen_at":
                values[name] = _moment(value)
            elif name in PROFILE_FIELDS:
                values[name] = None if value is None or value == "" else _clean_field(name, value)
            else:
                raise ValueError(_("Unknown field. Put data of your own into attributes."))
        except ValueError as error:
            problems[name] = str(error)
    return values, problems


def _clean_field(name: str, value: Any) -> Any:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError(_("Must be a text without NUL characters."))
    value = value.strip()
    if name in _CLEAN:
        return _CLEAN[name](value)
    if len(value) > TEXT_FIELDS[name]:
        raise ValueError(_("Must have at most %(limit)s characters.") % {"limit": TEXT_FIELDS[name]})
    return value


def _email(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError as error:
        raise ValueError(_("Must be an e-mail address such as ada@example.com.")) from error
    return value.lower()


def _birthday(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(_("Must be a date such as 1990-12-31.")) from error


def _gender(value: str) -> str:
    if value not in Member.Gender.values:
        raise ValueError(_("Must be one of: %(choices)s.") % {"choices": ", ".join(Member.Gender.values)})
    return value


def _phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise ValueError(_("Must be a phone number with country code, such as +8613812345678."))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_CLEAN: dict[str, Callable[[str], Any]] = {"email": _email, "phone": _phone, "birthday": _birthday, "gender": _gender}


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError(_("Must be an ISO 8601 date and time, such as 2026-03-01T09:30:00Z.")) from error
    try:  # PostgreSQL takes fewer offsets than Python
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(_("Must lie between the years 1 and 9999.")) from error


def _clean_attributes(value: Any) -> tuple[dict[str, Any], dict[str, str]]:
    if not isinstance(value, dict):
        raise ValueError(_("Must be an object."))
    definitions = {definition.name: definition for definition in AttributeDefinition.objects.filter(name__in=value)}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, given in value.items():
        definition = definitions.get(name)
        try:
            if not _ATTRIBUTE_NAME.fullmatch(name):
                raise ValueError(_("An attribute's name begins with a letter; letters, digits and _ only; at most 60."))
            values[name] = None if given is None else _attribute_value(definition, given)
        except ValueError as error:
            problems[f"attributes.{name}"] = str(error)
    return values, problems


def _attribute_value(definition: AttributeDefinition | None, value: Any) -> Any:
    """The value as JSON holds it: see AttributeDefinition.Type. Unregistered attributes are kept as they come."""
    if definition is None:
        return value
    kind = definition.type
    if kind == AttributeDefinition.Type.CHOICE and value not in definition.choices:
        raise ValueError(_("Must be one of: %(choices)s.") % {"choices": ", ".join(definition.choices)})
    if kind == AttributeDefinition.Type.DATETIME:
        return _moment(value).isoformat()
    if not _HAS_TYPE[kind](value):
        raise ValueError(_("Must be a value of type %(type)s.") % {"type": definition.get_type_display()})
    return value


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


_HAS_TYPE: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "choice": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "date": _is_date,
    "list": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
}


def _find(value: str, *, kind: str = Identity.Kind.EXTERNAL_ID) -> Member | None:
    identity = Identity.objects.select_related("member").filter(kind=kind, value=value).first()
    return identity.member if identity else None


def _create(external_id: str) -> Member:
    """Insert the member and its identity; when another request was quicker, take the one that it made."""
    try:
        with transaction.atomic():
            member = Member.objects.create(external_id=external_id)
            Identity.objects.create(member=member, kind=Identity.Kind.EXTERNAL_ID, value=external_id)
    except IntegrityError:
        found = _find(external_id)
        if found is None:
            raise
        return found
    return member


def _apply(member: Member, values: dict[str, Any], *, replace_attributes: bool) -> set[str]:
    """Set values on the (unsaved) member; returns the names of those that differ."""
    changed = set()
    for name, value in values.items():
        if name == "attributes":
            continue
        if getattr(member, name) != value:
            setattr(member, name, value)
            changed.add(name)
    given = values.get("attributes", {} if replace_attributes else None)
    if given is not None:
        merged = {**({} if replace_attributes else member.attributes), **given}
        merged = {name: value for name, value in merged.items() if value is not None}
        if merged != member.attributes:
            member.attributes = merged
            changed.add("attributes")
    return changed
