"""What the walks share: both languages on a desktop and on a phone, and the hands of somebody without a mouse.

In a walk nothing is clicked and nothing is filled in: only keys are pressed, as `page.keyboard` does.
"""

import contextlib
from typing import Any

import pytest
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as TookTooLong

WALKS = pytest.mark.parametrize(
    ("workspace", "language", "width", "dark"),
    [
        ("acme", "en", 1280, False),
        ("globex", "zh-hans", 390, True),
    ],
    ids=["desktop-light-en", "phone-dark-zh"],
)
_FOCUSED = "node => node === document.activeElement"


def has_focus(target: Locator) -> bool:
    return bool(target.evaluate(_FOCUSED))


def reach(page: Page, target: Locator, *, back: bool = False) -> None:
    """Tab until the target has the focus, if it hasn't."""
    for _press in range(250):
        if has_focus(target):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"{target} is not reached with Tab")


def press(page: Page, target: Locator) -> None:
    reach(page, target)
    page.keyboard.press("Enter")


def follow(page: Page, target: Locator) -> None:
    """Go where a link or button leads."""
    reach(page, target)
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press("Enter")


def choose(page: Page, field: Locator, value: str) -> None:
    """Arrow through a list until the value is chosen: to its end, then back."""
    reach(page, field)
    for key in ("ArrowDown", "ArrowUp"):
        shown: str | None = None
        while shown != (shown := field.input_value()):
            if shown == value:
                return
            page.keyboard.press(key)
    raise AssertionError(f"{value} is not in the list")


def choose_file(page: Page, field: Locator, file: Any) -> None:
    """Open the system's own dialog with a key; what happens inside that is not the page's.

    A busy browser sometimes opens none: who sees no dialog presses again.
    """
    page.wait_for_load_state("load")
    for _press in range(3):
        reach(page, field)
        with contextlib.suppress(TookTooLong):
            with page.expect_file_chooser(timeout=5000) as asked:
                page.keyboard.press("Space")
            asked.value.set_files(file)
            return
    raise AssertionError(f"{field} opens no dialog")
