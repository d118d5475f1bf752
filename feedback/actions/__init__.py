from feedback.actions.invitations import invite_after_events, invite_member, link_of, read_token, stop_invitations
from feedback.actions.responses import AlreadyAnsweredError, submit_response
from feedback.actions.sending import send_invitations
from feedback.actions.surveys import create_survey, set_questions, update_survey

__all__ = [
    "AlreadyAnsweredError",
    "create_survey",
    "invite_after_events",
    "invite_member",
    "link_of",
    "read_token",
    "send_invitations",
    "set_questions",
    "stop_invitations",
    "submit_response",
    "update_survey",
]
