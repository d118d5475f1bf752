"""Who may give which role, and that passwords stay their owners'."""

import re

import pytest
from django.core import mail
from django.test import Client

from tests.conftest import PASSWORD
from tests.ui.conftest import sign_in
from urm.audit.models import AuditEntry
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Role, Tenant, User

pytestmark = pytest.mark.django_db

ROLES = "/w/acme/admin/tenancy/role/"


def role_of(email: str, tenant: Tenant) -> str | None:
    return Role.objects.filter(user__email=email, tenant=tenant).values_list("name", flat=True).first()


def row_of(email: str, tenant: Tenant) -> int:
    return Role.objects.get(user__email=email, tenant=tenant).pk


def test_invited_person_sets_a_password_and_is_in(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    acme, _globex = showcase
    sign_in(client, "admin@acme.example.com")
    answer = client.post(f"{ROLES}add/", {"email": "New@Example.com", "person": "Nia New", "name": "marketer"})
    assert answer.status_code == 302
    assert [message.to for message in mail.outbox] == [["new@example.com"]]
    link = re.search(r"http\S+/password/\S+", str(mail.outbox[0].body))
    assert link is not None
    guest = Client()
    form = guest.get(link[0].removeprefix("http://localhost:8000"), follow=True)
    answer = guest.post(
        form.request["PATH_INFO"], {"new_password1": "a long new secret", "new_password2": "a long new secret"}
    )
    assert answer.status_code == 302
    assert guest.get("/").headers["Location"] == "/w/acme/admin/"
    with tenant_context(acme.pk):
        verbs = AuditEntry.objects.filter(verb__startswith="staff.").values_list("verb", "actor_label")
        assert list(verbs) == [("staff.invite", "Admin")]


def test_failing_mail_keeps_the_role_and_says_so(
    client: Client, showcase: tuple[Tenant, Tenant], settings: pytest.FixtureRequest
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_PORT = 9  # type: ignore[attr-defined]  # nobody listens
    sign_in(client, "admin@acme.example.com")
    answer = client.post(f"{ROLES}add/", {"email": "late@example.com", "person": "", "name": "viewer"}, follow=True)
    assert "could not be sent" in answer.content.decode()
    assert role_of("late@example.com", showcase[0]) == "viewer"


def test_admin_can_neither_make_nor_touch_an_owner(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    acme, _globex = showcase
    sign_in(client, "admin@acme.example.com")
    assert client.post(f"{ROLES}add/", {"email": "boss@example.com", "person": "", "name": "owner"}).status_code == 200
    owner = row_of("owner@example.com", acme)
    assert client.post(f"{ROLES}{owner}/change/", {"name": "viewer"}).status_code == 403
    assert client.post(f"{ROLES}{owner}/delete/", {"post": "yes"}).status_code == 403
    viewer = row_of("viewer@acme.example.com", acme)
    assert client.post(f"{ROLES}{viewer}/change/", {"name": "owner"}).status_code == 200
    assert (role_of("boss@example.com", acme), role_of("viewer@acme.example.com", acme)) == (None, "viewer")


def test_last_owner_stays(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    acme, _globex = showcase
    sign_in(client, "owner@example.com")
    row = row_of("owner@example.com", acme)
    for address, data in ((f"{ROLES}{row}/change/", {"name": "viewer"}), (f"{ROLES}{row}/delete/", {"post": "yes"})):
        answer = client.post(address, data, follow=True)
        assert "make somebody else owner first" in answer.content.decode()
    assert role_of("owner@example.com", acme) == "owner"


def test_role_ends_in_this_workspace_only(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    acme, globex = showcase
    colleague = User.objects.get(email="viewer@acme.example.com")
    Role.objects.create(user=colleague, tenant=globex, name="analyst")
    sign_in(client, "owner@example.com")
    client.post(f"{ROLES}{row_of(colleague.email, acme)}/delete/", {"post": "yes"})
    assert (role_of(colleague.email, acme), role_of(colleague.email, globex)) == (None, "analyst")


def test_marketer_sees_no_workspace_pages(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    sign_in(client, "marketer@acme.example.com")
    home = client.get("/w/acme/admin/").content.decode()
    assert ROLES not in home
    assert client.get(ROLES).status_code == 403


def test_log_in_is_throttled_however_the_address_is_spelled(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    answers = [
        client.post("/login/", {"username": name, "password": "wrong"}).status_code
        for name in ["viewer@acme.example.com", "VIEWER@acme.example.com"] * 5
    ]
    assert answers == [200] * 9 + [429]
    assert client.post("/login/", {"username": "viewer@acme.example.com", "password": PASSWORD}).status_code == 429


@pytest.mark.parametrize("after", ["https://evil.example.com/", "//evil.example.com", "/\\evil.example.com"])
def test_log_in_leads_nowhere_outside(client: Client, showcase: tuple[Tenant, Tenant], after: str) -> None:
    data = {"username": "viewer@acme.example.com", "password": PASSWORD, "next": after}
    assert client.post("/login/", data).headers["Location"] == "/"
    assert client.post("/language/", {"language": "en", "next": after}).headers["Location"] == "/"


def test_forgotten_password_says_the_same_of_any_address(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    pages = [
        re.sub(r"csrfmiddlewaretoken.*", "", client.post("/password/", {"email": email}, follow=True).content.decode())
        for email in ("viewer@acme.example.com", "nobody@example.com")
    ]
    assert pages[0] == pages[1]
    assert [message.to for message in mail.outbox] == [["viewer@acme.example.com"]]
