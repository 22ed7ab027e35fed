# SPDX-License-Identifier: Apache-2.0
"""Whatever strangers know and send, in whatever order: they join nothing, become nobody, and get nothing."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers import tokens
from handlers.destinations import Destination
from tests.support.office import ANN, CARL, KEYS, SUPPORT, World, customer_address, field, mail, sign

MAL = "mal@evil.example"
# Who it says it is, and which domain signed.
AUTHORS = [
    (f"Carl Customer <{CARL}>", ""),
    (f"Carl Customer <{CARL}>", "evil.example"),
    (f"{CARL} <{MAL}>", "evil.example"),
    (f"<{CARL}>, <{MAL}>", "evil.example"),
    (f"{CARL}\r\nFrom: {MAL}", "evil.example"),
    (MAL, ""),
    ("", ""),
    ("support@firm.example", ""),
    (str(ANN), ""),
]
POINTERS = [
    "thread ID",
    "subject",
    "their id",
    "own id",
    "our id",
    "forged id",
    "expired",
    "address",
    "agent's",
]


@st.composite
def strangers_mail(draw: st.DrawFn) -> tuple[tuple[str, str], frozenset[str], bool]:
    return (
        draw(st.sampled_from(AUTHORS)),
        draw(st.frozensets(st.sampled_from(POINTERS), max_size=4)),
        draw(st.booleans()),
    )


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mails=st.lists(strangers_mail(), min_size=1, max_size=5))
def test_strangers_join_nothing_and_get_nothing(
    world: World, mails: list[tuple[tuple[str, str], frozenset[str], bool]]
) -> None:
    world.clock.advance(86_400)
    opened = world.carl()
    before = {one.id for one in world.sent()}
    ours = field(world.sent("acknowledgement")[-1], "message-id")
    known = (opened.token, opened.message_id, ours)
    arrived = [_send(world, known, *one) for one in mails]
    assert world.participants(opened.token) == {CARL}
    for found in arrived:
        assert found.thread_id != opened.thread_id
        assert found.proof in ("unproven", "third_party")
    assert world.case(opened.case.number).status == "new"
    later = [one for one in world.sent() if one.id not in before]
    assert {one.kind for one in later} <= {"copy"}
    assert {recipient for one in later for recipient in one.to} <= {str(ANN)}
    # The case still hears Carl, and answers go to Carl alone.
    assert world.carl(customer_address(opened.token)).thread_id == opened.thread_id
    to = field(world.sent("copy")[-1], "reply-to").strip("<>")
    assert isinstance(world.reply(mail(str(ANN), to=to), to), str)
    assert world.sent("reply")[-1].to == [CARL]


def _send(
    world: World, known: tuple[str, str, str], who: tuple[str, str], pointers: frozenset[str], copies_mal: bool
) -> object:
    (author, domain), (token, their_id, ours) = who, known
    fields = {"cc": MAL} if copies_mal else {}
    fields |= {"x_casegate_thread": token} if "thread ID" in pointers else {}
    fields |= {"subject": f"Re: [{token}]"} if "subject" in pointers else {}
    fields |= {"message_id": f"<{their_id}>"} if "own id" in pointers else {}
    referred = [f"<{their_id}>"] if "their id" in pointers else []
    referred += [ours] if "our id" in pointers else []
    referred += [ours.replace("@", "a@")] if "forged id" in pointers else []
    fields |= {"references": " ".join(referred)} if referred else {}
    octets = mail(author, body=f"{world.now.isoformat()} {sorted(pointers)}", **fields)
    return world.receive(sign(octets, domain) if domain else octets, *_recipients(world, token, pointers), sender=MAL)


def _recipients(world: World, token: str, pointers: frozenset[str]) -> list[str]:
    """Those of the addresses they know that RCPT takes."""
    tried = [str(SUPPORT)]
    if "expired" in pointers:
        old = world.now.replace(year=2026, month=11, day=1)
        tried.append(customer_address(token, expires_at=old))
    if "address" in pointers:
        tried.append(customer_address(token))
    if "agent's" in pointers:
        tried.append(tokens.reply_address(KEYS, token, ANN.key, tokens.Role.AGENT, world.now))
    return [one for one in tried if isinstance(world.rcpt(one), Destination)]


@pytest.mark.postgres
def test_on_postgresql_they_get_no_further(postgres_url: str, tmp_path: Path) -> None:
    world = World(postgres_url)
    try:
        opened = world.carl()
        known = (opened.token, opened.message_id, field(world.sent("acknowledgement")[0], "message-id"))
        for author in AUTHORS:
            found = _send(world, known, author, frozenset(POINTERS), copies_mal=True)
            assert found.thread_id != opened.thread_id
        assert world.participants(opened.token) == {CARL}
    finally:
        world.close()
