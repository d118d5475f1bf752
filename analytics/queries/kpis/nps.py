from collections import defaultdict
from datetime import date, datetime, time

from django.db import connection
from django.db.models import Min
from django.utils.translation import gettext_lazy as _

from analytics.models import Grain
from analytics.queries.groups import grouping
from analytics.queries.kpi import Kpi, Point, Question, Unit, register
from analytics.queries.periods import period_start, workspace
from feedback.models import Survey
from feedback.queries import net_promoter_score
from urm.tenancy.context import require_tenant

_ANSWERS = """
SELECT (r.submitted_at AT TIME ZONE %(zone)s)::date, {key}, r.nps, count(*)
FROM feedback_response r {join}
WHERE r.tenant_id = {tenant} AND r.nps IS NOT NULL AND r.submitted_at >= %(start)s AND r.submitted_at < %(end)s
GROUP BY 1, 2, 3
"""


@register
class NetPromoterScore(Kpi):
    name = "nps"
    label = _("Net Promoter Score")
    definition = _(
        "100 · (promoters − detractors) ÷ answers to “How likely are you to recommend us?”, 0–10: promoters answer 9 "
        "or 10, detractors 0 to 6; who left it blank is not counted. The margin is that of a 95 % interval. Below the "
        "surveys' least number of answers (30 unless changed) it is not shown."
    )
    denominator = _("Answers in the period, of all surveys")
    unit = Unit.SCORE
    grains = (Grain.MONTH, Grain.WEEK, Grain.DAY, Grain.TOTAL)
    order = 130

    def points(self, question: Question) -> list[Point]:
        periods = question.periods
        counts: dict[tuple[date, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for day, key, answer, number in self._answers(question):
            start = question.start if question.grain == Grain.TOTAL else period_start(question.grain, day)
            counts[start, key][answer] += number
        enough = Survey.objects.aggregate(least=Min("minimum_answers"))["least"] or 30
        keys = sorted({key for _start, key in counts}) if question.by else [""]
        points = []
        for period in periods:
            for key in keys:
                score = net_promoter_score(counts[period.start, key])
                shown = score.enough(enough)
                points.append(
                    Point(
                        period=period,
                        key=key,
                        value=score.score if shown else None,
                        numerator=score.promoters - score.detractors,
                        denominator=score.n,
                        sample=score.n,
                        incomplete=period.is_incomplete(question.today),
                        margin=score.margin if shown else None,
                    )
                )
        return points

    def _answers(self, question: Question) -> list[tuple[date, str, int, int]]:
        periods, zone = question.periods, workspace().zone
        if not periods:
            return []
        key, join = grouping(question.by, "r.member_id")
        with connection.cursor() as cursor:
            cursor.execute(
                _ANSWERS.format(tenant=require_tenant(), key=key, join=join),
                {
                    "zone": zone.key,
                    "start": datetime.combine(periods[0].start, time.min, zone),
                    "end": datetime.combine(periods[-1].end, time.min, zone),
                },
            )
            return list(cursor.fetchall())
