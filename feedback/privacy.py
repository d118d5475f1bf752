"""What people answered. Numbers stay, for scores; words go."""

from django.utils.translation import gettext_lazy as _

from urm.privacy import BLANK, Table, declare
from urm.privacy.registry import LookUp
from urm.privacy.retention import Retention, counting, keep_for_a_time, running

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
        pseudonymous="id member_id trigger_event_id moved_from",
        neutral="tenant_id survey_id state tries created_at send_at lease_until sent_at expires_at answered",
        hidden="tenant_id member_id moved_from tries lease_until trigger_event_id",
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

_OLD_WORDS = (
    "t.text <> '' AND t.response_id IN (SELECT id FROM feedback_response r WHERE r.tenant_id = {tenant} "
    "AND r.submitted_at < %(before)s)"
)

keep_for_a_time(
    Retention(
        "answers",
        label=_("Words of survey answers"),
        effect=_("What people wrote is emptied. Scores and choices stay."),
        count=counting("feedback_answer", _OLD_WORDS),
        remove=running(
            "UPDATE feedback_answer SET text = '' WHERE tenant_id = {tenant} AND id IN ("
            f"SELECT t.id FROM feedback_answer t WHERE t.tenant_id = {{tenant}} AND {_OLD_WORDS} "
            "ORDER BY t.id LIMIT %(limit)s)"
        ),
    )
)
