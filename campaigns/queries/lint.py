"""What is wrong, or may be, with a message and a campaign before it goes out."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.models import Campaign, Message
from campaigns.queries.content import Content, ContentError, prepare
from campaigns.queries.recipients import shared_fields
from segments.queries.propositions import current_propositions
from urm.channels.variables import known_fields

_CLIPPED = 100_000  # bytes; Gmail shows no more than 102 KB
_LONG_SUBJECT = 90
_ATTRIBUTE = "member.attributes."


@dataclass(frozen=True)
class Finding:
    """`blocking` ones have to be put right before launch. `field` is the message's or the campaign's."""

    field: str
    text: str
    blocking: bool


def check_message(message: Message, *, purpose: str = "marketing") -> list[Finding]:
    if not message.subject.strip():
        return [Finding("subject", _("The subject is empty."), True)]
    try:
        content = prepare(message, tracked=False)
        links = prepare(message, tracked=True).links
    except ContentError as error:
        return [Finding(error.field, error.message, True)]
    return [*_variables(content), *_way_out(content, purpose), *_advice(message, links)]


def check_campaign(campaign: Campaign) -> list[Finding]:
    findings = check_message(campaign.message, purpose=campaign.purpose)
    has_one = campaign.segment.value_proposition or any(
        one.wording for one in current_propositions(campaign.segment).values()
    )
    if not has_one and "segment.value_proposition" in campaign.message.body:
        findings.append(
            Finding("segment", _("The message uses the segment's value proposition, but the segment has none."), True)
        )
    return findings


def _variables(content: Content) -> list[Finding]:
    known = known_fields().keys() | shared_fields().keys()
    groups = {path.rpartition(".")[0] for path in known}
    findings = []
    for path in sorted(content.paths - known):
        if path in groups:
            continue  # a whole group, as in {% if last_purchase %}
        attribute = path.startswith(_ATTRIBUTE)
        words = (
            _("The attribute %(path)s is not registered; members without it get the default.")
            if attribute
            else _("Unknown variable: %(path)s.")
        )
        findings.append(Finding("body", words % {"path": path}, not attribute))
    return findings


def _way_out(content: Content, purpose: str) -> list[Finding]:
    if purpose == "service":
        return []
    findings = []
    if "unsubscribe_url" not in content.html.paths:
        findings.append(Finding("body", _("There is no unsubscribe link: add {{ unsubscribe_url }}."), True))
    if "unsubscribe_url" not in content.text.paths:
        findings.append(Finding("text", _("The plain text has no unsubscribe link: add {{ unsubscribe_url }}."), True))
    return findings


def _advice(message: Message, links: tuple[str, ...]) -> list[Finding]:
    body = message.body
    found = [
        (len(message.subject) > _LONG_SUBJECT, "subject", _("Long subjects are cut off on phones.")),
        (len(body.encode()) > _CLIPPED, "body", _("The body is so long that mail programs cut it off.")),
        (
            re.search(r"<(script|iframe|form|object)\b|\son\w+\s*=", body, re.IGNORECASE) is not None,
            "body",
            _("Scripts, forms and frames do not work in mail programs: remove them."),
        ),
        (
            re.search(r"<(img|mj-image)\b(?![^>]*\balt\s*=)", body, re.IGNORECASE) is not None,
            "body",
            _("A picture has no alternative text (alt)."),
        ),
        (
            re.search(r"""href\s*=\s*["'][^"']*\{[{%](?!\s*(?:unsubscribe|preferences)_url)""", body) is not None,
            "body",
            _("Clicks on links with merge fields are not counted."),
        ),
        (any(url.startswith("http://") for url in links), "body", _("A link is not encrypted (http://).")),
    ]
    return [Finding(field, text, False) for applies, field, text in found if applies]
