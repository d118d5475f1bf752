"""Filled-in messages: for sending, for previews and for test mails the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone, translation

from campaigns.models import Campaign, Message
from campaigns.queries.content import TOKEN_MARK, Content, prepare, unsubscribe_path
from campaigns.queries.recipients import in_language, shared_values
from members.models import Member
from members.queries.links import NOBODY, preferences_url
from urm.channels.templating import TemplateError
from urm.channels.variables import load_values
from urm.lib.addresses import public_url
from urm.lib.tokens import fingerprint, seal
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

PURPOSE = "campaigns.delivery"
# The token of a mail that stands for no delivery (preview, test): its unsubscribe page says so.
NO_RUN = 0


@dataclass(frozen=True)
class Rendered:
    subject: str
    html: str
    text: str
    unsubscribe_url: str


def delivery_token(run_id: int, member_id: int) -> str:
    """What public addresses of a delivery carry: tenant, run and member, sealed."""
    return seal(PURPOSE, require_tenant(), run_id, member_id)


def message_id(run_id: int, member_id: int) -> str:
    """The same for every try of one delivery, so that the receiving side can drop a second copy."""
    return fingerprint("campaigns.message", require_tenant(), run_id, member_id)


def render(
    content: Content, *, token: str, member_id: int, shared: Mapping[str, Any], values: Mapping[str, Any]
) -> Rendered:
    """One member's message. Call it in the workspace's language and time zone; raises TemplateError.

    `member_id` is whose preference centre it links to: NOBODY for what staff see.
    """
    unsubscribe_url = public_url(unsubscribe_path(token))
    language = (values.get("member") or {}).get("language")
    given = {
        **in_language(shared, language),
        **values,
        "unsubscribe_url": unsubscribe_url,
        "preferences_url": preferences_url(member_id),
    }
    return Rendered(
        subject=content.subject.render(given),
        html=content.html.render(given).replace(TOKEN_MARK, token),
        text=content.text.render(given),
        unsubscribe_url=unsubscribe_url,
    )


def render_preview(message: Message, member: Member, campaign: Campaign | None = None) -> Rendered:
    """As this member would see it; nothing is tracked. Raises ContentError or TemplateError."""
    content = prepare(message, tracked=False)
    tenant = Tenant.objects.get(pk=require_tenant())
    values = load_values(content.paths | {"member"}, [member.pk])[member.pk]
    with translation.override(tenant.language), timezone.override(ZoneInfo(tenant.time_zone)):
        return render(
            content,
            token=delivery_token(NO_RUN, member.pk),
            member_id=NOBODY,
            shared=shared_values(campaign),
            values=values,
        )


__all__ = ["NO_RUN", "PURPOSE", "Rendered", "TemplateError", "delivery_token", "message_id", "render", "render_preview"]
