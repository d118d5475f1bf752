from feedback.models.response import Answer, Invitation, Response
from feedback.models.survey import Question, Survey

__all__ = ["Answer", "Invitation", "Question", "Response", "Survey"]
