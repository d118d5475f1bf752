"""Formulas against published forms and figures computed by hand."""

import pytest

from feedback.queries import csat, difference_of, net_promoter_score


@pytest.mark.parametrize(
    ("counts", "n", "score", "margin"),
    [
        ({9: 1, 10: 2}, 3, 100.0, 0.0),
        ({7: 1, 8: 1}, 2, 0.0, 0.0),
        ({0: 1}, 1, -100.0, 0.0),
        ({6: 1, 7: 1, 8: 1, 9: 1}, 4, 0.0, 69.295191),  # 1.959964 · 100 · √(.5 ÷ 4)
        ({10: 215, 7: 118, 3: 69}, 402, 36.318408, 7.409769),  # 215, 118 and 69 of 402
    ],
)
def test_nps_with_margin_of_error(counts: dict[int, int], n: int, score: float, margin: float) -> None:
    nps = net_promoter_score(counts)
    assert [nps.n, nps.score, nps.margin] == pytest.approx([n, score, margin], abs=1e-5)


def test_nps_of_nobody_is_no_score() -> None:
    nps = net_promoter_score({})
    assert (nps.n, nps.score, nps.margin, nps.low, nps.enough(30)) == (0, None, None, None, False)


def test_nps_parts_at_the_boundaries() -> None:
    nps = net_promoter_score(dict.fromkeys(range(11), 1))
    assert (nps.promoters, nps.passives, nps.detractors) == (2, 2, 7)


def test_nps_is_shown_from_the_minimum() -> None:
    assert net_promoter_score({9: 29}).enough(30) is False
    assert net_promoter_score({9: 30}).enough(30) is True


def test_difference_of_two_surveys_is_in_standard_errors() -> None:
    first, second = net_promoter_score({10: 60, 0: 40}), net_promoter_score({10: 50, 0: 50})
    # 20 points ÷ √(100²·(1 − .2²)/100 + 100²/100)
    assert difference_of(first, second) == pytest.approx(20 / (96 + 100) ** 0.5)
    assert difference_of(net_promoter_score({9: 3}), net_promoter_score({10: 3})) is None


def test_csat_with_wilson_interval() -> None:
    share = csat({1: 1, 2: 0, 3: 1, 4: 3, 5: 5})
    # Wilson for 8 of 10, 95 %
    assert [share.n, share.percent, share.mean] == pytest.approx([10, 80.0, 4.1])
    assert [share.low, share.high] == pytest.approx([49.0162, 94.3318], abs=1e-3)


@pytest.mark.parametrize(("counts", "low", "high"), [({5: 10}, 72.2460, 100.0), ({1: 10}, 0.0, 27.7540)])
def test_csat_at_the_ends_stays_inside(counts: dict[int, int], low: float, high: float) -> None:
    share = csat(counts)
    assert [share.low, share.high] == pytest.approx([low, high], abs=1e-3)


def test_csat_of_nobody_is_no_share() -> None:
    assert csat({}).percent is None
