"""Query parameters that are no filters of a list."""

from urm.rest.errors import invalid
from urm.rest.views import ApiRequest


def whole_number(request: ApiRequest, name: str, default: int, most: int) -> int:
    """1 to `most`."""
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= most):
        raise invalid({name: [f"Give a whole number from 1 to {most}."]})
    return int(given)
