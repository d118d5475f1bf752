from tests.rest.conftest import api, outsider, publishable

__all__ = ["api", "outsider", "publishable"]
