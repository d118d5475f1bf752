"""Key figures over REST, each with its definition, denominator, sample and time zone."""

from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from analytics.api import shapes
from analytics.models import Grain
from analytics.queries import QuestionError, ask, kpi_named, measure, registered_kpis
from analytics.queries.groups import DIMENSIONS
from urm.rest.errors import invalid, not_found
from urm.rest.filters import refuse_unknown
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

_PARAMETERS = [
    OpenApiParameter(
        "from",
        str,
        description="First local day (`2026-03-01`) or month (`2026-03`), widened to a whole period. "
        "Without it: 12 months, 25 weeks or 29 days before the last period.",
    ),
    OpenApiParameter(
        "to",
        str,
        description="The local day or month after the last: it is not included. Without it: up to the present period.",
    ),
    OpenApiParameter(
        "period", str, enum=[str(grain) for grain in Grain], description="See the KPI's `periods`; its first if absent."
    ),
    OpenApiParameter(
        "by",
        str,
        enum=list(DIMENSIONS),
        description="Split by what members are now. Groups overlap for `segment` only. See the KPI's `by`.",
    ),
]


class KpiList(ApiView):
    required_scope = "analytics.view"

    @documented("List key figures", answer=shapes.KpiListOut, example={"data": [shapes.EXAMPLE_KPI]})
    def get(self, request: ApiRequest) -> HttpResponseBase:
        refuse_unknown(request, set())
        return Response({"data": [shapes.kpi_out(kpi) for kpi in registered_kpis()]})


class KpiDetail(ApiView):
    required_scope = "analytics.view"

    @documented(
        "Read a key figure",
        answer=shapes.MeasuredOut,
        example=shapes.EXAMPLE_MEASURED,
        parameters=[
            OpenApiParameter(
                "name",
                str,
                OpenApiParameter.PATH,
                description=f"One of: {', '.join(f'`{kpi.name}`' for kpi in registered_kpis())}.",
            ),
            *_PARAMETERS,
        ],
        description="Days, weeks (from Monday) and months are those of the workspace's time zone.",
    )
    def get(self, request: ApiRequest, name: str) -> HttpResponseBase:
        kpi = kpi_named(name)
        if kpi is None:
            raise not_found("key figure")
        refuse_unknown(request, {"from", "to", "period", "by"})
        try:
            question = ask(kpi, request.query_params.dict(), tenant=self.workspace)
        except QuestionError as error:
            raise invalid({field: [message] for field, message in error.fields.items()}) from error
        return Response(shapes.measured_out(measure(kpi, question, tenant=self.workspace)))
