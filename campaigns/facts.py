"""What rules can ask about messages: how many a member was sent, opened and clicked in.

Counted from the log, so windows and `as_of` mean what they mean for any event. An opening counts when a person did it,
not a mail server's preview; a click counts once for each link of a message."""

from collections.abc import Iterable
from decimal import Decimal

from django.utils.translation import gettext as _

from campaigns.events import MessageClicked, MessageOpened, MessageSent
from campaigns.models import Campaign
from members.facts import TABLES
from urm.rules import Entry, Fact, Names, Operand, Plan, Variant, declare, declare_names
from urm.rules import parameters as given
from urm.rules.eventfact import Measure, event_evidence, event_operand
from urm.rules.facts import Depends
from urm.rules.sqltext import Sql
from urm.rules.tree import AllOf, Leaf, Node, Params, Prop
from urm.rules.types import Kind, Typed
from urm.rules.words.events import window_words
from urm.rules.words.phrases import zh

_EVENTS = {"sent": MessageSent.name, "opened": MessageOpened.name, "clicked": MessageClicked.name}
_WORDS_EN = {
    "sent": "messages sent",
    "opened": "messages opened",
    "clicked": "links clicked in messages",
}
_WORDS_ZH = {"sent": "收到的消息数", "opened": "打开的消息数", "clicked": "点击的消息链接数"}


def _campaigns(tenant_id: int) -> Iterable[Entry]:
    for pk, name in Campaign.objects.filter(tenant_id=tenant_id).values_list("pk", "name"):
        yield Entry(pk, pk, name, name)


declare_names("campaign", _campaigns)


def _as_events(terms: Params) -> Params:
    """The same as an `event` condition's parameters."""
    conditions: list[Node] = []
    if "campaign" in terms:
        conditions.append(Leaf(Prop("campaign", Kind.NUMBER), "eq", Decimal(terms["campaign"])))
    if terms["what"] == "opened":
        conditions.append(Leaf(Prop("machine", Kind.BOOLEAN), "is_false"))
    items = [("name", (_EVENTS[terms["what"]],)), ("measure", Measure("count"))]
    if conditions:
        items.append(("where", AllOf(tuple(conditions))))
    if "window" in terms:
        items.append(("window", terms["window"]))
    return Params(tuple(items))


def _sql(terms: Params, plan: Plan) -> Operand:
    return event_operand(TABLES, _as_events(terms), plan)


def _evidence(terms: Params, plan: Plan, member_id: int, leaf: Leaf) -> Sql:
    return event_evidence(TABLES, _as_events(terms), plan, member_id, leaf)


def _changes(terms: Params, names: Names) -> Depends:
    return frozenset({("event", _EVENTS[terms["what"]])})


def _noun(terms: Params, language: str, names: Names) -> str:
    campaign = names.find("campaign", terms["campaign"]) if "campaign" in terms else None
    within = window_words(terms.get("window"), language)
    if zh(language):
        title = f"活动“{campaign.label(language)}”中" if campaign else ""
        return f"{within}{title}{_WORDS_ZH[terms['what']]}"
    title = f" of the campaign “{campaign.label(language)}”" if campaign else ""
    return f"the number of {_WORDS_EN[terms['what']]}{title}{within}"


declare(
    Fact(
        key="message",
        label_en="messages",
        label_zh="消息",
        parameters=(
            given.one_of("what", *_EVENTS),
            given.named("campaign", "campaign", _("campaign"), required=False),
            given.window(),
        ),
        typed=lambda terms, names: Typed(Kind.NUMBER),
        variants=lambda names: [Variant(Typed(Kind.NUMBER))],
        sql=_sql,
        changes=_changes,
        obeys_as_of=True,
        noun=_noun,
        evidence=_evidence,
    )
)
