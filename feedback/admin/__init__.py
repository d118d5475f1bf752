"""Surveys in the admin: surveys with questions, score and distribution, responses, invitations; panels."""

from feedback.admin import invitations, panels, responses, surveys

__all__ = ["invitations", "panels", "responses", "surveys"]
