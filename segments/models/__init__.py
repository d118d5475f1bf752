"""Rules that are kept, and the history of what they held for whom."""

from segments.models.audiences import AudienceSync, SyncBatch, SyncedMember
from segments.models.computed import (
    Change,
    KeptTag,
    PendingState,
    RankThreshold,
    Score,
    ScoreRun,
    SelfCheck,
    TouchedMember,
)
from segments.models.rules import Ruled, Segment, Stage, StageTarget, StaticMember, TagRule, ValueProposition

__all__ = [
    "AudienceSync",
    "Change",
    "KeptTag",
    "PendingState",
    "RankThreshold",
    "Ruled",
    "Score",
    "ScoreRun",
    "Segment",
    "SelfCheck",
    "Stage",
    "StageTarget",
    "StaticMember",
    "SyncBatch",
    "SyncedMember",
    "TagRule",
    "TouchedMember",
    "ValueProposition",
]
