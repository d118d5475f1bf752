"""The whole chain on a few households: every step of the main job with its checks."""

from pathlib import Path

import pytest

from deploy.demo.job import run_main_job

pytest.importorskip("duckdb")


def test_main_job_agrees_with_the_independent_computation(
    committed_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URM_RUN_DIR", str(tmp_path))
    outcomes, text = run_main_job(households=50)
    problems = [f"{outcome.title}: {check.name}: {check.problem}" for outcome in outcomes for check in outcome.checks]
    assert [problem for problem in problems if not problem.endswith(": ")] == []
    assert all(outcome.passed for outcome in outcomes), text

    again, text = run_main_job(households=50)
    assert (again, "are there" in text) == ([], True)
