"""`run.py demo`: the whole product on this machine, from an empty folder to a page in the browser."""

from __future__ import annotations


def demo_command(arguments: list[str]) -> int:
    raise SystemExit(f"the demo is not there yet: {arguments}")
