"""A key, and the test client of Django that sends it and reads JSON."""

from typing import Any

import orjson
from django.test import Client

from urm.rest.authentication import hash_of
from urm.tenancy.models import ApiKey, Tenant


def make_key(tenant: Tenant, *, kind: str = "sk", **fields: Any) -> str:
    """The token of a new key."""
    token = ApiKey.new_token(kind)
    ApiKey.objects.create(
        tenant=tenant, name=f"{tenant.slug} {kind}", kind=kind, prefix=token[:8], hash=hash_of(token), **fields
    )
    return token


class ApiClient(Client):
    """`post("/api/v1/…", {…})` sends JSON; headers as keyword arguments: `prefer="wait"`."""

    def __init__(self, token: str | None) -> None:
        super().__init__()
        self.token = token

    def send(self, method: str, path: str, body: Any = None, /, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            named.setdefault("authorization", f"Bearer {self.token}")
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        return self.generic(
            method, path, content, content_type=named.pop("content-type", "application/json"), headers=named
        )

    def get(self, path: str, /, **headers: str) -> Any:  # type: ignore[override]
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, /, **headers: str) -> Any:  # type: ignore[override]
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, /, **headers: str) -> Any:  # type: ignore[override]
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, /, **headers: str) -> Any:  # type: ignore[override]
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, body: Any = None, /, **headers: str) -> Any:  # type: ignore[override]
        return self.send("DELETE", path, body, **headers)
