"""From a row of texts to values of the right type, or to words on what is wrong with it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from django.utils.translation import gettext_noop

from members.actions.imports.targets import FIELDS
from members.actions.members import attribute_value, clean_field
from members.models import AttributeDefinition, Import, Tag
from urm.lib.refusals import RefusalError
from urm.lib.spreadsheets import unquoted

_YES = {"yes", "y", "true", "1", "on", "是", "有", "同意", "√", "✓"}
_NO = {"no", "n", "false", "0", "off", "否", "无", "不同意", "×", "✗"}
_GENDERS = {
    "female": "female", "f": "female", "w": "female", "woman": "female", "女": "female", "女士": "female",
    "女性": "female", "male": "male", "m": "male", "man": "male", "男": "male", "先生": "male", "男性": "male",
    "other": "other", "diverse": "other", "x": "other", "其他": "other", "其它": "other",
}  # fmt: skip
_LIST = re.compile(r"[;；|、,，\n]+")
_DATE = re.compile(r"(\d{1,4})[-/.年](\d{1,2})[-/.月](\d{1,4})日?")
_NUMBER = re.compile(r"[+-]?(\d{1,15}|\d{1,3}(,\d{3}){1,4})(\.\d{1,10})?")
_MAINLAND_MOBILE = re.compile(r"1[3-9]\d{9}")
_SPACES = re.compile(r"[\s()（）-]+")


Problem = tuple[str, str, dict[str, Any]]


@dataclass(slots=True)
class Cleaned:
    """`problems` are (header, source, values): see urm.lib.refusals. A row with any is not imported."""

    values: dict[str, Any] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


Taker = Callable[[Cleaned, str], None]


class Cleaner:
    """Made once for an import; `clean` is called for each of its rows."""

    def __init__(self, job: Import, zone: ZoneInfo) -> None:
        self.day_first = bool(job.options.get("day_first"))
        self.zone = zone
        self.country = job.options.get("country") or None
        names = [column["target"][10:] for column in job.columns if column["target"].startswith("attribute:")]
        self.definitions = {one.name: one for one in AttributeDefinition.objects.filter(name__in=names)}
        self.rule_tags = set(Tag.objects.filter(kind=Tag.Kind.RULE).values_list("name", flat=True))
        self.for_all = [tag for tag in job.options.get("tags", []) if tag not in self.rule_tags]
        self.takers: list[tuple[int, str, Taker]] = [
            (index, column["header"], self._taker(column))
            for index, column in enumerate(job.columns)
            if column["target"]
        ]

    def clean(self, row: Sequence[str]) -> Cleaned:
        cleaned = Cleaned(tags=list(self.for_all))
        for index, header, take in self.takers:
            text = row[index].strip() if index < len(row) else ""
            if not text:
                continue  # an empty cell says nothing
            if "\x00" in text:
                cleaned.problems.append((header, gettext_noop("Must be a text without NUL characters."), {}))
                continue
            try:
                take(cleaned, unquoted(text))
            except RefusalError as refusal:
                cleaned.problems.append((header, *refusal.stored))
        return cleaned

    def _taker(self, column: Mapping[str, Any]) -> Taker:
        target = str(column["target"])
        kind, _colon, rest = target.partition(":")
        match kind:
            case "identity":
                return lambda row, text: row.identities.__setitem__(rest, _id(text))
            case "attribute":
                definition = self.definitions.get(rest) or AttributeDefinition(
                    name=rest, type=column.get("type") or "text"
                )
                return self._attribute(rest, definition)
            case "consent":
                channel, _colon, purpose = rest.partition(":")
                return lambda row, text: row.consents.append(
                    {"channel": channel, "purpose": purpose, "granted": _boolean(text)}
                )
            case "tags":
                return self._tags
            case "external_id":
                return self._external_id
        assert target in FIELDS
        parse = self._field(target)

        def take(row: Cleaned, text: str) -> None:
            row.values[target] = value = parse(text)
            if target in {"email", "phone"}:
                row.identities[target] = value

        return take

    def _external_id(self, row: Cleaned, text: str) -> None:
        row.identities["external_id"] = row.values["external_id"] = _id(text)

    def _field(self, name: str) -> Callable[[str], Any]:
        match name:
            case "phone":
                return self._phone
            case "birthday":
                return lambda text: self._date(text).isoformat()
            case "first_seen_at":
                return lambda text: as_stored(self._moment(text))
            case "gender":
                return lambda text: clean_field("gender", _GENDERS.get(text.lower(), text))
        return lambda text: clean_field(name, text)

    def _phone(self, text: str) -> str:
        bare = _SPACES.sub("", text)
        if bare.startswith("00"):
            bare = f"+{bare[2:]}"
        national = bare[3:] if bare.startswith("+86") else bare if self.country == "CN" else ""
        if _MAINLAND_MOBILE.fullmatch(national):
            return f"+86{national}"  # what most rows are; the library takes 50 times as long
        if not bare.startswith("+") and self.country:
            try:
                number = phonenumbers.parse(bare, self.country)
            except phonenumbers.NumberParseException:
                return str(clean_field("phone", text))
            bare = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return str(clean_field("phone", bare))

    def _date(self, text: str) -> date:
        if len(text) > 10 and text[10] in "T ":
            text = text[:10]
        match = _DATE.fullmatch(text)
        if match is None:
            raise RefusalError(gettext_noop("Must be a date such as 1990-12-31."))
        first, second, third = (int(part) for part in match.groups())
        year, month, day = (first, second, third)
        if len(match[1]) < 4:
            if len(match[3]) < 4:
                raise RefusalError(gettext_noop("Must be a date with four digits for the year, such as 1990-12-31."))
            day, month = (first, second) if self.day_first or "." in text else (second, first)
            year = third
        try:
            return date(year, month, day)
        except ValueError as error:
            raise RefusalError(gettext_noop("Must be a date such as 1990-12-31.")) from error

    def _moment(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = datetime.combine(self._date(text), datetime.min.time())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
        try:
            return moment.astimezone(UTC)
        except OverflowError as error:
            raise RefusalError(gettext_noop("Must lie between the years 1 and 9999.")) from error

    def _tags(self, row: Cleaned, text: str) -> None:
        for name in filter(None, (part.strip() for part in _LIST.split(text))):
            if len(name) > 60:
                raise RefusalError(gettext_noop("A tag has at most 60 characters."))
            if name in self.rule_tags:
                raise RefusalError(gettext_noop("%(tag)s follows a rule and cannot be given by an import."), tag=name)
            if name not in row.tags:
                row.tags.append(name)

    def _attribute(self, name: str, definition: AttributeDefinition) -> Taker:
        parse = self._parser(definition)

        def take(row: Cleaned, text: str) -> None:
            row.values[f"attributes.{name}"] = attribute_value(definition, parse(text))

        return take

    def _parser(self, definition: AttributeDefinition) -> Callable[[str], Any]:
        match definition.type:
            case "number":
                return parse_number
            case "boolean":
                return _boolean
            case "date":
                return lambda text: self._date(text).isoformat()
            case "datetime":
                return lambda text: self._moment(text).isoformat()
            case "list":
                return lambda text: [part.strip() for part in _LIST.split(text) if part.strip()]
        return str


def parse_number(text: str) -> int | float:
    """As people write them, with commas between thousands."""
    if not _NUMBER.fullmatch(text):
        raise RefusalError(gettext_noop("Must be a number, such as 12.90."))
    number = Decimal(text.replace(",", ""))
    return int(number) if number == number.to_integral_value() else float(number)


def as_stored(moment: datetime) -> str:
    """As PostgreSQL writes it into JSON, so that equal moments are equal texts."""
    text = moment.isoformat()
    return re.sub(r"\.(\d*?)0*\+", lambda found: f".{found[1]}+" if found[1] else "+", text)


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise RefusalError(gettext_noop("Must be yes or no."))


def _id(text: str) -> str:
    if len(text) > 200:
        raise RefusalError(gettext_noop("Must have at most %(limit)s characters."), limit=200)
    return text
