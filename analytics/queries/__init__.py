from analytics.queries import kpis
from analytics.queries.asking import Measured, QuestionError, ask, default_question, measure
from analytics.queries.kpi import Kpi, Point, Question, Unit, kpi_named, registered_kpis

__all__ = [
    "Kpi",
    "Measured",
    "Point",
    "Question",
    "QuestionError",
    "Unit",
    "ask",
    "default_question",
    "kpi_named",
    "kpis",
    "measure",
    "registered_kpis",
]
