"""What this app shows of a member: profile, tags, consents; the timeline has a module of its own."""

from typing import Any

from django.db.models import Max
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.admin.extensions import EventWords, add_event_words, tag_origins
from members.models import (
    AttributeDefinition,
    Confirmation,
    Consent,
    ConsentPurpose,
    ConsentRecord,
    DailyCount,
    Member,
    MemberTag,
    Suppression,
    Tag,
)
from urm.tenancy.middleware import WorkspaceRequest
from urm.tenancy.models import Tenant
from urm.ui.pages import staff_may
from urm.ui.panels import panel

SHOWN_RECORDS = 5

add_event_words("urm.member.created", EventWords(_("Became a member"), "person_add", lambda p: p.get("source") or ""))
add_event_words(
    "urm.member.updated", EventWords(_("Profile changed"), "edit", lambda p: ", ".join(p.get("fields", [])))
)
add_event_words(
    "urm.member.acquired",
    EventWords(
        _("Source found"),
        "signpost",
        lambda p: " · ".join(str(p[name]) for name in ("source", "medium", "campaign") if p.get(name)),
    ),
)
add_event_words("urm.tag.added", EventWords(_("Tag added"), "label", lambda p: p.get("tag", "")))
add_event_words("urm.tag.removed", EventWords(_("Tag removed"), "label_off", lambda p: p.get("tag", "")))
add_event_words(
    "urm.consent.changed",
    EventWords(
        _("Consent changed"),
        "verified_user",
        lambda p: f"{p.get('channel')} / {p.get('purpose')}: {_('granted') if p.get('granted') else _('withdrawn')}",
    ),
)


@panel("member_head", title="", capability="members.view", template="members/panels/last_seen.html", order=90)
def last_seen(request: WorkspaceRequest, member: Member) -> dict[str, Any] | None:
    at = DailyCount.objects.filter(member_id=member.pk).aggregate(at=Max("last_at"))["at"]
    return {"at": at} if at else None


@panel(
    "member",
    title=_("Profile"),
    capability="members.view",
    template="members/panels/profile.html",
    order=10,
    width="third",
)
def profile(request: WorkspaceRequest, member: Member) -> dict[str, Any]:
    names = ("external_id", "email", "phone", "birthday", "gender", "language", "city", "region", "country", "source")
    facts = []
    for name in names:
        field = Member._meta.get_field(name)
        value = member.get_gender_display() if name == "gender" and member.gender else getattr(member, name)
        if name == "language" and value:
            value = dict(Tenant.Language.choices).get(value, value)
        if value:
            facts.append((field.verbose_name, value))  # type: ignore[union-attr]
    definitions = {one.name: one for one in AttributeDefinition.objects.filter(name__in=list(member.attributes))}
    chinese = (get_language() or "").startswith("zh")
    attributes = []
    for name, value in sorted(member.attributes.items()):
        one = definitions.get(name)
        label = ((one.label_zh if chinese else "") or one.label_en or name) if one else name
        if value is not None:
            attributes.append((label, readable(value)))
    return {"facts": facts, "attributes": attributes, "member": member}


@panel(
    "member", title=_("Tags"), capability="members.view", template="members/panels/tags.html", order=30, width="third"
)
def tags(request: WorkspaceRequest, member: Member) -> dict[str, Any]:
    state = getattr(member, "state", None)
    manual = {row.tag_id: row for row in MemberTag.objects.filter(member=member)}
    held = list(Tag.objects.filter(id__in={*(state.tag_ids if state else []), *manual}).order_by("group", "name"))
    origins = tag_origins(member.pk, [tag.pk for tag in held if tag.pk not in manual])
    return {
        "tags": [(tag, manual.get(tag.pk), origins.get(tag.pk)) for tag in held],
        "offered": Tag.objects.filter(kind=Tag.Kind.MANUAL).order_by("name").values_list("name", flat=True)[:200],
        "member": member,
        "may_change": staff_may(request, "members.change"),
    }


@panel(
    "member",
    title=_("Consent"),
    capability="members.view",
    template="members/panels/consents.html",
    order=35,
    width="third",
)
def consents(request: WorkspaceRequest, member: Member) -> dict[str, Any]:
    now = timezone.now()
    open_ = Confirmation.objects.filter(member=member, kind="consent", confirmed_at=None, expires_at__gt=now)
    history = list(ConsentRecord.objects.filter(member=member).order_by("-at", "-pk")[: SHOWN_RECORDS + 1])
    names = {one.key: str(one) for one in ConsentPurpose.objects.all()}
    digests = [
        Suppression.digest_of(channel, address)
        for channel, address in (("email", member.email), ("sms", member.phone))
        if address
    ]
    rows = Consent.objects.filter(member=member).order_by("channel", "purpose")
    return {
        "consents": [(row, names.get(row.purpose, row.purpose)) for row in rows],
        "pending": [(row, names.get(row.purpose, row.purpose)) for row in open_],
        "history": [(row, names.get(row.purpose, row.purpose)) for row in history[:SHOWN_RECORDS]],
        "all_records": f"{reverse('admin:members_consentrecord_changelist')}?member__id__exact={member.pk}"
        if len(history) > SHOWN_RECORDS
        else "",
        "suppressed": list(Suppression.objects.filter(digest__in=digests)),
    }


def readable(value: Any) -> str:
    """A JSON value in a few words."""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list):
        head = ", ".join(str(one) for one in value[:3])
        return head if len(value) <= 3 else _("%(head)s … (%(count)s in all)") % {"head": head, "count": len(value)}
    if isinstance(value, dict):
        return ", ".join(f"{name}: {one}" for name, one in list(value.items())[:3])
    return str(value)
