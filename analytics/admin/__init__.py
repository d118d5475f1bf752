"""What this app shows in the admin: dashboards, retention, settings, and panels on the home page."""

from analytics.admin import pages, panels, recruitment, settings

__all__ = ["pages", "panels", "recruitment", "settings"]
