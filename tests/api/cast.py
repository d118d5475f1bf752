"""One of everything that an address of the API can name, in one workspace."""

from collections.abc import Callable
from typing import Any

from campaigns.actions.campaigns import create_campaign
from campaigns.actions.messages import create_message
from feedback.actions import create_survey
from feedback.models import Question
from loyalty.actions import create_reward
from members.actions import add_tag, upsert_member
from segments.actions import create_segment
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

# What an address, a body or a filter calls a thing → what makes one and gives its id.
_MAKERS: dict[str, Callable[[], Any]] = {}

Cast = dict[str, Any]


def named(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def decorate(make: Callable[[], Any]) -> Callable[[], Any]:
        _MAKERS[name] = make
        return make

    return decorate


def make_cast(tenant: Tenant) -> Cast:
    with tenant_context(tenant.pk):
        return {name: make() for name, make in _MAKERS.items()}


@named("external_id")
def _member() -> str:
    member, _created = upsert_member(
        external_id="c-1", traits={"email": "ada@example.com", "first_name": "Ada", "attributes": {"pets": 2}}
    )
    add_tag(member=member, name="vip")
    return "c-1"


@named("name")
def _tag() -> str:
    return "vip"


@named("segment_id")
def _segment() -> int:
    """A static list, so that members can be put on it."""
    return create_segment(name="Guests", kind="static").pk


@named("survey_id")
def _survey() -> int:
    question = {"kind": "nps", "text_en": "Would you recommend us?", "text_zh": "您会推荐我们吗？"}
    return create_survey(
        name="NPS", title_en="How did we do?", title_zh="您满意吗？", active=True, questions=[question]
    ).pk


@named("question_id")
def _question() -> int:
    return Question.objects.latest("pk").pk


@named("reward_id")
def _reward() -> int:
    return create_reward(name="Mug", cost=1).pk


@named("campaign_id")
def _campaign() -> int:
    body = '<p>Hello <a href="{{ unsubscribe_url }}">no more</a></p>'
    segment = create_segment(name="Readers", kind="static")
    message = create_message(name="Hello", subject="Hello", body=body)
    return create_campaign(name="Hello", segment=segment, message=message).pk
