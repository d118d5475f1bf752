"""Without Valkey the API answers as before; what it took is worked off once the broker is back."""

from __future__ import annotations

import json
import time
import urllib.request

from deploy.services.state import free_port
from members.models import Event, InboxEntry
from tests.reliability.conftest import Programs, Valkey, eventually
from tests.reliability.test_absorbing import WITHIN
from urm.tenancy.models import Tenant
from urm.ui.actions.keys import create_key

REQUESTS = 300


def send(url: str, token: str, number: int) -> tuple[int, float]:
    body = json.dumps({"event_id": f"e{number}", "external_id": f"c{number % 50}", "name": "page"}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    started = time.perf_counter()
    request = urllib.request.Request(f"{url}/api/v1/events", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, time.perf_counter() - started


def test_events_are_accepted_while_valkey_is_stopped_and_worked_off_after(
    programs: Programs, valkey: Valkey, shop: Tenant
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    _key, token = create_key(name="shop", kind="sk", scopes=["events.write"])
    programs.web(port)
    programs.dispatcher()
    programs.worker()
    assert send(url, token, 0)[0] == 202
    eventually(lambda: Event.objects.count() == 1, WITHIN, programs.logs)

    valkey.stop()
    answers = [send(url, token, number) for number in range(1, REQUESTS)]
    assert {status for status, _seconds in answers} == {202}
    assert sorted(seconds for _status, seconds in answers)[int(len(answers) * 0.99)] < 0.5
    # A task that the worker had begun may still be absorbing; nothing more can be started.
    assert InboxEntry.objects.exists() or Event.objects.count() < REQUESTS

    valkey.start()
    eventually(lambda: Event.objects.count() == REQUESTS, WITHIN, programs.logs)
    assert not InboxEntry.objects.exists()
