"""Reads: who a rule holds for, why, how segments grew, and what depends on what."""

from segments.queries.dependencies import dependents_of, refuse_circle
from segments.queries.history import (
    MemberChange,
    SizeOn,
    changes_of_member,
    changes_of_segment,
    recent_changes,
    sizes,
    trend,
)
from segments.queries.membership import (
    Preview,
    SampleMember,
    explain_membership,
    explain_rule,
    matching_external_ids,
    members_of,
    preview,
    rule_in_words,
    segments_of,
)

__all__ = [
    "MemberChange",
    "Preview",
    "SampleMember",
    "SizeOn",
    "changes_of_member",
    "changes_of_segment",
    "dependents_of",
    "explain_membership",
    "explain_rule",
    "matching_external_ids",
    "members_of",
    "preview",
    "recent_changes",
    "refuse_circle",
    "rule_in_words",
    "segments_of",
    "sizes",
    "trend",
]
