"""Writing who a member is."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from members.actions.duplicates import note_duplicates
from members.actions.events import emit, mark_dirty
from members.actions.identities import claim_addresses, clean_email, clean_identities, clean_phone
from members.actions.recognition import IdTakenError, take_ids
from members.events import MemberCreated, MemberUpdated
from members.models import (
    AttributeDefinition,
    Identity,
    Member,
    ValueSource,
)
from members.queries.person import survivor_of
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.lib.refusals import RefusalError
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

    `traits`: profile fields, `first_seen_at`, `attributes` (an object) and `identities` (see `clean_identities`). A
    field given as None is emptied; with `replace`, fields not given are emptied too (identities stay). Attributes that
    come from a source which is believed more stay as they are. Raises MemberError naming every field that is wrong.
    """
    values = clean_traits(traits)
    if replace:
        values = {**dict.fromkeys(PROFILE_FIELDS), **values}
    with transaction.atomic():
        member = _find(external_id)
        created = member is None
        if member is None:
            member = _create(external_id)
        source = ValueSource.STAFF if current_actor().kind == "staff" else ValueSource.API
        changed = _apply(member, values, replace_attributes=replace, source=source)
        if changed or created:
            member.save()
            mark_dirty([member.pk])
        member = _take_ids(member, values.get("identities", {}), contacts=changed & {"email", "phone"})
        if changed & {"email", "phone", "birthday", "first_name", "last_name"}:
            note_duplicates([member.pk])
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


def fill_member(member: Member, traits: Mapping[str, Any], *, source: str) -> set[str]:
    """Set and save the traits that can be taken, leaving out what is wrong; returns the names of what changed."""
    values, _problems = _clean(traits)
    values.pop("identities", None)
    changed = _apply(member, values, replace_attributes=False, source=source)
    member.save()
    return changed


def request_erasure(*, member: Member) -> None:
    """Mark the member (or who they were merged into) for erasure; a worker does it. Asking twice changes nothing."""
    with transaction.atomic():
        member = survivor_of(member)
        if Member.objects.filter(pk=member.pk, erasure_requested_at=None).update(erasure_requested_at=timezone.now()):
            record(verb="member.request_erasure", target=member, target_label=f"#{member.pk}")
            transaction.on_commit(lambda: wake("erase"))


def clean_traits(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Typed values of profile fields, `first_seen_at` and `attributes`; raises MemberError naming all that is wrong."""
    values, problems = _clean(traits)
    if problems:
        raise MemberError(problems)
    return values


def _clean(traits: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in traits.items():
        try:
            if name == "attributes":
                values[name], wrong = _clean_attributes(value)
                problems |= wrong
            elif name == "identities":
                values[name], wrong = clean_identities(value)
                problems |= wrong
            elif name == "first_seen_at":
                values[name] = _moment(value)
            elif name in PROFILE_FIELDS:
                values[name] = None if value is None or value == "" else clean_field(name, value)
            else:
                raise RefusalError(gettext_noop("Unknown field. Put data of your own into attributes."))
        except ValueError as error:
            problems[name] = str(error)
    return values, problems


def clean_field(name: str, value: Any) -> Any:
    """A profile field as it is stored. Raises ValueError with words for people."""
    if not isinstance(value, str) or "\x00" in value:
        raise RefusalError(gettext_noop("Must be a text without NUL characters."))
    value = value.strip()
    if name in _CLEAN:
        return _CLEAN[name](value)
    if len(value) > TEXT_FIELDS[name]:
        raise RefusalError(gettext_noop("Must have at most %(limit)s characters."), limit=TEXT_FIELDS[name])
    return value


def _birthday(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise RefusalError(gettext_noop("Must be a date such as 1990-12-31.")) from error


def _gender(value: str) -> str:
    if value not in Member.Gender.values:
        raise RefusalError(gettext_noop("Must be one of: %(choices)s."), choices=", ".join(Member.Gender.values))
    return value


_CLEAN: dict[str, Callable[[str], Any]] = {
    "email": clean_email,
    "phone": clean_phone,
    "birthday": _birthday,
    "gender": _gender,
}


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise RefusalError(gettext_noop("Must be an ISO 8601 date and time, such as 2026-03-01T09:30:00Z.")) from error
    try:  # PostgreSQL takes fewer offsets than Python
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise RefusalError(gettext_noop("Must lie between the years 1 and 9999.")) from error


def _clean_attributes(value: Any) -> tuple[dict[str, Any], dict[str, str]]:
    if not isinstance(value, dict):
        raise RefusalError(gettext_noop("Must be an object."))
    definitions = {definition.name: definition for definition in AttributeDefinition.objects.filter(name__in=value)}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, given in value.items():
        definition = definitions.get(name)
        try:
            if not _ATTRIBUTE_NAME.fullmatch(name):
                raise RefusalError(
                    gettext_noop("An attribute's name begins with a letter; letters, digits and _ only; at most 60.")
                )
            values[name] = None if given is None else attribute_value(definition, given)
        except ValueError as error:
            problems[f"attributes.{name}"] = str(error)
    return values, problems


def attribute_value(definition: AttributeDefinition | None, value: Any) -> Any:
    """The value as JSON holds it: see AttributeDefinition.Type. Unregistered attributes are kept as they come."""
    if definition is None:
        return value
    kind = definition.type
    if kind == AttributeDefinition.Type.CHOICE and value not in definition.choices:
        raise RefusalError(gettext_noop("Must be one of: %(choices)s."), choices=", ".join(definition.choices))
    if kind == AttributeDefinition.Type.DATETIME:
        return _moment(value).isoformat()
    if not _HAS_TYPE[kind](value):
        raise RefusalError(
            gettext_noop("Must be a value of type %(type)s."), type=AttributeDefinition.Type(definition.type).label
        )
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


def _take_ids(member: Member, given: Mapping[str, list[str] | None], *, contacts: set[str]) -> Member:
    """Link ids as asked; ids that others have merge them in where the workspace's rules say so. The member as it is
    then."""
    removed = [kind for kind, ids in given.items() if ids is None]
    if removed:
        Identity.objects.filter(member=member, kind__in=removed, from_profile=False).delete()
    if contacts:
        claim_addresses([member.pk])
    asked = [(kind, value) for kind, ids in given.items() for value in ids or []]
    shared = [(name, getattr(member, name)) for name in sorted(contacts) if getattr(member, name)]
    if not asked and not shared:
        return member
    try:
        return take_ids(member, asked, shared=shared)
    except IdTakenError as error:
        message = _("Belongs to another member, %(member)s. Merge the two, or leave it out.")
        raise MemberError(
            {f"identities.{error.kind}": message % {"member": error.member.external_id or error.member}}
        ) from error


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


def _apply(member: Member, values: dict[str, Any], *, replace_attributes: bool, source: str) -> set[str]:
    """Set values on the (unsaved) member; returns the names of those that differ."""
    changed = set()
    for name, value in values.items():
        if name in {"attributes", "identities"}:
            continue
        if getattr(member, name) != value:
            setattr(member, name, value)
            changed.add(name)
    given = values.get("attributes", {} if replace_attributes else None)
    if given is not None:
        if replace_attributes:
            given = {**dict.fromkeys(member.attributes), **given}
        merged = {**member.attributes, **_believed(member, given, source)}
        merged = {name: value for name, value in merged.items() if value is not None}
        if merged != member.attributes:
            member.attributes = merged
            changed.add("attributes")
    return changed


def _believed(member: Member, given: dict[str, Any], source: str) -> dict[str, Any]:
    """The attributes that this source may write, noting it where that matters. A value that comes again counts, too."""
    if not given:
        return given
    before = member.attribute_sources or {}
    taken, sources = dict(given), dict(before)
    for definition in AttributeDefinition.objects.filter(name__in=given).exclude(source_order=[]):
        name = definition.name
        if member.attributes.get(name) is not None and definition.outranks(sources.get(name), source):
            del taken[name]
        elif given[name] is None:
            sources.pop(name, None)
        else:
            sources[name] = str(source)
    if sources != before:
        member.attribute_sources = sources or None
        Member.objects.filter(pk=member.pk).update(attribute_sources=member.attribute_sources)
    return taken
