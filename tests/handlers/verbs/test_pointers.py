# SPDX-License-Identifier: Apache-2.0
"""What points to a thread, in all the forms that clients and gateways leave of it: a proven customer's mail joins."""

from base64 import b64encode
from dataclasses import replace
from quopri import encodestring
from types import SimpleNamespace

import pytest

from handlers.headers import scan
from handlers.pointers import MAX_FOREIGN, MAX_OURS, find_pointers, foreign_keys, referred_ids
from storage.threads import key_of
from storage.ways import Host, Passage, Way
from tests.support.cost import seconds
from tests.support.office import World, customer_address, field, mail, sign

INDEX = bytes(range(1, 23))
MALLORY = "Mallory <mal@evil.example>"


def index(base: bytes, answers: int = 0) -> str:
    return b64encode(base + b"\x01\x02\x03\x04\x05" * answers).decode()


def opened(world: World) -> tuple[SimpleNamespace, dict[str, str]]:
    """A case of Carl's, and words for the tables: our id in it, and Carl's own, whole, in halves and encoded."""
    first = world.carl(message_id="<CarlsFirst@mail.customer.example>")
    ours = field(world.sent("acknowledgement")[0], "message-id").strip("<>")
    words = {"ours": ours, "a": ours[:20], "b": ours[20:], "own": first.message_id, "token": first.token}
    words |= {"q": ours.replace("@", "=40"), "qb": ours[20:].replace("@", "=40"), "OURS": ours.upper()}
    words |= {"OWN": first.message_id.upper(), "t1": first.token[:5], "t2": first.token[5:]}
    return first, words


# In-Reply-To and References.
IDS = {
    "as the standard has it": ("<{ours}>", "<{own}> <{ours}>"),
    "the list trimmed to its end": ("", "<{ours}>"),
    "the list trimmed to root and end": ("", "<{own}> <x@y.example> <{ours}>"),
    "ours first, strangers' behind it": ("", "<{ours}> <x@y.example> <z@y.example>"),
    "In-Reply-To alone": ("<{ours}>", ""),
    "without brackets": ("{ours}", ""),
    "one in brackets, ours without": ("", "<x@y.example> {ours}"),
    "with words and a comment": ('Your message of "Sun, 22 Nov 2026" (was: <x@y.example>) <{ours}>', ""),
    "folded": ("", "<x@y.example>\r\n\t<{ours}>\r\n <z@y.example>"),
    "folded in its midst": ("", "<x@y.example> <{a}\r\n {b}>"),
    "in capitals": ("<{OURS}>", ""),
    "with commas": ("", "<x@y.example>,<{ours}>,<z@y.example>"),
    "glued together": ("", "<x@y.example><{ours}><z@y.example>"),
    "as an encoded word": ("=?utf-8?q?=3C{q}=3E?=", ""),
    "as two encoded words": ("=?us-ascii?q?=3C{a}?= =?us-ascii?q?{qb}=3E?=", ""),
    "with entities for brackets": ("&lt;{ours}&gt;", ""),
    "behind one that was cut": ("", "<cut@hos <{ours}>"),
    "in the second of two fields": ("", "<x@y.example>\r\nReferences: <{ours}>"),
    "the customer's own": ("", "<{own}>"),
    "the customer's own in capitals": ("<{OWN}>", ""),
}


@pytest.mark.parametrize(("answered", "chain"), IDS.values(), ids=IDS)
def test_ids_join_whatever_became_of_the_field(world: World, answered: str, chain: str) -> None:
    _, words = opened(world)
    again = world.carl(in_reply_to=answered.format(**words), references=chain.format(**words), subject="Else")
    assert (again.case.number, again.proof) == (1, "proven")


TEXTS = {
    # The field that we write.
    "X-Casegate-Thread": {"x_casegate_thread": "{token}"},
    # The subject, as people and taggers leave it (all forms: test_shown_ids.py).
    "the subject": {"subject": "Re: AW: [EXT] Broken {token}"},
    "the subject, folded in the ID": {"subject": "Re: [{t1}\r\n {t2}] Broken"},
    # Quoted text of ours: the acknowledgement's last line, or an address in a quoted header block.
    "the text": {"body": "Hello\r\n\r\n> Case 1, thread {token}"},
    "an address in the text": {"body": "Hello\r\n\r\nFrom: Firm <r.{token}.x@gw.example>"},
    "HTML": {"body": "<p>Hello</p><blockquote>thread {token}</blockquote>", "content_type": "text/html"},
}


@pytest.mark.parametrize("fields", TEXTS.values(), ids=TEXTS)
def test_the_public_thread_id_joins_for_a_proven_participant_and_for_nobody_else(
    world: World, fields: dict[str, str]
) -> None:
    _, words = opened(world)
    given = {name: text.format(**words) for name, text in fields.items()}
    assert world.carl(**given).case.number == 1
    stranger = world.carl(author=MALLORY, **given)
    assert (stranger.case.number, stranger.proof, stranger.link_kind) == (2, "unproven", "possibly_belongs_to")


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_the_thread_id_is_found_in_encoded_text(world: World, encoding: str) -> None:
    first, _ = opened(world)
    text = f"{'Grüße ' * 12}\n> thread {first.token}\n".encode()
    body = b64encode(text) if encoding == "base64" else encodestring(text).replace(b"\n", b"\r\n")
    kind = {"content_type": "text/plain; charset=utf-8", "content_transfer_encoding": encoding}
    assert world.carl(body=body.decode(), **kind).case.number == 1


def test_beside_what_names_a_thread_the_text_is_not_looked_at(world: World) -> None:
    """A mail may quote another case: it belongs to the one that it answers."""
    first, _ = opened(world)
    second = world.carl(subject="Another")
    again = world.carl(customer_address(second.token), body=f"As in {first.token}")
    assert (again.case.number, again.link_kind) == (2, None)


def test_far_down_in_the_text_nobody_looks(world: World) -> None:
    first, _ = opened(world)
    assert world.carl(body="x" * 70 + "\r\n" + "y\r\n" * 6000 + first.token).case.number == 2


def test_outlooks_index_leads_an_author_to_their_own_thread_only(world: World) -> None:
    first = world.carl(thread_index=index(INDEX))
    assert world.carl(thread_index=index(INDEX, answers=1)).case.number == first.case.number
    stranger = world.carl(thread_index=index(INDEX, answers=1), author=MALLORY)
    assert (stranger.case.number, stranger.proof, stranger.link_kind) == (2, "proven", None)
    unsigned = world.receive(mail(thread_index=index(INDEX, answers=2)))
    assert (unsigned.case.number, unsigned.proof, unsigned.link_kind) == (3, "unproven", "possibly_belongs_to")


@pytest.mark.parametrize("value", [index(INDEX), index(INDEX)[:20], "", "not base64!", "=" * 40, "A" * 4000])
def test_an_index_that_is_no_answers_leads_nowhere(world: World, value: str) -> None:
    """Programs that send one mail again and again may give all of them one index: that makes no race either."""
    world.carl(thread_index=index(INDEX))
    assert world.carl(thread_index=value).case.number == 2


def test_the_nearest_mail_decides_where_ids_lead_to_two_threads(world: World) -> None:
    opened(world)
    ours = field(world.sent("acknowledgement")[-1], "message-id")
    second = world.carl(subject="Another")
    assert world.carl(references=f"{ours} <{second.message_id}>").case.number == 2
    assert world.carl(references=f"<{second.message_id}> {ours}").case.number == 1


def test_what_the_forwarder_puts_around_subjects_does_not_hide_an_id(world: World) -> None:
    first, _ = opened(world)
    judged = world.judged(mail(subject=f"EXT{first.token}via"))
    seen = Passage("", 0.0, Host(""), "", (), "", "", "", "", False, (), "EXT", "via", "")
    way = Way("support@firm.example", "support@firm.example", "forwarded", learnt=seen)
    forwarded = judged.but(destinations=(replace(judged.destinations[0], way=way),))
    assert first.token not in {one.thread_token for one in judged.pointers}
    assert first.token in {one.thread_token for one in find_pointers(forwarded, world.office).pointers}


def test_ids_of_a_domain_in_letters_and_in_a_labels_are_one() -> None:
    assert key_of("User@tést.example") == key_of("user@xn--tst-bma.example")
    assert key_of("user@bad_label.domain") != key_of("user@bad-label.domain")


def test_each_mail_points_to_a_bounded_number_of_threads(world: World) -> None:
    """However long the lists are: the nearest ones and the root."""
    many = " ".join(f"<{number}@y.example>" for number in range(2000))
    judged = world.judged(mail(references=many, in_reply_to=many))
    found = [one.key for one in judged.pointers]
    assert len(found) <= MAX_FOREIGN + MAX_OURS + 1
    assert key_of("1999@y.example") in found
    head = scan(sign(mail(references=many), "customer.example"))
    assert foreign_keys(head, world.office)[-1] == key_of("0@y.example")


@pytest.mark.parametrize("piece", ["<a@b> ", "a@b ", "<", "&lt;", "=?a?q?b?= ", "a@b,<", "(<a@b>"])
def test_no_field_costs_more_than_its_length(piece: str) -> None:
    short, long = (
        scan(f"References: {piece * (size // len(piece))} <x@y>\r\n\r\n".encode()) for size in (16_000, 128_000)
    )
    assert seconds(lambda: referred_ids(long)) < 20 * seconds(lambda: referred_ids(short)) + 0.005
