"""Run the main job with a progress bar per step and a closing table; exit code 1 if a check fails."""

from __future__ import annotations

import argparse
import os
import sys

import django


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("--households", type=int, help="how many take part (default: all 2,469)")
    parser.add_argument("--then-live", action="store_true", help="leave the closing table to --live")
    parser.add_argument("--live", action="store_true", help="the last step, which needs web, worker and scheduler")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "urm.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    django.setup()
    from deploy.demo.job import run_last_step, run_main_job  # noqa: PLC0415 - after setup

    if options.live:
        outcomes, text = run_last_step()
    else:
        outcomes, text = run_main_job(households=options.households)
    if options.live or not options.then_live:
        print(text, flush=True)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
