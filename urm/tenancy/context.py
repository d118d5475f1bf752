"""The tenant that the current request, task or command works for."""

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_tenant_id: ContextVar[int | None] = ContextVar("tenant_id", default=None)


class NoTenantError(RuntimeError):
    """A tenant table was touched outside a tenant context."""

    def __init__(self) -> None:
        super().__init__(
            "No tenant is set. Wrap the code in `with tenant_context(tenant_id):` "
            "(requests, @tenant_task and workspace commands do so themselves)."
        )


class WrongTenantError(RuntimeError):
    """A row of another tenant was about to be written, or a tenant context opened inside another's."""


def current_tenant_id() -> int | None:
    return _tenant_id.get()


def require_tenant() -> int:
    """The current tenant's id; raises NoTenantError outside a context."""
    tenant_id = _tenant_id.get()
    if tenant_id is None:
        raise NoTenantError
    return tenant_id


@contextmanager
def tenant_context(tenant_id: int) -> Iterator[None]:
    """Work for one tenant. Nesting is allowed for the same tenant only."""
    outer = _tenant_id.get()
    if outer not in (None, tenant_id):
        raise WrongTenantError(f"Already working for tenant {outer}; cannot switch to {tenant_id} inside it.")
    token = _tenant_id.set(tenant_id)
    try:
        yield
    finally:
        _tenant_id.reset(token)


def in_tenant(tenant_id: int, chunks: Iterable[T]) -> Iterator[T]:
    """Produce each chunk of a streamed response inside the tenant's context: it is consumed after the view returned."""
    iterator = iter(chunks)
    while True:
        with tenant_context(tenant_id):
            try:
                chunk = next(iterator)
            except StopIteration:
                return
        yield chunk


def for_tenant(function: Callable[P, R]) -> Callable[..., R]:
    """Call `function` with its first argument, a tenant id, taken off and made the context."""

    @functools.wraps(function)
    def call(tenant_id: int, *args: P.args, **kwargs: P.kwargs) -> R:
        with tenant_context(tenant_id):
            return function(*args, **kwargs)

    return call
