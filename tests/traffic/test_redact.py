"""What is taken out of recorded requests, and what is left alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.base.recorded_request import recorded
from tui.traffic.redact import redact, redact_request


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("write to bob.smith+x@mail.example.co.uk.", "write to [email]."),
        ("<jürgen@müller.de>, a_b@c-d.org", "<[email]>, [email]"),
        ("+44 (0)20 7946 0958", "[phone]"),
        ("Tel:+49-30-1234567!", "Tel:[phone]!"),
        ("0049 30 1234567", "[phone]"),
        ("call 0171 1234567 or 020/7946-0958", "call [phone] or [phone]"),
        ("01.23.45.67.89", "[phone]"),
        ("(555) 123-4567, 555.123.4567, 1-800-555-0199", "[phone], [phone], [phone]"),
        ("card 4111 1111 1111 1111 exp 12/27", "card [card] exp 12/27"),
        ("order 2024 4111-1111-1111-1111", "order 2024 [card]"),
        ("378282246310005 and 3782 822463 10005", "[card] and [card]"),
        ("6304 0000 0000 0000 000", "[card]"),
    ],
)
def test_what_is_taken_out(text: str, clean: str) -> None:
    assert redact(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "from 2019-2023, in 1998",
        "2023-11-16 18:15:46.6805900",
        "on 01/02/2023 10:15 and 31.12.1999 23:59",
        "pkg@1.2.3 and react@18.2.0",
        "user@localhost",
        "4111 1111 1111 1112",
        "12345678, 1700000000, 1 000 000 000, 1,234,567.89",
        "192.168.100.200",
        "ISBN 978-3-16-148410-0",
        "5 + 12345678 - (9 * 10)",
        "pi is 3.14159265358979",
        "gpt-4o-2024-11-20, gpt4o-prod-v1120",
        "$0123456789 v0123456789",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "unit",
    ["1", "1-", "a@", "a.", "@a.", "x@1.", "1234 ", "123 ", "+1", "00 1 ", "(0", "01 ", "555-123-456 ", "1.."],
)
def test_hostile_megabytes_pass_through_whole(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    clean = redact(text)
    for label in ("[email]", "[phone]", "[card]"):
        clean = clean.replace(label, "")
    assert len(clean) <= len(text)


@given(
    st.from_regex(r"[A-Za-z0-9_%+.-]{1,80}", fullmatch=True),
    st.from_regex(r"([a-z0-9-]{1,20}\.){1,5}[a-z]{2,10}", fullmatch=True),
)
def test_any_plain_address_is_taken_out(local: str, domain: str) -> None:
    assert redact(f"see {local}@{domain}, please") == "see [email], please"


def test_every_part_of_a_request_is_redacted() -> None:
    arguments = '{"card": 4111111111111111, "to": ["bob@example.com"], "count": 3}'
    call = {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": arguments}}
    broken = {"id": "c2", "type": "function", "function": {"name": "pay", "arguments": "{bob@example.com"}}
    request = recorded(
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "I am bob@example.com"}]},
                {"role": "assistant", "tool_calls": [call, broken]},
                {"role": "tool", "tool_call_id": "c1", "content": "paid, call +1 555 123 4567"},
                {"role": "tool", "tool_call_id": "c2", "content": "no"},
            ]
        },
        expected="Ask bob@example.com",
    )
    clean = redact_request(request)
    user, assistant, tool, _ = clean.messages
    assert user["content"] == [{"type": "text", "text": "I am [email]"}]
    calls = [each["function"]["arguments"] for each in assistant["tool_calls"]]
    assert json.loads(calls[0]) == {"card": "[card]", "to": ["[email]"], "count": 3}
    assert calls[1] == "{[email]"
    assert tool["content"] == "paid, call [phone]"
    assert clean.expected == "Ask [email]"
    assert "bob@example.com" in str(request), "the original is left as it was"
