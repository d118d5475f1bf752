from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from urm.audit.actions import record
from urm.tenancy.models import Role, Tenant, User
from urm.tenancy.roles import ROLES
from urm.ui.addresses import public_address


class StaffError(ValueError):
    """A change to the staff that would be wrong; the message says why."""


def invite_staff(*, workspace: Tenant, email: str, role: str, name: str = "") -> tuple[Role, bool]:
    """Give somebody a role; returns it and whether the person is new to the platform. Then `send_invitation`."""
    with transaction.atomic():
        user = User.objects.filter(email=email.strip().lower()).first()
        new = user is None
        if user is None:
            user = User.objects.create_user(email, None, name=name, language=workspace.language)
        given, created = Role.objects.get_or_create(tenant=workspace, user=user, defaults={"name": role})
        if not created:
            raise StaffError(_("This person has a role here already; change it in the list of staff."))
        record(verb="staff.invite", target=given, target_label=f"#{user.pk}", after={"role": role})
    return given, new


def send_invitation(*, role: Role) -> None:
    """Write to the person, with a link to set a password while there is none. Raises OSError when mail fails."""
    user = role.user
    link = public_address("choose_workspace") if user.has_usable_password() else _password_link(user)
    context = {"workspace": role.tenant, "role": ROLES[role.name].label, "user": user, "link": link}
    with translation.override(user.language or role.tenant.language):
        subject = _("You are invited to %(workspace)s") % {"workspace": role.tenant.name}
        send_mail(subject, render_to_string("ui/mail/invitation.txt", context), None, [user.email])


def send_password_link(*, user: User) -> None:
    """For who forgot the password. Raises OSError when mail can't be sent."""
    with translation.override(user.language or translation.get_language()):
        text = render_to_string("ui/mail/password.txt", {"user": user, "link": _password_link(user)})
        send_mail(_("Set a new password"), text, None, [user.email])


def _password_link(user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return public_address("set_password", uidb64=uid, token=default_token_generator.make_token(user))


def change_role(*, role: Role, name: str) -> None:
    """Raises StaffError rather than leave a workspace without an owner."""
    with transaction.atomic():
        stored = _locked(role)
        if stored.name == name:
            return
        if stored.name == "owner":
            _refuse_last_owner(stored)
        before, stored.name, role.name = stored.name, name, name
        stored.save(update_fields=["name"])
        record(
            verb="staff.change_role",
            target=stored,
            target_label=f"#{stored.user_id}",
            before={"role": before},
            after={"role": name},
        )


def remove_staff(*, role: Role) -> None:
    """Take the role away; the person's account stays. Raises StaffError for the last owner."""
    with transaction.atomic():
        stored = _locked(role)
        if stored.name == "owner":
            _refuse_last_owner(stored)
        record(verb="staff.remove", target=stored, target_label=f"#{stored.user_id}", before={"role": stored.name})
        stored.delete()


def _locked(role: Role) -> Role:
    """The role as stored; the workspace's roles change one after the other."""
    Tenant.objects.select_for_update().get(pk=role.tenant_id)
    return Role.objects.get(pk=role.pk)


def _refuse_last_owner(role: Role) -> None:
    if not Role.objects.filter(tenant_id=role.tenant_id, name="owner").exclude(pk=role.pk).exists():
        raise StaffError(_("A workspace needs an owner: make somebody else owner first."))
