"""Indexes of references without the tenant in front, which no statement could use, go."""

from django.db import migrations

ALONE = (
    "feedback_answer_question_id_2ab680d7",
    "feedback_answer_response_id_7a14ef5c",
    "feedback_invitation_member_id_a162b072",
    "feedback_invitation_survey_id_399ba60b",
    "feedback_question_survey_id_690e28ee",
    "feedback_response_invitation_id_c495e364",
    "feedback_response_member_id_e9fc7d59",
    "feedback_response_survey_id_822a3c11",
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("feedback", "0003_moved_from")]

    operations = [
        *(migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", migrations.RunSQL.noop) for name in ALONE),
    ]
