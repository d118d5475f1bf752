from typing import Any

MAX_FIELD = 100_000  # characters in one cell
MAX_COLUMNS = 500


class SheetError(ValueError):
    """A file that cannot be read on: an English source from the catalogue and the values it names."""

    def __init__(self, text: str, **values: Any) -> None:
        super().__init__(text % values if values else text)
        self.text = text
        self.values = values
