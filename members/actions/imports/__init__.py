"""Imports: a file of members is taken in, mapped, checked, run, and taken back.

upload      keep the file; guess its encoding, separator and what each column means
check       read every row once into `ImportRow`, cleaned, with its problems; tell what running would do (dry run)
run         write the checked rows in slices: set-based statements, each slice one transaction of a job
undo        the same way back: what the import changed gets its earlier value, unless somebody changed it since
"""

from members.actions.imports.checking import check_import
from members.actions.imports.running import run_import
from members.actions.imports.undoing import undo_import
from members.actions.imports.uploading import change_reading, discard_import, save_mapping, upload

__all__ = [
    "change_reading",
    "check_import",
    "discard_import",
    "run_import",
    "save_mapping",
    "undo_import",
    "upload",
]
