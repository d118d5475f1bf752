"""An NPS survey with enough answers for a score, an anonymous one, and invitations in several states."""

import random
from datetime import timedelta

from django.utils import timezone

from feedback.actions import create_survey, submit_response
from feedback.models import Invitation, Response
from members.models import Member
from urm.tenancy.models import Tenant

QUESTIONS = (
    {"kind": "nps", "text_en": "How likely are you to recommend us?", "text_zh": "您有多大可能向朋友推荐我们？"},
    {"kind": "rating", "text_en": "How was the delivery?", "text_zh": "您对配送满意吗？", "required": False},
    {
        "kind": "choice",
        "text_en": "What did you come for?",
        "text_zh": "您为何而来？",
        "required": False,
        "choices": [["price", "The price", "价格"], ["choice", "The choice", "品类"]],
    },
    {"kind": "text", "text_en": "What can we do better?", "text_zh": "我们可以怎样改进？", "required": False},
)
TEXTS = {"en": "Open an hour earlier, please", "zh-hans": "希望早一小时开门"}


def build(tenant: Tenant) -> None:
    chance = random.Random(11)
    now = timezone.now()
    survey = create_survey(
        name="NPS",
        title_en="How did we do?",
        title_zh="您对我们满意吗？",
        active=True,
        trigger_event="purchase",
        questions=QUESTIONS,
    )
    quiet = create_survey(
        name="QR",
        title_en="Your visit",
        title_zh="您的到店体验",
        active=True,
        anonymous=True,
        questions=QUESTIONS[1:],
    )
    nps, rating, choice, text = (question.pk for question in survey.questions.all())
    for number, member in enumerate(Member.objects.filter(external_id__isnull=False).order_by("pk")[:36]):
        submit_response(
            survey=survey,
            answers={
                nps: chance.choice([3, 6, 7, 8, 9, 9, 10, 10]),
                rating: chance.choice([2, 4, 5, 5]) if number % 3 else None,
                choice: "price" if number % 2 else "choice",
                text: TEXTS[tenant.language] if number % 5 == 0 else None,
            },
            source=Response.Source.PAGE,
            member=member,
            simulated=number % 4 == 0,
            at=now - timedelta(days=number),
        )
        Invitation.objects.create(
            survey=survey,
            member=member,
            trigger_event_id=number,
            state=("sent", "sent", "skipped", "unknown")[number % 4],
            detail="The survey was closed." if number % 4 == 2 else "",
            sent_at=now - timedelta(days=number) if number % 4 < 2 else None,
            created_at=now - timedelta(days=number),
            send_at=now - timedelta(days=number),
            expires_at=now + timedelta(days=30),
        )
    submit_response(
        survey=quiet, answers={quiet.questions.all()[0].pk: 4}, source=Response.Source.API, at=now - timedelta(days=1)
    )
