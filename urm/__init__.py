"""The project and its kernel: tenancy, audit, rules, channels, REST plumbing and the admin's look.

The kernel knows no app; only `settings.py` and `urls.py`, the composition root, do.
"""

from urm.celery import app as celery_app

__all__ = ["celery_app"]
