"""Numbers and money the way readers write them; the folders are Django's format modules (FORMAT_MODULE_PATH)."""

from urm.lib.figures import money, number, percent

__all__ = ["money", "number", "percent"]
