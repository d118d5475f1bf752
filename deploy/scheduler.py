"""The scheduler's programs in one container: Celery beat (fixed hours), the dispatcher (wake-ups, each second), and
once a day the owner's job (partitions of the months ahead), for which this container alone has the owner's key.

Beat and dispatcher live and die together: when one ends, the other is stopped and the container restarts. Two
schedulers at once do no harm, for fire times and wake-ups are rows.
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
DAY = 86_400.0
OWNERS_JOB = ["manage.py", "make_partitions"]


class Scheduler:
    def __init__(self) -> None:
        self.programs: list[subprocess.Popen[bytes]] = []
        self.jobs: list[subprocess.Popen[bytes]] = []
        self.stopping = False
        self.job_due_at = time.monotonic()

    def run(self, schedule: Path) -> int:
        """Until SIGTERM (0) or until a program ends by itself (1)."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self.stop)
        level = os.environ.get("LOG_LEVEL", "INFO")
        beat = ["-m", "celery", "--app", "urm.celery", "beat", "--loglevel", level]
        self.programs.append(start([*beat, "--schedule", str(schedule), "--pidfile="]))
        self.programs.append(start(["manage.py", "dispatch"]))
        while not self.stopping and all(program.poll() is None for program in self.programs):
            if time.monotonic() >= self.job_due_at:
                self.job_due_at = time.monotonic() + DAY
                # What fails here is seen by /readyz long before it hurts: months are made three ahead.
                self.jobs = [start(OWNERS_JOB)]
            time.sleep(0.2)
        self.end_programs()
        return 0 if self.stopping else 1

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def end_programs(self) -> None:
        running = [*self.programs, *self.jobs]
        for program in running:
            program.terminate()
        deadline = time.monotonic() + GRACE
        for program in running:
            try:
                program.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *command], cwd=ROOT)


def check() -> int:
    """For the container's health check: whether both programs run."""
    running = [file.read_bytes().split(b"\0") for file in Path("/proc").glob("[0-9]*/cmdline")]
    dispatches = any(words[-3:] == [b"manage.py", b"dispatch", b""] for words in running)
    beats = any(b"celery" in words and b"beat" in words for words in running)
    return 0 if dispatches and beats else 1


def main() -> int:
    # Beat's memory of its last run lies in a scratch folder: what was missed is found by the sweep, not by beat.
    with tempfile.TemporaryDirectory(prefix="urm-beat-") as folder:
        return Scheduler().run(Path(folder) / "schedule")


if __name__ == "__main__":
    sys.exit(check() if sys.argv[1:] == ["check"] else main())
