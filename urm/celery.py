"""Celery makes work happen sooner and on more machines; losing it loses nothing."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "urm.settings")

app = Celery("urm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
