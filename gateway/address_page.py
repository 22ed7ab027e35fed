# SPDX-License-Identifier: Apache-2.0
"""A routing address as the command line shows it: one item for programs, one page for people.

Enters: what the desk says, the way's row, its newest probe. Leaves: plain values, addresses and times as text.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

import click

from gateway.cli_output import Item, instant, optional, plain, print_text, print_whole, wrapped
from gateway.clock import SystemClock
from gateway.logs import scrub
from gateway.units import show_size
from handlers.admission_policy import DEFAULT
from handlers.probes import shown, unwatched
from storage.case_values import DEFAULT_HANDLING, Handling
from storage.states import ProbeState, RecipientState
from storage.ways import Passage, confirmations_of, of_row

LONGEST = 36  # of an address in the table
WAITING = (RecipientState.QUEUED.value, RecipientState.DEFERRED.value)
PAGE = (
    "address",
    "team",
    "alias_of",
    "aliases",
    "policy",
    "cases",
    "verified",
    "way",
    "intake",
    "found",
    "verified_at",
    "alarm",
    "alarm_at",
)


def item(said: Item, row: Any, host: str, *, by_word: bool) -> Item:
    """The keys of a list; `said` are those of the desk file."""
    silence = unwatched(row, SystemClock().now()) if row is not None else ""
    is_verified = by_word or (row is not None and row.verified_at is not None)
    latest = of_row(row).latest if row is not None else None
    return {
        **said,
        "verified": is_verified,
        "way": row.kind if row is not None else "word" if by_word else "none",
        "intake": f"{row.intake}@{host}" if row is not None and row.intake else None,
        "found": row.found if row is not None else "",
        "verified_at": optional(instant, row.verified_at) if row is not None else None,
        "returned_at": latest.at if latest is not None else None,
        "latency_s": latest.latency_s if latest is not None else None,
        "alarm": row.alarm or silence if row is not None else "",
        "alarm_at": optional(instant, row.next_probe_at if silence and not row.alarm else row.alarm_at)
        if row is not None
        else None,
    }


def cases_item(handling: Handling) -> dict[str, object]:
    """How mail to an address is filed, and what its cases begin with; all of it is said."""
    said = {each.name: getattr(handling, each.name) for each in fields(handling)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


def _cases_words(held: Any) -> str:
    """What is not as everywhere."""
    usual = cases_item(DEFAULT_HANDLING)
    return ", ".join(f"{name} {plain(value)}" for name, value in held.items() if value != usual[name])


def _policy_words(one: Item) -> str:
    """Who may write, in any case, and what else is not the default."""
    usual = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(DEFAULT).items()}
    said = {name: one[name] for name in usual if name == "accept_from" or one[name] != usual[name]}
    if "max_size" in said:
        said["max_size"] = show_size(int(plain(said["max_size"])))
    return ", ".join(f"{name} {plain(value)}" for name, value in said.items())


def row(one: Item) -> Item:
    """The same for a table of 80 columns: `below` says the rest."""
    address = str(one["address"])
    short = address if len(address) <= LONGEST else address[: LONGEST - 1] + "…"
    return {**one, "address": short, "alarm": str(one["alarm"]).partition(":")[0]}


def below(items: Sequence[Item]) -> Iterator[str]:
    """Lines under the table: addresses that it had to cut, where old ones lead, alarms."""
    for one in items:
        if one["alias_of"]:
            yield f"{one['address']} leads to {one['alias_of']}"
        elif len(str(one["address"])) > LONGEST:
            yield str(one["address"])
    for one in items:
        if one["alarm"]:
            yield f"{one['address']}: {one['alarm']}"


def details(row: Any, probe: Any, delivery: Any = None) -> Item:
    """What `show` tells besides; `delivery` is how the newest probe's way out stands."""
    if row is None:
        return {"probe": None, "hosts": [], "learnt": None, "latest": None, "confirmations": []}
    way = of_row(row)
    return {
        "probe": optional(lambda one: _probe(one, delivery), probe),
        "hosts": [asdict(one) for one in way.hosts],
        "learnt": optional(_passage, way.learnt),
        "latest": optional(_passage, way.latest),
        "confirmations": [asdict(one) for one in confirmations_of(row)],
    }


def print_page(one: Item, row: Any) -> None:
    """For people; what is long is wrapped."""
    shown_ = {**one, "policy": _policy_words(one), "cases": _cases_words(one["cases"]) or "as everywhere"}
    print_whole(shown_, [name for name in PAGE if name not in ("found", "alarm")])
    if one["found"]:
        print_text(f"\n{one['found']}")
    if one["alarm"]:
        print_text(f"\nALARM: {one['alarm']}")
    if row is None:
        return
    if one.get("probe"):
        print_text(f"\n{_probe_words(one['probe'])}")
    way = of_row(row)
    if way.learnt is not None:
        click.echo("\nLearnt when it was verified:")
        _print_passage(way.learnt)
    if way.latest is not None and way.latest != way.learnt:
        click.echo("\nThe newest probe:")
        _print_passage(way.latest)
    for asked in confirmations_of(row):
        click.echo("")
        account = asked.account or "an account it does not name"
        print_text(f"{asked.provider} asks whether it may forward {account} here ({asked.at}):")
        print_text(f"  code {asked.code or '-'}")
        if asked.link:
            print_text(f"  {asked.link}")


def not_left(response: str) -> str:
    """Why a probe waits in the outbox, and what to look at."""
    return f"No host has taken it yet: {response}" if response else "It has not left yet: does casegate serve run?"


def _probe_words(one: Any) -> str:
    """How the newest probe stands."""
    if one["state"] == ProbeState.SENT.value and one["delivery"] in WAITING:
        return f"The newest probe is of {one['sent_at']}. {not_left(one['response'])}"
    left = f"The newest probe left at {one['sent_at']} and"
    if one["state"] == ProbeState.SENT.value:
        return f"{left} is not back yet."
    if one["state"] == ProbeState.RETURNED.value:
        return f"{left} was back at {one['ended_at']}."
    said = f": {one['said']}" if one["said"] else ""
    return f"{left} is {one['state']} since {one['ended_at']}{said}."


def _probe(row: Any, delivery: Any) -> Item:
    return {
        "purpose": row.purpose,
        "state": row.state,
        "sent_at": instant(row.sent_at),
        "ended_at": optional(instant, row.ended_at),
        "said": row.said,
        "delivery": delivery.state if delivery is not None else None,
        "response": delivery.response if delivery is not None else "",
    }


def _passage(one: Passage) -> Any:
    return json.loads(one.to_json())


def _print_passage(one: Passage) -> None:
    tag = " ... ".join(filter(None, (one.subject_before, one.subject_after)))
    lines = (
        f"back at {one.at}, after {one.latency_s:g} s",
        f"brought by {shown(one.host)}, which says {one.helo or 'nothing'}",
        f"through {', '.join(one.received) or 'no host that says so'}",
        f"SPF {one.spf}, our DKIM signature {one.dkim}, DMARC {one.dmarc}",
        f"reverse-path {'rewritten: ' + one.reverse_path if one.is_rewritten else 'kept'}",
        f"subject tagged: {tag}" if tag else "subject kept",
        f"body {one.body}",
        f"fields added: {', '.join(one.fields) or 'none'}",
    )
    for line in lines:
        for part in wrapped(scrub(line), "  ", "    "):
            click.echo(part)
