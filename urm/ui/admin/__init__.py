"""Base classes for admin pages (urm.ui explains their use) and the pages of the workspace itself."""

from urm.ui.admin.base import ModelAdmin, StackedInline, TabularInline, actor_column
from urm.ui.components import Empty
from urm.ui.navigation import Entry

__all__ = ["Empty", "Entry", "ModelAdmin", "StackedInline", "TabularInline", "actor_column"]

from urm.ui.admin import audit, keys, settings, staff  # noqa: F401 - they need the names above
