"""Mails as any mail program reads them, and headers that no text breaks out of."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urm.channels.email import InvalidAddressError, Mail, Skeleton
from urm.channels.email.headers import address, subject

HEADERS = ["From", "MIME-Version", "To", "Subject", "Date", "Message-ID", "Content-Type"]


def filled(**fields: str) -> Mail:
    skeleton = Skeleton(sender=("Acme", "news@acme.example"), mostly_ascii=fields.pop("ascii", "yes") == "yes")
    name = fields.pop("name", "Ada Lovelace")
    return skeleton.fill(
        recipient=(name, fields.pop("to", "ada@example.com")),
        **{"subject": "Hello", "text": "plain", "html": "<p>rich</p>", "message_id": "abc", **fields},
    )


def parsed(mail: Mail) -> EmailMessage:
    return message_from_bytes(mail.content, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(cast(EmailMessage, body).get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("mostly_ascii", ["yes", "no"])
def test_fill_gives_both_parts_back_as_written(mostly_ascii: str) -> None:
    text = "Hello 林晓,\n.\n..dots\n=3D and trailing blank \n" + "long " * 100
    message = parsed(filled(ascii=mostly_ascii, text=text, html="<p>价值 & 主张</p>\n" + "x" * 2000))
    assert part(message, "plain") == text + "\n"
    assert part(message, "html") == "<p>价值 & 主张</p>\n" + "x" * 2000 + "\n"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_fill_keeps_lines_short_and_ended_by_crlf() -> None:
    mail = filled(text="林" * 500, html="y" * 5000, name="林" * 90, subject="优惠" * 100, ascii="no")
    lines = mail.content.split(b"\r\n")
    assert max(len(line) for line in lines) <= 78
    assert b"\n" not in mail.content.replace(b"\r\n", b"")
    assert b"\r" not in mail.content.replace(b"\r\n", b"")


def test_fill_names_recipient_and_subject_in_chinese() -> None:
    message = parsed(filled(name="林 晓", subject="给林晓:积分 120 分即将到期,请尽快使用,谢谢您的支持"))
    assert message["Subject"] == "给林晓:积分 120 分即将到期,请尽快使用,谢谢您的支持"
    [recipient] = message["To"].addresses
    assert (recipient.display_name, recipient.addr_spec) == ("林 晓", "ada@example.com")


def test_fill_offers_one_click_unsubscribe() -> None:
    message = parsed(filled(unsubscribe_url="https://urm.example/m/u/token"))
    assert message["List-Unsubscribe"] == "<https://urm.example/m/u/token>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_fill_has_one_message_id_for_every_try() -> None:
    assert parsed(filled())["Message-ID"] == parsed(filled())["Message-ID"] == "<abc@acme.example>"


@given(
    name=st.text(alphabet=st.characters(codec="utf-8"), max_size=60),
    title=st.text(alphabet=st.characters(codec="utf-8"), max_size=120),
)
def test_no_name_and_no_subject_adds_a_header(name: str, title: str) -> None:
    message = parsed(filled(name=f"{name}\r\nBcc: all@example.com", subject=f"{title}\nX-Evil: 1\r\n\r\nbody"))
    assert message.keys() == HEADERS
    assert [one.addr_spec for one in message["To"].addresses] == ["ada@example.com"]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=80))
def test_subject_decodes_to_what_was_written(text: str) -> None:
    message = message_from_bytes(b"Subject: " + subject(text) + b"\r\n\r\n", policy=policy.default)
    assert message["Subject"] == text


@pytest.mark.parametrize("name", ['Ada "The" Lovelace', "a\\b", "Lovelace, Ada", "=?utf-8?q?x?=", "a@b", "林晓"])
def test_address_keeps_the_name(name: str) -> None:
    message = message_from_bytes(b"To: " + address(name, "ada@example.com") + b"\r\n\r\n", policy=policy.default)
    [recipient] = message["To"].addresses
    assert (recipient.display_name, recipient.addr_spec) == (name, "ada@example.com")


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@exam ple.com",
        "ada@example.com\r\nRCPT TO:<eve@example.com>",
        "ada@example.com>",
        "<ada@example.com",
        "a,b@example.com",
        "ada\x00@example.com",
        "阿达@example.com",
        "ada@" + "x" * 260 + ".com",
    ],
)
def test_fill_refuses_what_is_no_address(email: str) -> None:
    with pytest.raises(InvalidAddressError):
        filled(to=email)


def test_fill_writes_an_international_domain_in_ascii() -> None:
    assert filled(to="ada@例子.cn").recipient == b"ada@xn--fsqu00a.cn"
