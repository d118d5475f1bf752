"""Answers that are repeated to repeated requests; they live for a day."""

from urm.privacy import Forget, Person, Table, declare
from urm.privacy.registry import execute


def _forget(person: Person) -> None:
    """Without the answer a repeated request is done again, which idempotent actions bear."""
    execute(
        "DELETE FROM rest_idempotentanswer WHERE tenant_id = {tenant} AND (key ILIKE ANY({words}) "
        "OR location ILIKE ANY({words}) OR encode(body, 'escape') ILIKE ANY({escaped}))".replace(
            "{escaped}", "%(escaped)s::text[]"
        ),
        person,
        escaped=["%" + _escaped(word) + "%" for word in person.words],
    )


def _escaped(word: str) -> str:
    """As encode(…, 'escape') writes it, for ILIKE."""
    shown = "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\{byte:03o}" for byte in word.encode())
    return shown.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


declare(
    Table(
        "rest_idempotentanswer",
        personal="key location body",
        neutral="id tenant_id api_key_id request_hash status created_at",
        erase=Forget(_forget),
    )
)
