"""What people answered. Numbers stay, for scores; words go."""

from django.utils.translation import gettext_lazy as _

from urm.privacy import BLANK, Table, declare
from urm.privacy.registry import LookUp

_OWN_RESPONSES = (
    "response_id IN (SELECT id FROM feedback_response WHERE tenant_id = {tenant} AND member_id = ANY({members}))"
)

declare(
    Table(
        "feedback_survey",
        neutral="id tenant_id name title_en title_zh intro_en intro_zh thanks_en thanks_zh active anonymous "
        "trigger_event delay_minutes rest_days quota purpose valid_days minimum_answers created_at",
    ),
    Table("feedback_question", neutral="id tenant_id survey_id position kind text_en text_zh required choices"),
    Table(
        "feedback_invitation",
        title=_("Surveys you were invited to"),
        person="member_id",
        personal="detail",
        pseudonymous="id member_id trigger_event_id",
        neutral="tenant_id survey_id state tries created_at send_at lease_until sent_at expires_at answered",
        hidden="tenant_id member_id tries lease_until trigger_event_id",
        look_up={"survey_id": LookUp("feedback_survey", "name", _("survey"))},
        erase=BLANK,
    ),
    Table(
        "feedback_response",
        title=_("Surveys you answered"),
        person="member_id",
        pseudonymous="id member_id invitation_id",
        neutral="tenant_id survey_id source simulated nps submitted_at updated_at",
        hidden="tenant_id member_id invitation_id simulated",
        look_up={"survey_id": LookUp("feedback_survey", "name", _("survey"))},
    ),
    Table(
        "feedback_answer",
        title=_("Your answers"),
        rows=_OWN_RESPONSES,
        personal="text",
        pseudonymous="id response_id",
        neutral="tenant_id question_id number",
        hidden="tenant_id id",
        look_up={"question_id": LookUp("feedback_question", "text_en", _("question"))},
        erase=BLANK,
        blank={"text": "CASE WHEN text IS NOT NULL THEN '' END"},  # an answer has a number or a text
    ),
)
