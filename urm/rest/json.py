"""Reading and writing JSON; what could hurt the server or the database is refused with the place and the remedy."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from urm.rest.errors import ApiError, invalid

MEGABYTE = 1024 * 1024
MAX_REQUEST = 10 * MEGABYTE
MAX_OBJECT = 256 * 1024
MAX_DEPTH = 20
MAX_KEYS = 200
MAX_ITEMS = 1000
NUL = b"\\u0000"


class JSONParser(BaseParser):
    """Reads the body as Django keeps it, so that it can be hashed too. Its limits are the view's."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        assert parser_context is not None
        body: bytes = parser_context["request"]._request.body
        view = parser_context["view"]
        return loads(body, limit=view.max_body, depth=view.max_depth, batch=view.takes_batches)


class CollectParser(BaseParser):
    """JSON whose items are checked one by one by the view (`checked`), so that a wrong one does not stop the others."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        assert parser_context is not None
        body: bytes = parser_context["request"]._request.body
        limit = parser_context["view"].max_body
        if len(body) > limit:
            raise too_large(len(body), limit)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ApiError(400, "malformed_json", f"The body is not JSON: {error}.") from error


class PlainCollectParser(CollectParser):
    """The same in the type that browsers send across origins without asking first."""

    media_type = "text/plain"


def checked(item: Any, path: str) -> Any:
    """The item if the database can hold it; an ApiError with the place otherwise."""
    check(item, path, MAX_DEPTH)
    if NUL in orjson.dumps(item):
        _refuse_nul(item, path)
    return item


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else dumps(data)


def dumps(data: Any) -> bytes:
    """UTF-8; times with the offset they have, decimals as strings so that no digit is lost."""
    return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)


def loads(body: bytes, *, limit: int = MAX_OBJECT, depth: int = MAX_DEPTH, batch: bool = False) -> Any:
    """Parse and check. A body longer than `limit` is refused unread; in a batch it holds for each item."""
    most = MAX_REQUEST if batch else limit
    if len(body) > most:
        raise too_large(len(body), most)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, "malformed_json", f"The body is not JSON: {error}.") from error
    if batch and isinstance(value, list):
        if len(value) > MAX_ITEMS:
            raise ApiError(
                413, "too_large", f"The list has {len(value)} items; send at most {MAX_ITEMS} in one request."
            )
        weigh = len(body) > limit
        for at, item in enumerate(value):
            check(item, f"[{at}]", depth)
            if weigh and len(orjson.dumps(item)) > limit:
                raise ApiError(
                    413, "too_large", f"[{at}] is larger than 256 KB; shorten it.", {f"[{at}]": ["Shorten it."]}
                )
    else:
        if len(body) > limit:
            raise too_large(len(body), limit)
        check(value, "", depth)
    if NUL in body:
        _refuse_nul(value, "")
    return value


def too_large(size: int, limit: int) -> ApiError:
    named = f"{limit // MEGABYTE} MB" if limit >= MEGABYTE else f"{limit // 1024} KB"
    return ApiError(413, "too_large", f"The body has {size} bytes; at most {named} are taken.")


def check(value: Any, path: str, max_depth: int) -> None:
    """Depth, number of distinct keys and length of lists of one object. This runs for every event: keep it flat."""
    if type(value) is not dict and type(value) is not list:
        return
    keys: set[str] = set()
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += 1
        if depth > max_depth:
            raise invalid({path: [f"Nested deeper than {max_depth} levels; flatten it."]})
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                keys.update(node)
                below += [child for child in node.values() if type(child) is dict or type(child) is list]
            else:
                if len(node) > MAX_ITEMS:
                    raise invalid({path: [f"A list in it has {len(node)} items; at most {MAX_ITEMS} are taken."]})
                below += [child for child in node if type(child) is dict or type(child) is list]
        level = below
    if len(keys) > MAX_KEYS:
        raise invalid({path: [f"It has {len(keys)} distinct keys; at most {MAX_KEYS} are taken."]})


def _refuse_nul(value: Any, path: str) -> None:
    if isinstance(value, str) and "\0" in value:
        raise invalid({path: ["Contains the character U+0000; remove it."]})
    if isinstance(value, dict):
        for key, child in value.items():
            _refuse_nul(key, path)
            _refuse_nul(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for at, child in enumerate(value):
            _refuse_nul(child, f"{path}[{at}]")
