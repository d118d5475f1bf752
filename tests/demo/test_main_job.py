"""The whole chain on a few households: every step of the main job with its checks."""

import pytest

from deploy.demo.job import run_main_job

pytest.importorskip("duckdb")


def test_main_job_agrees_with_the_independent_computation(surroundings: None) -> None:
    outcomes, text = run_main_job(households=60)
    problems = [
        f"{outcome.title}: {check.name}: {check.problem}"
        for outcome in outcomes
        for check in outcome.checks
        if check.problem
    ]
    assert problems == []
    assert all(outcome.passed for outcome in outcomes), text

    again, text = run_main_job(households=60)
    assert (again, "are there" in text) == ([], True)
