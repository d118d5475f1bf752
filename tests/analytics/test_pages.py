"""Dashboards, retention, exports and settings in the admin, and what stands on the home page."""

from collections.abc import Callable

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import KpiSettings, RollupState
from members.models import Member
from tests.analytics.sending import NOW, purchase, roll, send, visit
from urm.audit.models import AuditEntry
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db
Staff = Callable[..., User]


@pytest.fixture
def half_a_year(acme: Tenant) -> Tenant:
    with tenant_context(acme.pk):
        send(
            [
                purchase(f"m{n}", f"2025-0{month}-1{n}")
                for n in range(3)
                for month in range(1 + n, 8)
                if month % (n + 1) == 0
            ]
        )
        send([visit("=HYPERLINK(1)", "2025-07-01T12:00:00+00:00")])
        Member.objects.filter(external_id="=HYPERLINK(1)").update(country="=HYPERLINK(1)")
        roll()
    return acme


@pytest.fixture
def analyst(client: Client, staff: Staff, acme: Tenant) -> Client:
    client.force_login(staff(acme, "analyst"), "urm.tenancy.authentication.RoleBackend")
    return client


@time_machine.travel(NOW, tick=False)
def test_home_shows_the_figures_of_the_last_full_month(analyst: Client, half_a_year: Tenant) -> None:
    page = analyst.get("/w/acme/admin/").content.decode()
    assert "data-panel-failed" not in page
    for words in ("Active members", "Repeat purchase rate", "June 2025", "so far this month", "Cohort retention"):
        assert words in page


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("query", ["", "?period=day", "?period=week&by=country", "?by=stage", "?by=nonsense"])
def test_dashboards_show_every_figure_with_data_and_definition(
    analyst: Client, half_a_year: Tenant, query: str
) -> None:
    page = analyst.get(f"/w/acme/admin/dashboards/{query}").content.decode()
    assert "Time zone: America/New_York." in page
    assert page.count('class="ui-definition"') == page.count("<canvas")
    assert page.count("<canvas") == page.count("Show the data as a table")


@time_machine.travel(NOW, tick=False)
def test_dashboards_ask_as_many_questions_for_much_data_as_for_little(analyst: Client, half_a_year: Tenant) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            analyst.get("/w/acme/admin/dashboards/")
        return len([query for query in captured if not query["sql"].startswith(("SET LOCAL", "SAVEPOINT", "RELEASE"))])

    before = queries()
    with tenant_context(half_a_year.pk):
        send([purchase(f"more{n}", f"2025-0{1 + n % 6}-2{n % 8}") for n in range(60)])
        roll()
    assert queries() == before


def test_dashboards_without_data_say_what_will_be_here(analyst: Client, acme: Tenant) -> None:
    assert "No figures yet" in analyst.get("/w/acme/admin/dashboards/").content.decode()
    assert "Nothing in this period" in analyst.get("/w/acme/admin/retention/").content.decode()


@time_machine.travel(NOW, tick=False)
def test_retention_shows_the_matrix_and_its_data(analyst: Client, half_a_year: Tenant) -> None:
    page = analyst.get("/w/acme/admin/retention/").content.decode()
    assert "ui-heat-incomplete" in page
    for words in ("2025-01", "Cohort retention", "Day-N retention", "Rolling retention"):
        assert words in page


@time_machine.travel(NOW, tick=False)
def test_export_gives_the_values_with_what_they_are_made_from(analyst: Client, half_a_year: Tenant) -> None:
    answer = analyst.get("/w/acme/admin/dashboards/export/?kpi=repeat_purchase_rate&from=2025-06&to=2025-07")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.decode("utf-8-sig").splitlines() == [
        "from,to,repeat_purchase_rate,numerator,denominator,sample,incomplete",
        "2025-06-01,2025-07-01,0.0,0,3,3,0",
    ]


@time_machine.travel(NOW, tick=False)
def test_export_holds_no_formulas(analyst: Client, half_a_year: Tenant) -> None:
    answer = analyst.get("/w/acme/admin/dashboards/export/?kpi=active_members&from=2025-07&to=2025-08&by=country")
    assert answer.content.decode("utf-8-sig").splitlines()[1:] == [
        "2025-07-01,2025-08-01,unknown,1,,,1,1",
        "2025-07-01,2025-08-01,'=HYPERLINK(1),1,,,1,1",
    ]


def test_export_refuses_what_makes_no_sense(analyst: Client, acme: Tenant) -> None:
    assert analyst.get("/w/acme/admin/dashboards/export/?kpi=happiness").status_code == 404
    assert analyst.get("/w/acme/admin/dashboards/export/?kpi=churn&from=soon").status_code == 400


def test_settings_are_changed_by_admins_audited_and_compute_everything_anew(
    client: Client, staff: Staff, acme: Tenant
) -> None:
    client.force_login(staff(acme, "admin"), "urm.tenancy.authentication.RoleBackend")
    given = {"purchase_event": "order_paid", "churn_window_days": "60"}
    assert client.post("/w/acme/admin/kpi-settings/", given).status_code == 302
    with tenant_context(acme.pk):
        assert KpiSettings.current().churn_window_days == 60
        assert RollupState.objects.get().rebuild_requested_at is not None
        entry = AuditEntry.objects.get(verb="kpi_settings.update")
    assert (entry.before["churn_window_days"], entry.after["churn_window_days"]) == ("90", "60")


def test_settings_are_only_read_by_others(analyst: Client, acme: Tenant) -> None:
    given = {"purchase_event": "order_paid", "churn_window_days": "60"}
    answer = analyst.post("/w/acme/admin/kpi-settings/", given)
    assert "disabled" in answer.content.decode()
    with tenant_context(acme.pk):
        assert not KpiSettings.objects.exists()


def test_support_sees_no_figures(client: Client, staff: Staff, acme: Tenant) -> None:
    client.force_login(staff(acme, "support"), "urm.tenancy.authentication.RoleBackend")
    for path in ("dashboards/", "retention/", "dashboards/export/", "kpi-settings/"):
        assert client.get(f"/w/acme/admin/{path}").status_code == 403
    assert "Active members" not in client.get("/w/acme/admin/").content.decode()
