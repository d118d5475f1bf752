"""What was answered."""

from datetime import datetime

from django.db.models import Count, Q, QuerySet

from feedback.models import Answer, Question, Response, Survey
from feedback.queries.scores import Nps, Share, csat, net_promoter_score
from members.models import Member
from members.queries import search_members
from members.queries.merging import history_ids


def nps_of(
    survey: Survey | None = None, *, start: datetime | None = None, end: datetime | None = None
) -> tuple[Nps, int]:
    """NPS of a survey (or of all) from answers given in [start, end), and how many of these are simulated."""
    found = Response.objects.filter(nps__isnull=False)
    if survey is not None:
        found = found.filter(survey=survey)
    if start is not None:
        found = found.filter(submitted_at__gte=start)
    if end is not None:
        found = found.filter(submitted_at__lt=end)
    rows = found.values_list("nps").annotate(n=Count("pk"), simulated=Count("pk", filter=Q(simulated=True)))
    counts: dict[int, int] = {}
    simulated = 0
    for number, count, of_these in rows:
        counts[number or 0] = count
        simulated += of_these
    return net_promoter_score(counts), simulated


def distribution(question: Question) -> dict[int, int]:
    """How often each number of the scale was answered, nought included."""
    found = dict(
        Answer.objects.filter(question=question, number__isnull=False)
        .order_by()
        .values_list("number")
        .annotate(Count("pk"))
    )
    return {number: found.get(number, 0) for number in question.scale}


def choice_counts(question: Question) -> dict[str, int]:
    found = dict(Answer.objects.filter(question=question).order_by().values_list("text").annotate(Count("pk")))
    return {option.value: found.get(option.value, 0) for option in question.options}


def csat_of(question: Question) -> Share:
    return csat(distribution(question))


def responses(text: str = "") -> QuerySet[Response]:
    """Responses, those that say `text` or are of members whom it finds."""
    found = Response.objects.select_related("survey", "member")
    if text.strip():
        said = Answer.objects.filter(text__icontains=text.strip()).values("response_id")
        found = found.filter(Q(pk__in=said) | Q(member__in=search_members(text).order_by().values("pk")))
    return found


def responses_of(member: Member) -> QuerySet[Response]:
    return (
        Response.objects.select_related("survey")
        .prefetch_related("answers__question")
        .filter(member__in=history_ids([member.pk]))
        .order_by("-submitted_at", "-pk")
    )


def value_of(response: Response, question: Question) -> int | str | None:
    answer = Answer.objects.filter(response=response, question=question).first()
    return answer.value if answer else None
