"""What this app shows in the admin: dashboards, retention, settings, and panels on the home page."""

from analytics.admin import pages, panels, settings

__all__ = ["pages", "panels", "settings"]
