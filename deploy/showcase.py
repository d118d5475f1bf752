"""`run.py demo`: the whole product on this machine, from an empty folder to a page in the browser."""

from __future__ import annotations

import argparse
import fcntl
import shutil
import signal
import time
from collections.abc import Mapping
from types import FrameType

from deploy import services
from deploy.environment import ensure_environment
from deploy.launcher import Terminated, environment, run_module, run_tool
from deploy.paths import ROOT, VENV_PYTHON, say, state_folder
from deploy.programs import Programs, stop_leftovers, wait_for_page
from deploy.services import postgres, valkey
from deploy.services.state import free_port, load_state, save_state

ENTRYPOINT = str(ROOT / "deploy/entrypoint")


def demo_command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py demo", description=__doc__)
    parser.add_argument("--no-serve", action="store_true", help="end after the main job; exit code 1 if a check fails")
    parser.add_argument("--port", type=int, default=8000, help="of the web server (default 8000)")
    parser.add_argument("--fresh", action="store_true", help="begin anew: the demo's data are deleted first")
    options = parser.parse_args(arguments)
    ensure_environment("base", "services", "demo")
    # `kill` is as good as Ctrl-C; and a shell that starts this in the background has made it deaf to the latter.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with (state_folder() / "demo.lock").open("a") as only_one:
        try:
            fcntl.flock(only_one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"a demo of this clone is already running at {load_state().get('demo_url')}") from None
        stop_leftovers()
        with services.running() as urls:
            return _demo(urls, port=options.port, fresh=options.fresh, serve=not options.no_serve)


def _demo(urls: Mapping[str, str], *, port: int, fresh: bool, serve: bool) -> int:
    if fresh:
        _empty()
    web_port = free_port(port)
    if web_port != port:
        say(f"port {port} is busy: using {web_port}")
    smtp_port, mail_port = free_port(1025), free_port(8025)
    url, mail_url = f"http://127.0.0.1:{web_port}", f"http://127.0.0.1:{mail_port}"
    programs = Programs(
        environment(urls)
        | {
            "DEBUG": "false",
            "PUBLIC_URL": url,
            "WEB_BIND": f"127.0.0.1:{web_port}",
            "EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}",
            "MAIL_SINK_URL": mail_url,
        }
    )
    try:
        ports = ["--smtp-port", str(smtp_port), "--web-port", str(mail_port)]
        sink = ["-m", "deploy.mail_sink", *ports, "--folder", str(state_folder() / "mail")]
        mail = programs.start("mail", [str(VENV_PYTHON), *sink])
        wait_for_page(mail_url, mail)
        if run_tool([ENTRYPOINT, "migrate", "--verbosity", "0"], programs.env):
            raise SystemExit("the database could not be migrated (see above)")
        web = programs.start("web", [ENTRYPOINT, "web"])
        wait_for_page(f"{url}/livez", web)
        failed = run_module("deploy.demo", ["--then-live"], programs.env)
        programs.start("worker", [ENTRYPOINT, "worker"])
        programs.start("beat", [ENTRYPOINT, "beat"])
        # What the main job did in one process, workers do from now on: the last step watches them.
        failed = run_module("deploy.demo", ["--live"], programs.env) or failed
        if not serve:
            return 1 if failed else 0
        state = load_state()
        state["demo_url"] = url
        save_state(state)
        _tell(url, mail_url, failed=bool(failed))
        return max(failed, _serve(programs))
    except KeyboardInterrupt:
        return 130
    finally:
        # A second Ctrl-C must not leave half of it running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        say("stopping")
        programs.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _serve(programs: Programs) -> int:
    """Until Ctrl-C, or until one of the programs ends by itself."""
    try:
        while not (ended := programs.dead()):
            time.sleep(0.5)
    except KeyboardInterrupt:
        print(flush=True)
        return 0
    say(f"{ended.name} ended unexpectedly:\n{ended.tail()}")
    return 1


def _tell(url: str, mail_url: str, *, failed: bool) -> None:
    if failed:
        say("some checks of the main job FAILED (see above); serving what there is")
    print(
        f"\n  Admin          {url}/\n"
        f"  REST API       {url}/api/v1/docs/\n"
        f"  Sent e-mails   {mail_url}/\n"
        f"  Logs           {state_folder() / 'log'}\n\n"
        "  Ctrl-C stops everything.\n",
        flush=True,
    )


def _empty() -> None:
    if services.given("DATABASE_URL") or services.given("REDIS_URL"):
        raise SystemExit("--fresh empties only this clone's own servers; empty yours by hand and leave it away")
    say("deleting the demo's data")
    state = load_state()
    postgres.empty(state)
    valkey.empty(state)
    shutil.rmtree(state_folder() / "mail", ignore_errors=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated
