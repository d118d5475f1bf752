"""Making workspaces."""

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from urm.tenancy import actions
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Role, Tenant

pytestmark = pytest.mark.django_db


def test_create_workspace_runs_every_setup_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(actions, "_setups", [])
    actions.register_setup(lambda: seen.append(require_tenant()))
    workspace = actions.create_workspace(name="Acme", slug="acme", time_zone="Asia/Shanghai")
    assert seen == [workspace.pk]


def test_create_workspace_makes_nothing_when_a_setup_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "_setups", [lambda: 1 / 0])
    with pytest.raises(ZeroDivisionError):
        actions.create_workspace(name="Acme", slug="acme")
    assert not Tenant.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"), [("time_zone", "Mars/Base"), ("currency", "dollar"), ("slug", "a b"), ("language", "xx")]
)
def test_create_workspace_names_what_is_wrong(field: str, value: str) -> None:
    with pytest.raises(ValidationError) as caught:
        actions.create_workspace(**{"name": "Acme", "slug": "acme", field: value})
    assert list(caught.value.message_dict) == [field]


def test_command_invites_the_owner(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_workspace", "acme", owner="Ada@example.com", time_zone="Europe/Berlin")
    role = Role.objects.get()
    assert (role.tenant.slug, role.user.email, role.name) == ("acme", "ada@example.com", "owner")
    [message] = mail.outbox
    assert message.to == ["ada@example.com"]
    assert "ada@example.com" in capsys.readouterr().out.lower()


def test_command_names_what_is_wrong() -> None:
    with pytest.raises(CommandError, match="time_zone"):
        call_command("create_workspace", "acme", owner="ada@example.com", time_zone="Mars/Base")
    assert not Tenant.objects.exists()
