"""People in the admin. Other apps add to the list and the timeline through `members.admin.extensions`."""

from members.admin import (
    attributes,
    consents,
    events,
    exports,
    home,
    imports,
    member,
    merging,
    panels,
    parked,
    privacy,
    properties,
    quality,
    sources,
    tags,
    timeline,
)

__all__ = [
    "attributes",
    "consents",
    "events",
    "exports",
    "home",
    "imports",
    "member",
    "merging",
    "panels",
    "parked",
    "privacy",
    "properties",
    "quality",
    "sources",
    "tags",
    "timeline",
]
