"""Segments, stages and rules of tags in the admin, and what they add to the members' pages and the home page."""

from segments.admin import (
    audiences,
    builder,
    home,
    lifecycle,
    listing,
    members,
    overlap,
    proposition,
    scores,
    segment,
    stage,
    tagrule,
    watch,
)

__all__ = [
    "audiences",
    "builder",
    "home",
    "lifecycle",
    "listing",
    "members",
    "overlap",
    "proposition",
    "scores",
    "segment",
    "stage",
    "tagrule",
    "watch",
]
