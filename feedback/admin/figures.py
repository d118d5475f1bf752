"""Scores as pages show them: with margin, sample and what they mean."""

from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feedback import queries
from feedback.models import Question, Survey
from feedback.queries import Nps
from urm.ui.components import Chart, Series, Tile
from urm.ui.formats import number

NPS_MEANS = _(
    "Net Promoter Score = 100 × (promoters − detractors) ÷ answers, from −100 to 100. Promoters answer 9 or 10, "
    "passives 7 or 8, detractors 0 to 6; blanks do not count. ± is the margin of error at 95 %: 1.96 standard errors."
)
CSAT_MEANS = _(
    "Customer satisfaction = share of answers 4 or 5 on the scale from 1 to 5. The interval is Wilson's at 95 %. "
    "The mean of all answers is a figure of its own."
)


@dataclass(frozen=True)
class Figure:
    """What was answered to one question."""

    question: Question
    tiles: list[Tile]
    chart: Chart | None
    texts: list[str]


def nps_text(nps: Nps) -> str:
    if nps.score is None or nps.margin is None:
        return "–"
    return f"{number(nps.score)} ± {number(nps.margin)}".replace("-", "−")


def nps_tile(survey: Survey, label: str, *, url: str = "") -> Tile:
    """The score if enough people answered, else how many are missing."""
    nps, simulated = queries.nps_of(survey)
    shown = nps.enough(survey.minimum_answers)
    note = gettext("%(n)s answers") % {"n": number(nps.n)}
    if not shown:
        note = gettext("%(n)s of %(minimum)s answers that a score needs") % {
            "n": number(nps.n),
            "minimum": number(survey.minimum_answers),
        }
    if simulated:
        note = gettext("%(note)s, %(simulated)s of them simulated") % {"note": note, "simulated": number(simulated)}
    return Tile(label, nps_text(nps) if shown else None, NPS_MEANS, note=note, good_when="neither", url=url)


def figures_of(survey: Survey) -> list[Figure]:
    return [_figure(survey, question) for question in survey.questions.all()]


def _figure(survey: Survey, question: Question) -> Figure:
    match question.kind:
        case Question.Kind.NPS:
            nps, _simulated = queries.nps_of(survey)
            tiles = [
                nps_tile(survey, gettext("NPS")),
                *_shares(nps.n, promoters=nps.promoters, passives=nps.passives, detractors=nps.detractors),
            ]
            return Figure(question, tiles, _chart(question), [])
        case Question.Kind.RATING:
            return Figure(question, [_csat_tile(survey, question)], _chart(question), [])
        case Question.Kind.CHOICE:
            return Figure(question, [], _chart(question), [])
        case _:
            newest = question.answers.exclude(text=None).order_by("-pk").values_list("text", flat=True)[:10]
            return Figure(question, [], None, [text for text in newest if text])


def _shares(n: int, *, promoters: int, passives: int, detractors: int) -> list[Tile]:
    counts = (
        (gettext("Promoters"), promoters, gettext("People who answered 9 or 10.")),
        (gettext("Passives"), passives, gettext("People who answered 7 or 8.")),
        (gettext("Detractors"), detractors, gettext("People who answered 0 to 6.")),
    )
    return [
        Tile(label, number(count), meaning, note=f"{number(100 * count / n)} %" if n else "", good_when="neither")
        for label, count, meaning in counts
    ]


def _csat_tile(survey: Survey, question: Question) -> Tile:
    share = queries.csat_of(question)
    if share.percent is None or share.low is None or share.high is None or not share.enough(survey.minimum_answers):
        note = gettext("%(n)s of %(minimum)s answers that a score needs") % {
            "n": number(share.n),
            "minimum": number(survey.minimum_answers),
        }
        return Tile(gettext("CSAT"), None, CSAT_MEANS, note=note, good_when="neither")
    note = gettext("%(low)s to %(high)s %%, mean %(mean)s, %(n)s answers") % {
        "low": number(share.low),
        "high": number(share.high),
        "mean": number(share.mean, 2),
        "n": number(share.n),
    }
    return Tile(gettext("CSAT"), f"{number(share.percent)} %", CSAT_MEANS, note=note, good_when="neither")


def _chart(question: Question) -> Chart:
    if question.kind == Question.Kind.CHOICE:
        counts = queries.choice_counts(question)
        labels = [option.label for option in question.options]
        values = [counts[option.value] for option in question.options]
    else:
        scale = queries.distribution(question)
        labels, values = [str(number_) for number_ in scale], list(scale.values())
    return Chart(
        title=gettext("Distribution of answers"),
        labels=labels,
        series=[Series(gettext("answers"), values)],
        x_title=gettext("answer"),
        y_title=gettext("number of answers"),
        kind="bar",
        definition=gettext(
            "How many gave each answer, simulated ones included; the newest answer of each link counts."
        ),
    )
