from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from urm.tenancy.models import User


class RoleBackend(BaseBackend):
    """Log-in by e-mail and password. Permissions are not Django's: see `User.may`."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        try:
            user = User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            User().set_password(password)  # as slow as a known address, so timing tells nothing
            return None
        return user if user.is_active and user.check_password(password) else None

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()
