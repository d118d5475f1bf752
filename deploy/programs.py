"""Starting, watching and stopping the long-running programs of the demo, in order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.launcher import die_with_parent
from deploy.paths import ROOT, say, state_folder
from deploy.services.state import State, is_alive, load_state, process_identity, save_state

GRACE = 40.0


@dataclass
class Program:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


@dataclass
class Programs:
    """Those that run, oldest first; `stop` ends them in the opposite order. Each writes its own log file."""

    env: Mapping[str, str]
    started: list[Program] = field(default_factory=list)

    def start(self, name: str, command: list[str], extra: Mapping[str, str] | None = None) -> Program:
        folder = state_folder() / "log"
        folder.mkdir(exist_ok=True)
        log = folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.env, **(extra or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for run.py alone, which then stops these one after the other.
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - run.py has no threads
            )
        program = Program(name, process, log)
        self.started.append(program)
        self._remember()
        return program

    def dead(self) -> Program | None:
        return next((program for program in self.started if program.process.poll() is not None), None)

    def stop(self) -> None:
        while self.started:
            program = self.started.pop()
            if program.process.poll() is None:
                program.process.terminate()
                try:
                    program.process.wait(GRACE)
                except subprocess.TimeoutExpired:
                    say(f"{program.name} did not stop in {GRACE:.0f} s: killed")
                    os.killpg(program.process.pid, signal.SIGKILL)
                    program.process.wait()
        self._remember()

    def _remember(self) -> None:
        state = load_state()
        state["programs"] = [
            {"name": one.name, "pid": one.process.pid, "identity": process_identity(one.process.pid)}
            for one in self.started
        ]
        save_state(state)


def stop_leftovers() -> None:
    """End what a killed run.py left behind."""
    left: list[State] = [one for one in load_state().get("programs", []) if is_alive(one)]
    for one in left:
        say(f"stopping {one['name']}, left over from a demo that was killed")
        os.kill(one["pid"], signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while any(is_alive(one) for one in left):
        if time.monotonic() > deadline:
            for one in filter(is_alive, left):
                os.killpg(one["pid"], signal.SIGKILL)
        time.sleep(0.05)


def wait_for_page(url: str, program: Program, seconds: float = 60) -> None:
    """Until the page answers without a server error; the program's log is the error when it ends or takes too long."""
    deadline = time.monotonic() + seconds
    reason = ""
    while program.process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except urllib.error.HTTPError as error:
            with error:
                if error.code < 500:
                    return
                reason = str(error)
        except OSError as error:
            reason = str(error)
        time.sleep(0.1)
    raise SystemExit(f"{program.name} does not answer at {url} ({reason}):\n{program.tail()}")
