"""`/metrics` for Prometheus: requests by route and status, work that is due. Nothing of any workspace."""

import os
import secrets
import time
from collections.abc import Callable, Iterable

from django.conf import settings
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from urm.rest.errors import ApiError, response_of
from urm.tenancy.models import Wakeup

REQUESTS = Histogram(
    "urm_http_request_seconds",
    "Requests by route, method and status.",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1, 5),
)

Gauges = Callable[[], Iterable[Metric]]
_gauges: list[Gauges] = []


def register_gauges(read: Gauges) -> Gauges:
    """Have `read()` asked at every scrape. It must be cheap and tell nothing about a single workspace."""
    _gauges.append(read)
    return read


class MetricsMiddleware:
    """The outermost one: what the others answer is counted too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = match.route if match is not None else "(none)"
        REQUESTS.labels(route, _known(request.method), response.status_code).observe(time.perf_counter() - started)
        return response


def _known(method: str | None) -> str:
    """Anybody can send any word as a method: it must not become a label."""
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"


class _Registered:
    def collect(self) -> Iterable[Metric]:
        for read in _gauges:
            yield from read()


@register_gauges
def _wakeups() -> Iterable[Metric]:
    now = timezone.now()
    due = GaugeMetricFamily("urm_wakeups_due", "Workspaces with work of a kind to do now.", labels=["work"])
    late = GaugeMetricFamily("urm_wakeup_lag_seconds", "How long the oldest of them is due.", labels=["work"])
    for work, count, oldest in (
        Wakeup.objects.filter(due_at__lte=now).values_list("work").annotate(Count("id"), Min("due_at"))
    ):
        due.add_metric([work], count)
        late.add_metric([work], (now - oldest).total_seconds())
    return [due, late]


def metrics(request: HttpRequest) -> HttpResponse:
    """With METRICS_TOKEN set, `Authorization: Bearer <token>` is asked for."""
    expected = f"Bearer {settings.METRICS_TOKEN}"
    if settings.METRICS_TOKEN and not secrets.compare_digest(
        request.headers.get("Authorization", "").encode(), expected.encode()
    ):
        error = ApiError(401, "unauthenticated", "Send the METRICS_TOKEN as `Authorization: Bearer …`.")
        error.headers["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return response_of(error)
    registry = CollectorRegistry()
    registry.register(_Registered())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # several gunicorn workers add up
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        counted = b""
    else:
        counted = generate_latest(REGISTRY)
    return HttpResponse(counted + generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
