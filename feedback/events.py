"""What feedback writes into the log."""

from dataclasses import dataclass

from members.events import PlatformEvent


@dataclass(frozen=True, kw_only=True)
class SurveyInvited(PlatformEvent):
    name = "urm.survey.invited"

    survey_id: int
    survey: str
    invitation_id: int


@dataclass(frozen=True, kw_only=True)
class SurveyAnswered(PlatformEvent):
    """Never written for anonymous surveys. `nps` is the answer (0–10) to the survey's NPS question, if it has one."""

    name = "urm.survey.answered"

    survey_id: int
    survey: str
    response_id: int
    nps: int | None
    again: bool
    simulated: bool
