"""Files in a folder that are there whole or not at all."""

from __future__ import annotations

import os
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class WholeFileStorage(FileSystemStorage):
    """Writes beside the name and then moves: whoever reads meanwhile, or after a crash, finds the old file or the new.

    A crash may leave `<name>.part` behind, which the next try writes anew.
    """

    def _save(self, name: str, content: File[Any] | IO[Any]) -> str:
        part = super()._save(f"{name}.part", content)  # type: ignore[misc]  # the stubs leave it out
        with open(self.path(part), "rb") as file:
            os.fsync(file.fileno())
        os.replace(self.path(part), self.path(name))
        return name
