"""What this app shows in the admin: dashboards, retention, settings, and panels on the home page."""

from analytics.admin import pages, panels, portrait, recruitment, rfm, settings

__all__ = ["pages", "panels", "portrait", "recruitment", "rfm", "settings"]
