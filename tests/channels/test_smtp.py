"""One answer per mail, whatever the server does."""

import time

import pytest

from tests.channels.smtp_server import Taken, smtp_server
from urm.channels.email import Mail, SmtpSession
from urm.channels.outcome import Outcome, Result


def mail(name: str, content: bytes = b"Subject: x\r\n\r\nbody\r\n") -> Mail:
    return Mail(b"news@acme.example", f"{name}@example.com".encode(), content)


def deliver(server: Taken, *names: str) -> list[Outcome]:
    with SmtpSession(host="127.0.0.1", port=server.port, timeout=5) as session:
        return list(session.deliver([mail(name) for name in names]))


def results(outcomes: list[Outcome]) -> list[str]:
    return [outcome.result.value for outcome in outcomes]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("careless", [True, False])
def test_deliver_answers_for_each_mail_over_one_connection(pipelining: bool, careless: bool) -> None:
    with smtp_server(pipelining=pipelining, careless=careless) as server:
        outcomes = deliver(server, "ok1", "gone1", "ok2", "busy1", "spam1", "ok3", "gone2")
    assert results(outcomes) == ["sent", "refused", "sent", "deferred", "refused", "sent", "refused"]
    assert server.recipients == ["ok1@example.com", "ok2@example.com", "ok3@example.com"]
    assert server.connections == 1


def test_deliver_keeps_the_servers_words_without_the_address() -> None:
    with smtp_server() as server:
        refused = Outcome(Result.REFUSED, "550 5.1.1 <…> does not live here", address_refused=True)
        assert deliver(server, "gone1") == [refused]


@pytest.mark.parametrize("pipelining", [True, False])
def test_deliver_says_unknown_only_for_the_mail_whose_answer_was_lost(pipelining: bool) -> None:
    with smtp_server(pipelining=pipelining) as server:
        outcomes = deliver(server, "ok1", "mute1", "ok2", "ok3")
    assert results(outcomes) == ["sent", "unknown", "sent", "sent"]
    assert server.recipients == ["ok1@example.com", "ok2@example.com", "ok3@example.com"]


def test_deliver_gives_up_when_a_connection_brings_no_answer() -> None:
    with smtp_server() as server:
        outcomes = deliver(server, "mute1", "ok1", "ok2")
    assert results(outcomes) == ["unknown", "untried", "untried"]
    assert server.connections == 1


@pytest.mark.parametrize("pipelining", [True, False])
def test_deliver_connects_again_when_the_server_has_had_enough(pipelining: bool) -> None:
    with smtp_server(pipelining=pipelining, after=3) as server:
        outcomes = deliver(server, *(f"ok{n}" for n in range(10)))
    assert results(outcomes) == ["sent"] * 10
    assert len(set(server.recipients)) == len(server.recipients) == 10
    assert server.connections == 4


def test_deliver_leaves_untried_what_is_not_handed_over_when_the_server_goes_away() -> None:
    with smtp_server() as server:
        assert results(deliver(server, "last1", "ok1")) == ["untried", "untried"]
        assert server.recipients == []


def test_deliver_leaves_all_untried_when_nobody_listens() -> None:
    with smtp_server() as server:
        pass
    outcomes = deliver(server, "ok1", "ok2")
    assert results(outcomes) == ["untried", "untried"]
    assert outcomes[0].detail.startswith("The mail server cannot be reached: ConnectionRefusedError")


def test_deliver_begins_nothing_after_the_time_is_up() -> None:
    with smtp_server() as server, SmtpSession(host="127.0.0.1", port=server.port) as session:
        outcomes = list(session.deliver([mail("ok1")], until=time.monotonic() - 1))
    assert results(outcomes) == ["untried"]
    assert server.connections == 0


def test_deliver_doubles_leading_dots() -> None:
    content = b"Subject: x\r\n\r\n.hidden\r\n.\r\n..two\r\nend\r\n"
    with smtp_server() as server, SmtpSession(host="127.0.0.1", port=server.port) as session:
        assert results(list(session.deliver([mail("ok1", content)]))) == ["sent"]
    assert server.mails == [("ok1@example.com", content)]


def test_session_is_used_again_for_the_next_batch() -> None:
    with smtp_server() as server, SmtpSession(host="127.0.0.1", port=server.port) as session:
        list(session.deliver([mail("ok1")]))
        list(session.deliver([mail("ok2")]))
    assert (server.recipients, server.connections) == (["ok1@example.com", "ok2@example.com"], 1)
