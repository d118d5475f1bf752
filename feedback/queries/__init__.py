"""Reads: scores, who may be invited, responses."""

from feedback.queries.responses import (
    choice_counts,
    csat_of,
    distribution,
    nps_of,
    responses,
    responses_of,
    value_of,
)
from feedback.queries.scores import Nps, Share, csat, difference_of, net_promoter_score
from feedback.queries.targets import next_invitation, quota_is_full, reachable_by_email, resting

__all__ = [
    "Nps",
    "Share",
    "choice_counts",
    "csat",
    "csat_of",
    "difference_of",
    "distribution",
    "net_promoter_score",
    "next_invitation",
    "nps_of",
    "quota_is_full",
    "reachable_by_email",
    "responses",
    "responses_of",
    "resting",
    "value_of",
]
