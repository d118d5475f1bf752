from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from urm.audit.actor import SYSTEM, Actor, acting_as


class StaffActorMiddleware:
    """Whatever a signed-in person writes is written in their name. Must stand after AuthenticationMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user
        actor = Actor("staff", user.pk, str(user)) if user.is_authenticated else SYSTEM
        with acting_as(actor):
            return self.get_response(request)
