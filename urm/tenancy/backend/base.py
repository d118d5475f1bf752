"""`SET LOCAL app.tenant_id` before the first statement that needs it — in every transaction, never on the session.

A session-level SET would leak through connection reuse and through poolers in transaction mode.
"""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.postgresql import base, features

from urm.tenancy.context import current_tenant_id


class DatabaseFeatures(features.DatabaseFeatures):
    # The database's primary keys are (tenant_id, id): grouping by id alone would not cover the other columns.
    allows_group_by_selected_pks = False


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told: int | None = None  # what the open transaction was told
        self.execute_wrappers.append(self._with_tenant)

    def tell_tenant(self) -> None:
        """Tell the open transaction the current tenant, if it was told another or none.

        For code that bypasses Django's cursor methods, such as COPY; all else is told by itself.
        """
        tenant_id = current_tenant_id()
        if tenant_id == self._told:
            return
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL app.tenant_id = '{'' if tenant_id is None else int(tenant_id)}'")
        self._told = tenant_id

    def _with_tenant(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if self.in_atomic_block or not self.get_autocommit():
            if not self.needs_rollback:
                self.tell_tenant()
            return execute(sql, params, many, context)
        if current_tenant_id() is None:
            return execute(sql, params, many, context)
        with transaction.atomic(using=self.alias):
            self.tell_tenant()
            return execute(sql, params, many, context)

    def _forget(self) -> None:
        self._told = None

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # in Django, not in its stubs
        self._forget()

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]  # in Django, not in its stubs
        self._forget()  # SET LOCAL is undone with the savepoint

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]  # in Django, not in its stubs
        self._forget()

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc]  # in Django, not in its stubs
        self._forget()

    def connect(self) -> None:
        super().connect()
        self._forget()
