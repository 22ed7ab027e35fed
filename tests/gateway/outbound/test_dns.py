# SPDX-License-Identifier: Apache-2.0
"""The resolver against a real nameserver on loopback: every way a question can end, and what is kept how long."""

import asyncio

import pytest

from gateway.dns import CACHED_OCTETS, DnsResolver
from handlers.book import question
from handlers.ports import Answer, Found
from tests.gateway.outbound.nameserver import Nameserver
from tests.support.waiting import PATIENCE_S

ZONE = """
example. 600 IN SOA ns.example. root.example. 1 60 60 60 30
key.example. 100 IN TXT "v=DKIM1; " "p=abc"
key.example. 100 IN TXT "second"
alias.example. 10 IN CNAME key.example.
mail.example. 100 IN MX 10 MX1.example.
mail.example. 100 IN MX 20 mx2.example.
none.example. 100 IN MX 0 .
both.example. 100 IN A 192.0.2.1
both.example. 100 IN AAAA 2001:db8::1
four.example. 100 IN A 192.0.2.2
big.example. 100 IN TXT "by TCP"
xn--bcher-kva.example. 100 IN TXT "books"
xn--fa-hia.example. 100 IN TXT "barrel"
fass.example. 100 IN TXT "another's"
"""


class Seconds:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def nameserver():
    async with Nameserver(ZONE) as server:
        yield server


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def resolver(nameserver, seconds):
    return DnsResolver((nameserver.address,), PATIENCE_S, monotonic=seconds)


@pytest.mark.parametrize(
    ("name", "found", "records"),
    [
        # the strings of one record are one value, two records are two
        ("key.example", Found.YES, {b"v=DKIM1; p=abc", b"second"}),
        # a final dot means the same name
        ("key.example.", Found.YES, {b"v=DKIM1; p=abc", b"second"}),
        ("KEY.Example", Found.YES, {b"v=DKIM1; p=abc", b"second"}),
        ("alias.example", Found.YES, {b"v=DKIM1; p=abc", b"second"}),
        # U-labels are asked for as A-labels (RFC 5890)
        ("bücher.example", Found.YES, {b"books"}),
        ("faß.example", Found.YES, {b"barrel"}),
        ("four.example", Found.NO_DATA, set()),
        ("nobody.example", Found.NO_NAME, set()),
        # none of these can be put into a question
        ("", Found.MALFORMED, set()),
        (".", Found.MALFORMED, set()),
        ("a..example", Found.MALFORMED, set()),
        ("x" * 64 + ".example", Found.MALFORMED, set()),
        ("a." * 200, Found.MALFORMED, set()),
        ("a." * 100_000, Found.MALFORMED, set()),
        ("\ud800.example", Found.MALFORMED, set()),
        ("\u202e.example", Found.MALFORMED, set()),
        ("\\300.example", Found.MALFORMED, set()),
    ],
)
async def test_txt_answers_each_name_with_its_own_kind_of_outcome(resolver, name, found, records):
    answer = await resolver.ask(question("TXT", name))
    assert (answer.found, set(answer.records)) == (found, records)


async def test_mx_records_are_preference_and_host(resolver):
    assert set((await resolver.mx("mail.example")).records) == {b"10 mx1.example", b"20 mx2.example"}


async def test_the_null_mx_keeps_its_empty_host(resolver):
    assert await resolver.mx("none.example") == Answer(Found.YES, (b"0 ",))


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("both.example", Answer(Found.YES, (b"2001:db8::1", b"192.0.2.1"))),
        ("four.example", Answer(Found.YES, (b"192.0.2.2",))),
        ("key.example", Answer(Found.NO_DATA)),
        ("nobody.example", Answer(Found.NO_NAME)),
    ],
)
async def test_addresses_are_those_of_both_families(resolver, host, answer):
    assert await resolver.addresses(host) == answer
    assert await resolver.addresses(host) == answer


async def test_servfail_is_temporary_and_is_not_kept(resolver, nameserver):
    nameserver.failing.add("key.example")
    assert (await resolver.ask(question("TXT", "key.example"))).found is Found.TEMPORARY
    nameserver.failing.clear()
    assert (await resolver.ask(question("TXT", "key.example"))).found is Found.YES


async def test_silence_is_temporary_after_the_timeout(nameserver):
    nameserver.silent.add("key.example")
    resolver = DnsResolver((nameserver.address,), 0.1)
    assert (await resolver.ask(question("TXT", "key.example"))).found is Found.TEMPORARY


async def test_a_nameserver_that_is_not_there_is_temporary(nameserver):
    resolver = DnsResolver(("127.0.0.1:1",), 0.5)
    assert (await resolver.ask(question("TXT", "key.example"))).found is Found.TEMPORARY


async def test_a_second_nameserver_answers_for_a_dead_one(nameserver):
    resolver = DnsResolver(("127.0.0.1:1", nameserver.address), 2.0)
    assert (await resolver.ask(question("TXT", "key.example"))).found is Found.YES


async def test_a_truncated_answer_is_fetched_by_tcp(resolver, nameserver):
    nameserver.big.add("big.example")
    assert await resolver.ask(question("TXT", "big.example")) == Answer(Found.YES, (b"by TCP",))
    assert nameserver.by_tcp["big.example"] == 1


async def test_an_answer_is_kept_for_its_ttl_and_no_longer(resolver, nameserver, seconds):
    for _ in range(3):
        await resolver.ask(question("TXT", "key.example"))
    assert nameserver.asked["key.example", "TXT"] == 1
    seconds.now += 101
    await resolver.ask(question("TXT", "key.example"))
    assert nameserver.asked["key.example", "TXT"] == 2


async def test_an_alias_lives_as_long_as_its_shortest_record(resolver, nameserver, seconds):
    await resolver.ask(question("TXT", "alias.example"))
    seconds.now += 11
    await resolver.ask(question("TXT", "alias.example"))
    assert nameserver.asked["alias.example", "TXT"] == 2


@pytest.mark.parametrize("name", ["nobody.example", "four.example"])
async def test_a_no_is_kept_for_the_zones_negative_ttl(resolver, nameserver, seconds, name):
    await resolver.ask(question("TXT", name))
    await resolver.ask(question("TXT", name))
    assert nameserver.asked[name, "TXT"] == 1
    seconds.now += 31  # SOA minimum: 30 s (RFC 2308 §5)
    await resolver.ask(question("TXT", name))
    assert nameserver.asked[name, "TXT"] == 2


async def test_a_no_of_which_the_zone_does_not_say_how_long_it_holds_is_not_kept():
    async with Nameserver('only.example. 100 IN TXT "no SOA"') as server:  # RFC 2308 §5
        resolver = DnsResolver((server.address,), PATIENCE_S)
        for _ in range(2):
            assert (await resolver.ask(question("TXT", "nobody.example"))).found is Found.NO_NAME
        assert server.asked["nobody.example", "TXT"] == 2


async def test_an_answer_too_big_for_any_use_is_not_read():
    """A tenth of a second for each, if it were."""
    async with Nameserver("\n".join(f"a.example. 9 IN A 10.0.{n // 250}.{n % 250}" for n in range(1500))) as server:
        server.big.add("a.example")
        resolver = DnsResolver((server.address,), PATIENCE_S)
        assert await resolver.ask(question("A", "a.example")) == Answer(Found.MALFORMED)


async def test_a_big_answer_is_not_kept():
    async with Nameserver(f"big.example. 100 IN TXT {' '.join([chr(34) + 'x' * 250 + chr(34)] * 33)}") as server:
        server.big.add("big.example")
        resolver = DnsResolver((server.address,), PATIENCE_S)
        for _ in range(2):
            (record,) = (await resolver.ask(question("TXT", "big.example"))).records
            assert len(record) > CACHED_OCTETS
        assert server.asked["big.example", "TXT"] == 2 * 2  # by UDP and by TCP


async def test_by_tcp_only_the_answer_to_the_very_question_counts(nameserver):
    class Liar(Nameserver):
        def answer(self, data, *, tcp=False):
            octets = super().answer(data, tcp=tcp)
            return octets[:1] + bytes([octets[1] ^ 1]) + octets[2:] if tcp else octets

    async with Liar(ZONE) as server:
        server.big.add("big.example")
        answer = await DnsResolver((server.address,), 0.5).ask(question("TXT", "big.example"))
        assert answer == Answer(Found.TEMPORARY)
        assert server.by_tcp["big.example"]


async def test_the_cache_forgets_the_least_recently_used_name(nameserver):
    resolver = DnsResolver((nameserver.address,), PATIENCE_S, cached_answers=2)
    for name in ("key.example", "alias.example", "key.example", "big.example", "key.example", "alias.example"):
        await resolver.ask(question("TXT", name))
    assert nameserver.asked["key.example", "TXT"] == 1
    assert nameserver.asked["alias.example", "TXT"] == 2


async def test_the_same_question_asked_together_goes_out_once(resolver, nameserver):
    answers = await asyncio.gather(*(resolver.ask(question("TXT", "key.example")) for _ in range(50)))
    assert {answer.found for answer in answers} == {Found.YES}
    assert nameserver.asked["key.example", "TXT"] == 1


async def test_who_leaves_early_does_not_take_the_answer_from_the_others(resolver, nameserver):
    nameserver.held = asyncio.Event()
    first = asyncio.create_task(resolver.ask(question("TXT", "key.example")))
    second = asyncio.create_task(resolver.ask(question("TXT", "key.example")))
    await asyncio.sleep(0)
    first.cancel()
    nameserver.held.set()
    assert (await second).found is Found.YES


async def test_more_questions_than_may_go_at_once_all_get_their_answer(resolver):
    answers = await asyncio.gather(*(resolver.ask(question("TXT", f"n{number}.example")) for number in range(150)))
    assert {answer.found for answer in answers} == {Found.NO_NAME}


async def test_the_search_list_of_the_host_is_never_used(resolver, nameserver):
    await resolver.ask(question("TXT", "single"))
    assert nameserver.asked == {("single", "TXT"): 1}


def test_one_resolver_serves_event_loops_one_after_the_other():
    resolver = DnsResolver(("127.0.0.1:1",), 0.5)
    for _ in range(2):
        assert asyncio.run(resolver.addresses("both.example")).found is Found.TEMPORARY


@pytest.mark.parametrize(
    ("text", "hosts", "port"),
    [
        ("127.0.0.1", {"127.0.0.1"}, 53),
        ("127.0.0.1:5353", {"127.0.0.1"}, 5353),
        ("::1", {"::1"}, 53),
        ("[::1]", {"::1"}, 53),
        ("[::1]:5353", {"::1"}, 5353),
        ("localhost:5353", {"127.0.0.1", "::1"}, 5353),  # whichever the system gives first
    ],
)
def test_a_nameserver_may_be_written_with_and_without_port(text, hosts, port):
    (asked,) = DnsResolver((text,), 1.0)._stub.nameservers
    assert asked.address in hosts
    assert asked.port == port


@pytest.mark.parametrize("text", ["", ":53", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:0", "[::1", "[::1]:70000", "a b"])
def test_a_nameserver_in_another_form_is_refused(text):
    with pytest.raises(ValueError, match="nameserver"):
        DnsResolver((text,), 1.0)


def test_without_nameservers_the_systems_are_used():
    assert DnsResolver((), 1.0)._stub.nameservers
