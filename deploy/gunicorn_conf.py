"""gunicorn's settings, by environment: a process per core, with threads, for requests mostly wait on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
# Loaded once and shared by all processes; connections are opened only after the fork.
preload_app = True
timeout = int(os.environ.get("WEB_TIMEOUT", "30"))
# After SIGTERM, requests that run may end for this long.
graceful_timeout = int(os.environ.get("WEB_GRACEFUL_TIMEOUT", "25"))
keepalive = 5
# A process is replaced now and then, not all at once: a leak stays small.
max_requests = int(os.environ.get("WEB_MAX_REQUESTS", "10000"))
max_requests_jitter = max_requests // 10
# The heartbeat file belongs into memory: a slow disk must not look like a hanging worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes a file of its own
forwarded_allow_ips = os.environ.get("WEB_PROXIES", "127.0.0.1")
accesslog = os.environ.get("WEB_ACCESS_LOG") or None
control_socket_disable = True

# Each process counts into files of its own; whichever is asked for /metrics adds them up.
_metrics = os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="urm-metrics-"))


def child_exit(_server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess  # noqa: PLC0415 - it looks at the variable when it is imported

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    shutil.rmtree(_metrics, ignore_errors=True)
