"""Against worked values of the literature."""

import pytest

from urm.lib.statistics import wilson


def test_wilson_gives_newcombes_examples() -> None:
    """Newcombe 1998, Stat. Med. 17, 857–872, table I: method 3 (score without continuity correction)."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_wilson_of_nothing_is_nothing() -> None:
    assert wilson(0, 0) is None
