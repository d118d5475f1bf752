"""Two members who are one: whose history is whose, what merging them would change, and who may be a duplicate."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet

from members.models import AttributeDefinition, Consent, DuplicateCandidate, EventName, Identity, Member, MemberMerge
from members.models.log import DailyCount
from members.models.merge import IdentitySettings

# What a profile says of a person; compared, and chosen from, one by one.
FIELDS = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "birthday",
    "gender",
    "language",
    "city",
    "region",
    "country",
    "source",
)
SURVIVOR, OTHER = "survivor", "other"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field (or `attributes.<name>`) in which two members differ; `taken` says whose value stays."""

    field: str
    label: str
    survivor: Any
    other: Any
    taken: str

    @property
    def is_conflict(self) -> bool:
        """Whether both say something."""
        return self.survivor is not None and self.other is not None


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What merging `other` into `survivor` would do, in the order in which a page shows it."""

    differences: list[Difference]
    identities: list[Identity]
    tags: list[str]
    consents: list[Consent]
    events: int

    @property
    def conflicts(self) -> list[Difference]:
        return [difference for difference in self.differences if difference.is_conflict]


def history_ids(member_ids: Iterable[int]) -> list[int]:
    """The numbers under which the log and everything append-only knows these members: their own, and those of all
    who were merged into them."""
    own = list(member_ids)
    return [*own, *Member.objects.filter(merged_into__in=own).order_by("pk").values_list("pk", flat=True)]


def any_merged() -> bool:
    """Whether anybody in the workspace is an alias: only then need readers of the log know of that."""
    return Member.objects.filter(merged_into__isnull=False).exists()


def differences(survivor: Member, other: Member, choices: Mapping[str, str] | None = None) -> list[Difference]:
    """The survivor's value stays, its blanks are filled, and `choices` (field → "survivor" or "other") overrules.

    Of an attribute with an order of sources the value stays that comes from the one to be believed more.
    """
    mine, theirs = _values(survivor), _values(other)
    known = {one.name: one for one in AttributeDefinition.objects.filter(name__in=list(other.attributes))}
    found = []
    for field, value in theirs.items():
        if value is None or value == mine.get(field):
            continue
        own = mine.get(field)
        name = field.removeprefix("attributes.")
        definition = known.get(name) if field != name else None
        better = definition is not None and definition.outranks(_source(other, name), _source(survivor, name))
        taken = (choices or {}).get(field) or (SURVIVOR if own is not None and not better else OTHER)
        label = str(definition or name) if field != name else str(Member._meta.get_field(field).verbose_name)  # type: ignore[union-attr]
        found.append(Difference(field, label, own, value, taken))
    return found


def newer_consents(survivor: Member, other: Member) -> list[tuple[Consent, Consent | None]]:
    """The other's consents that overrule the survivor's, each with that: the newest statement wins, and of two of the
    same moment the withdrawal."""
    own = {(row.channel, row.purpose): row for row in Consent.objects.filter(member=survivor)}
    found = []
    for theirs in Consent.objects.filter(member=other).order_by("channel", "purpose"):
        mine = own.get((theirs.channel, theirs.purpose))
        if mine is None or (theirs.at, not theirs.granted) > (mine.at, not mine.granted):
            found.append((theirs, mine))
    return found


def preview_merge(survivor: Member, other: Member, choices: Mapping[str, str] | None = None) -> MergePreview:
    had = set(survivor.manual_tags.values_list("tag_id", flat=True))
    own = EventName.objects.filter(platform=False).values("id")
    counted = DailyCount.objects.filter(member_id=other.pk, name_id__in=own).values_list("count", flat=True)
    return MergePreview(
        differences(survivor, other, choices),
        list(Identity.objects.filter(member=other).order_by("kind", "value")),
        sorted(row.tag.name for row in other.manual_tags.select_related("tag") if row.tag_id not in had),
        [theirs for theirs, _mine in newer_consents(survivor, other)],
        sum(counted),
    )


def merges_of(member: Member) -> QuerySet[MemberMerge]:
    """Newest first: who was merged into this member, and whether it was taken back."""
    return MemberMerge.objects.select_related("survivor", "other").filter(survivor=member).order_by("-pk")


def merge_kinds() -> list[str]:
    """The kinds of identity that make one of two known people when they are told to share it."""
    settings = IdentitySettings.objects.first()
    return settings.merge_kinds if settings else []


def duplicates(text: str = "") -> QuerySet[DuplicateCandidate]:
    """Pairs of live members that nobody has judged yet, newest first; those of whom one is found by `text`."""
    live = {f"{side}__{field}": None for side in ("first", "second") for field in ("merged_into", "erased_at")}
    found = DuplicateCandidate.objects.select_related("first", "second").filter(dismissed_at=None, **live)
    for word in text.lower().split():
        found = found.filter(Q(first__search_text__contains=word) | Q(second__search_text__contains=word))
    return found.order_by("-pk")


def duplicate_counts() -> dict[str, int]:
    rows = duplicates().order_by().values("reason").annotate(n=Count("pk")).values_list("reason", "n")
    return dict(rows)


def _values(member: Member) -> dict[str, Any]:
    """As JSON holds them; None for what is not known."""
    profile = {name: _plain(getattr(member, name)) for name in FIELDS}
    return {**profile, **{f"attributes.{name}": value for name, value in member.attributes.items()}}


def _source(member: Member, name: str) -> str | None:
    return (member.attribute_sources or {}).get(name)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value or None
