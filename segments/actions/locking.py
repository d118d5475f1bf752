"""One pass at a time writes the states of a workspace; and when the next one is due."""

from segments.actions import passes
from urm.rules.sqltext import Sql
from urm.rules.workspace import fetch
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake_after_commit

_LOCK = 0x5E6  # first key of the advisory lock; the second is the tenant


def lock_states() -> None:
    """Wait for whoever writes the states of this workspace, and keep others from it until the commit."""
    fetch(Sql(f"SELECT pg_advisory_xact_lock({_key()})"))


def try_lock_states() -> bool:
    """The same without waiting; False when another worker is at it."""
    ((locked,),) = fetch(Sql(f"SELECT pg_try_advisory_xact_lock({_key()})"))
    return bool(locked)


def _key() -> str:
    return f"{_LOCK}, hashint8({require_tenant()})"


def set_alarm(tenant_id: int) -> None:
    moment = passes.earliest_alarm(tenant_id)
    if moment is not None:
        wake_after_commit("stream", moment)
