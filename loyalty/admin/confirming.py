"""The way of every page that changes the ledger: form → what will happen → done."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise

from loyalty.admin.forms import ReasonForm


def ask_first(
    request: HttpRequest,
    *,
    form: ReasonForm,
    context: dict[str, Any],
    summary: Callable[[dict[str, Any]], str],
    act: Callable[[dict[str, Any]], object],
    done: str | Promise,
    then: str,
) -> HttpResponse:
    """Show the form; once it is valid, the summary and a button; with that button pressed, act and go to `then`."""
    asking = False
    if request.method == "POST" and form.is_valid():
        asking = "confirmed" not in request.POST and "back" not in request.POST
        if "confirmed" in request.POST:
            try:
                act(form.cleaned_data)
            except ValidationError as error:
                form.add_error(None, list(error.messages))
            else:
                messages.success(request, str(done))
                return redirect(then)
    return TemplateResponse(
        request,
        "loyalty/ask_first.html",
        {
            **context,
            "form": form,
            "asking": asking,
            "summary": summary(form.cleaned_data) if asking else "",
            "then": then,
        },
    )
