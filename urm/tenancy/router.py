from typing import Any


class OwnerMigrates:
    """Tables are made by the owning role only; the application role must not own what row-level security guards.

    Django's admin log is not made at all: it knows no tenant, and urm.audit replaces it.
    """

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner" and app_label != "admin"
