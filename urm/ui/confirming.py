"""“Confirm it is you”: before keys, exports and erasure the password must have been entered a little while ago.

A session that somebody else got hold of, or a desk that was left, then opens neither. Guard a view with
`@confirmed()`; what was asked for is not done and not repeated by itself: a page is shown again after the password, and
for what is posted, the page it came from (`back`, the name of an admin address that takes the view's own arguments).
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from urm.audit.actions import record
from urm.tenancy.middleware import WorkspaceRequest
from urm.tenancy.models import User
from urm.ui.addresses import workspace_address

View = Callable[..., HttpResponseBase]
_SESSION_KEY = "confirmed_at"  # seconds since 1970


def note_confirmed(request: HttpRequest) -> None:
    """The person has just proved who they are."""
    request.session[_SESSION_KEY] = int(time.time())


def is_confirmed(request: HttpRequest) -> bool:
    at = request.session.get(_SESSION_KEY)
    return isinstance(at, int) and 0 <= time.time() - at < settings.CONFIRMED_MINUTES * 60


def ask_to_confirm(request: HttpRequest, *, then: str, slug: str = "") -> HttpResponse:
    """On to the page that asks for the password, and from there to `then`, a path of ours."""
    if request.method == "POST":
        messages.info(request, gettext("Nothing was done yet. Confirm that it is you, then do it again."))
    home = workspace_address(slug) if slug else reverse("admin:index")
    return redirect(f"{home}confirm/?{urlencode({'next': then})}")


def confirmed(*, back: str = "") -> Callable[[View], View]:
    """Guard a view, be it a function or a method; put it below the guard of the capability."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> HttpResponseBase:
            request = next(argument for argument in args if isinstance(argument, HttpRequest))
            if is_confirmed(request):
                return view(*args, **kwargs)
            return ask_to_confirm(request, then=_address(back, kwargs) or request.get_full_path())

        return guarded

    return decorate


def _address(back: str, given: dict[str, Any]) -> str:
    """The admin calls the number of a row `object_id`, our own addresses `pk`; either way it is the only argument."""
    return reverse(back, args=list(given.values())) if back else ""


class ConfirmForm(forms.Form):
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


@never_cache
@sensitive_post_parameters("password")
def confirm(request: WorkspaceRequest) -> HttpResponse:
    """Checked by the same door as the log-in, so that its throttle counts these attempts too."""
    user = request.user
    assert isinstance(user, User)
    then = request.POST.get("next", request.GET.get("next", ""))
    if not url_has_allowed_host_and_scheme(then, {request.get_host()}, require_https=request.is_secure()):
        then = reverse("admin:index")
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = authenticate(request, username=user.email, password=form.cleaned_data["password"])
        known = found is not None and found.pk == user.pk
        record(verb="staff.confirm" if known else "staff.confirm_failed", target=user, target_label=f"#{user.pk}")
        if known:
            request.session.cycle_key()
            note_confirmed(request)
            if "/files/" in then and "/w/" not in then:  # a download leaves the page as it is: show one that is done
                return render(request, "ui/confirmed.html", {"next": then, "home": reverse("admin:index")})
            return redirect(then)
        form.add_error("password", _("That is not the password of this account. Capitals count."))
    context = {"form": form, "next": then, "home": reverse("admin:index"), "minutes": settings.CONFIRMED_MINUTES}
    return render(request, "ui/confirm.html", context)
