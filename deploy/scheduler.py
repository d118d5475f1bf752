"""The scheduler's two programs in one container: Celery beat (fixed hours) and the dispatcher (wake-ups, each second).

They live and die together: when one ends, the other is stopped and the container restarts. Two schedulers at once do
no harm, for fire times and wake-ups are rows.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from deploy.paths import ROOT

GRACE = 15.0


def check() -> int:
    """For the container's health check: whether both programs run."""
    running = [file.read_bytes().split(b"\0") for file in Path("/proc").glob("[0-9]*/cmdline")]
    dispatches = any(words[-3:] == [b"manage.py", b"dispatch", b""] for words in running)
    beats = any(b"celery" in words and b"beat" in words for words in running)
    return 0 if dispatches and beats else 1


def main() -> int:
    # Beat's memory of the last run lies in a scratch folder: what was missed is found by the sweep, not by beat.
    with tempfile.TemporaryDirectory(prefix="urm-beat-") as folder:
        level = os.environ.get("LOG_LEVEL", "INFO")
        schedule = str(Path(folder) / "schedule")
        beat = [
            "-m",
            "celery",
            "--app",
            "urm.celery",
            "beat",
            "--loglevel",
            level,
            "--schedule",
            schedule,
            "--pidfile=",
        ]
        commands = [beat, ["manage.py", "dispatch"]]
        stopping = False

        def stop(_signal: int, _frame: FrameType | None) -> None:
            nonlocal stopping
            stopping = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        programs = [subprocess.Popen([sys.executable, *command], cwd=ROOT) for command in commands]
        while not stopping and all(program.poll() is None for program in programs):
            time.sleep(0.2)
        for program in programs:
            program.terminate()
        deadline = time.monotonic() + GRACE
        for program in programs:
            try:
                program.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        return 0 if stopping else 1


if __name__ == "__main__":
    sys.exit(check() if sys.argv[1:] == ["check"] else main())
