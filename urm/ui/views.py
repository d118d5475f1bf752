"""Pages outside any workspace: log-in, log-out, choice of workspace and of language."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, PasswordResetConfirmView, PasswordResetView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from urm.tenancy.models import Role, User
from urm.ui.actions import send_password_link
from urm.ui.addresses import workspace_address
from urm.ui.confirming import note_confirmed


class LogInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": _("That e-mail and password don’t belong together. Check both; capitals count in passwords."),
        "inactive": _("This account is switched off."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("E-mail")
        self.fields["username"].widget = forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})

    def clean_username(self) -> str:
        """One spelling, so that the throttle counts every attempt on an account."""
        return str(self.cleaned_data["username"]).strip().lower()


class LogIn(LoginView):
    template_name = "ui/login.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        note_confirmed(self.request)
        return response


class AskForPassword(PasswordResetView):
    """Sends a link to set a new password; says the same whether the address is known or not."""

    template_name = "ui/ask_for_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        user = User.objects.filter(email=form.cleaned_data["email"].strip().lower(), is_active=True).first()
        if user is not None:
            send_password_link(user=user)
        messages.success(self.request, _("If this address has an account, a link to set a new password is on its way."))
        return redirect("login")


class SetPassword(PasswordResetConfirmView):
    """Where invitations and forgotten passwords lead."""

    template_name = "ui/set_password.html"
    success_url = reverse_lazy("choose_workspace")
    post_reset_login = True
    post_reset_login_backend = "urm.tenancy.authentication.RoleBackend"

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        note_confirmed(self.request)
        return response


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("login")


@login_required
def choose_workspace(request: HttpRequest) -> HttpResponse:
    """Straight in where there is but one."""
    assert isinstance(request.user, User)
    roles = list(Role.objects.filter(user=request.user).select_related("tenant").order_by("tenant__name"))
    if len(roles) == 1:
        return redirect(workspace_address(roles[0].tenant.slug))
    choices = [(role.tenant.name, role.get_name_display(), workspace_address(role.tenant.slug)) for role in roles]
    return render(request, "ui/choose_workspace.html", {"choices": choices})


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Remember the choice with the person, and in a cookie for the pages before log-in."""
    language = request.POST.get("language", "")
    after = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(after, {request.get_host()}, require_https=request.is_secure()):
        after = "/"
    response = redirect(after)
    if language in dict(settings.LANGUAGES):
        if isinstance(request.user, User):
            User.objects.filter(pk=request.user.pk).update(language=language)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=31_536_000,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response
