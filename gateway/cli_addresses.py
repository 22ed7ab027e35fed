# SPDX-License-Identifier: Apache-2.0
"""The verbs of routing addresses: `address add|verify|alias|remove|list|show`; in force within a second.

An address takes mail once it is verified: DNS says that its domain's mail comes here, it is one of our own domain, a
probe came back from where it is forwarded, or the operator gives their word. `list` ends with 1 while a forward is in
alarm.
"""

import secrets
import time
from base64 import b32encode
from collections.abc import Mapping
from typing import Any

import click

from gateway import address_page, opening, pointing, units
from gateway.address_page import item
from gateway.cli_admission import address_item
from gateway.cli_operator import TRY_LATER, NotFound, Operator
from gateway.cli_output import Item, print_json, print_list, print_text, with_json
from gateway.clock import SystemClock
from gateway.config import Config
from gateway.logs import scrub
from gateway.reception import Reception
from handlers import probes
from handlers.signing import Signer
from storage import addresses, desk, ways
from storage import probes as probe_rows
from storage.address import Address, parse
from storage.database import Database, Unit
from storage.desk import Snapshot
from storage.desk_values import RoutingAddress
from storage.states import Move, ProbeState
from storage.ways import Way

LOOK_EVERY_S = 0.2
INTAKE_OCTETS = 10

NOT_VERIFIED = ALARM = 1


@click.group()
def address() -> None:
    """Routing addresses."""


@address.command(name="list")
@with_json
@click.pass_obj
def address_list(operator: Operator, as_json: bool) -> int:
    """The routing addresses in force; ends with 1 while a forward is in alarm."""
    host = operator.config().server.name
    with operator.store() as database, database.read() as unit:
        items = _items(unit, host)
    alarms = [one for one in items if one["alarm"]]
    shown = [address_page.row(one) for one in items]
    columns = ("address", "team", "way", "verified", "policy", "alarm")
    print_list(items if as_json else shown, columns, as_json=as_json, limit=len(items))
    if not as_json:
        for line in address_page.below(items):
            print_text(line)
    return ALARM if alarms else 0


@address.command(name="show")
@click.argument("text", metavar="ADDRESS")
@with_json
@click.pass_obj
def address_show(operator: Operator, text: str, as_json: bool) -> None:
    """One address: its way, what probes have shown, and what a forwarder asks."""
    key, host = parse(text).key, operator.config().server.name
    with operator.store() as database, database.read() as unit:
        found = {_key(one): one for one in _items(unit, host)}
        if key not in found:
            raise NotFound(f"no routing address {text!r}: see casegate address list")
        row = ways.rows(unit).get(key)
        probe = probe_rows.newest(unit, key)
        delivery = probe_rows.delivery(unit, probe) if probe is not None else None
        one = {**found[key], **address_page.details(row, probe, delivery)}
    if as_json:
        print_json(one)
    else:
        address_page.print_page(one, row)


@address.command(name="add")
@click.argument("text", metavar="ADDRESS")
@click.option("--team", required=True, help="The team that works its mail.")
@click.option("--acknowledge", default="", help="Text of the customer's acknowledgement; none by default.")
@click.option("--word", is_flag=True, help="Your word that its mail comes here: nothing is looked up.")
@click.pass_obj
def address_add(operator: Operator, text: str, team: str, acknowledge: str, word: bool) -> int:
    """Take a new address, and verify it as far as that can be done at once."""
    wanted = parse(text)
    with operator.store() as database:
        with database.move(Move.ADDRESS) as unit:
            _refuse_taken(unit, wanted, operator.config().server.name)
            ways.drop_alias(unit, wanted.key)
            if not addresses.add(unit, RoutingAddress(wanted, team, word, acknowledge)):
                raise NotFound(f"no team {team!r}: see casegate team list")
        print_text(f"address {wanted}: added to team {team}")
        if word:
            print_text(f"{wanted} is verified: by your word")
            return 0
        if _verify_without_probe(operator.config(), database, wanted) != TRY_LATER:
            return 0
    click.echo(f"casegate: it takes no mail until it is verified: casegate address verify {wanted}", err=True)
    return TRY_LATER


@address.command(name="verify")
@click.argument("text", metavar="ADDRESS")
@click.option("--word", is_flag=True, help="Your word that its mail comes here: nothing is looked up.")
@click.option("--wait", default="60s", show_default=True, help="How long to wait for a probe to come back.")
@click.pass_obj
def address_verify(operator: Operator, text: str, word: bool, wait: str) -> int:
    """Look at DNS; of a forwarded address send a probe, and wait for it. What it shows is learnt anew."""
    patience, wanted, config = _duration(wait), parse(text), operator.config()
    with operator.store() as database:
        with database.read() as unit:
            _require(unit, wanted)
        if word:
            return _take_word(database, wanted)
        found = _verify_without_probe(config, database, wanted)
        return found if isinstance(found, int) else _probe(config, database, found, patience)


@address.command(name="alias")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.pass_obj
def address_alias(operator: Operator, old: str, new: str) -> None:
    """Let an old address lead to another one: its mail goes there, its forward is watched on."""
    past, present = parse(old), parse(new)
    if past.key == present.key:
        raise click.UsageError("an address cannot be an alias of itself")
    with operator.store() as database, database.move(Move.ADDRESS) as unit:
        found = desk.snapshot(unit)
        if present.key not in found.addresses:
            raise NotFound(f"no routing address {new!r}: see casegate address list")
        _refuse_useless(found, past, operator.config().server.name)
        will_be = found.is_in_use(found.addresses[present.key], found.ways.get(past.key))
        if not will_be and _takes_mail(found, past):
            raise click.UsageError(f"{past} takes mail and {present} does not yet: casegate address verify {present}")
        source = addresses.retire(unit, past.key)
        ways.put_alias(unit, past.key, str(past), present.key, "command")
    print_text(f"alias {past}: leads to {present}{_in_file(source)}")
    if not will_be:
        print_text(f"it takes no mail until {present} is verified: casegate address verify {present}")


@address.command(name="remove")
@click.argument("text", metavar="ADDRESS")
@click.pass_obj
def address_remove(operator: Operator, text: str) -> None:
    """Take an address or an alias out; its cases stay."""
    wanted = parse(text)
    with operator.store() as database, database.move(Move.ADDRESS) as unit:
        source = addresses.retire(unit, wanted.key)
        alias = ways.aliases(unit).get(wanted.key)
        if source is None and alias is None:
            raise NotFound(f"no routing address {text!r}: see casegate address list")
        ways.drop_alias(unit, wanted.key)
        ways.forget(unit, wanted.key)
    whose = source or (alias.source if alias is not None else None)
    print_text(f"address {wanted}: removed{_in_file(whose)}")


VERBS = (address,)


def _items(unit: Unit, host: str) -> list[Item]:
    """The addresses in force, then the old ones that lead to them."""
    found, known = desk.snapshot(unit), ways.rows(unit)
    items: list[Item] = []
    for row in found.addresses.values():
        cases = address_page.cases_item(found.handling_of(row.value))
        said = {**address_item(row.value, found.policy), "cases": cases, "alias_of": None}
        items.append(item(said, known.get(row.value.address.key), host, by_word=row.value.verified))
    is_verified = {_key(one): bool(one["verified"]) for one in items}
    for key, alias in ways.aliases(unit).items():
        if key not in found.aliases:
            continue
        target = found.aliases[key].value
        cases = address_page.cases_item(found.handling_of(target))
        said = {**address_item(target, found.policy), "cases": cases, "address": alias.address, "aliases": []}
        old = item(said, known.get(key), host, by_word=is_verified[target.address.key])
        items.append({**old, "alias_of": str(target.address), "way": old["way"] if key in known else "alias"})
    return items


def _key(one: Mapping[str, Any]) -> str:
    return parse(str(one["address"])).key


def _takes_mail(found: Snapshot, wanted: Address) -> bool:
    """Whether mail for an address, or for an old one, is taken at present."""
    row = found.addresses.get(wanted.key) or found.aliases.get(wanted.key)
    return row is not None and found.is_in_use(row, found.ways.get(wanted.key))


def _refuse_taken(unit: Unit, wanted: Address, host: str) -> None:
    """An address that takes mail already; or a private one, whose copies would come back as customers' mail."""
    found = desk.snapshot(unit)
    if wanted.key in found.addresses:
        raise click.UsageError(f"{wanted} is a routing address already: casegate address show {wanted}")
    _refuse_useless(found, wanted, host)


def _refuse_useless(found: Snapshot, wanted: Address, host: str) -> None:
    """What can be no public address, new or old."""
    if wanted.key in {parse(one).key for one in found.private_addresses}:
        raise click.UsageError(f"{wanted} is the private address of an agent")
    if wanted.domain.startswith("["):
        raise click.UsageError(f"{wanted}: an address of the desk has a domain, not a number")
    told = next(
        (one for one in found.ways.values() if one.intake and wanted.key == parse(f"{one.intake}@{host}").key), None
    )
    if told is not None:
        raise click.UsageError(f"{wanted} is the hidden intake of {told.address}, which the public shall not know")


def _require(unit: Unit, wanted: Address) -> None:
    found = desk.snapshot(unit)
    if wanted.key not in found.addresses and wanted.key not in found.aliases:
        raise NotFound(f"no routing address {str(wanted)!r}: see casegate address list")


def _verify_without_probe(config: Config, database: Database, wanted: Address) -> Way | int:
    """By our own domain or by DNS: the code of the call; else the way of an address that has to be forwarded."""
    if wanted.host == config.server.name:
        return _settle(database, wanted, "hosted", "an address of this gateway's own domain")
    found = pointing.look(config, wanted.host)
    if found.points_here:
        return _settle(database, wanted, "direct", found.words)
    with database.read() as unit:
        row = ways.rows(unit).get(wanted.key)
    is_forwarded = row is not None and row.kind == "forwarded"
    if not found.is_sure and not is_forwarded:
        click.echo(f"casegate: {found.words}", err=True)
        return TRY_LATER
    print_text(found.words)
    known = row.intake if row is not None else None
    way = Way(wanted.key, str(wanted), "forwarded", known or _new_intake())
    has_moved = row is not None and not is_forwarded and row.verified_at is not None
    now = SystemClock().now()
    with database.move(Move.ADDRESS) as unit:
        ways.put(unit, way, found.words, now)
        if has_moved:
            ways.set_alarm(unit, wanted.key, f"moved: {found.words}; what comes is taken on", now)
    if has_moved:
        print_text(f"{wanted} stays in use, and in alarm until it is verified anew or removed")
    print_text(f"{wanted} has to be forwarded to {way.intake}@{config.server.name}")
    if is_forwarded:
        return way
    print_text(f"Once it is: casegate address verify {wanted}")
    return NOT_VERIFIED


def _take_word(database: Database, wanted: Address) -> int:
    """Of an address in force; an old one has none of its own, for the address that it leads to speaks for it."""
    with database.move(Move.ADDRESS) as unit:
        source = addresses.set_word(unit, wanted.key)
        if source is None:
            target = desk.snapshot(unit).aliases[wanted.key].value.address
            raise click.UsageError(f"{wanted} leads to {target}: give your word for that one")
    in_file = "; write verified = true into the desk file too, or apply takes it back" if source == "file" else ""
    print_text(f"{wanted} is verified: by your word{in_file}")
    return 0


def _settle(database: Database, wanted: Address, kind: str, words: str) -> int:
    with database.move(Move.ADDRESS) as unit:
        ways.put(unit, Way(wanted.key, str(wanted), kind, is_verified=True), words, SystemClock().now())
    print_text(f"{wanted} is verified: {words}")
    return 0


def _probe(config: Config, database: Database, way: Way, patience_s: float) -> int:
    """Send one, and wait for it."""
    clock = SystemClock()
    keys, pem = opening.open_keys(config, database)
    office = Reception(config, keys, database).fresh_office()
    terms = probes.Terms(config.addresses.probe_every, config.addresses.probe_patience)
    sender = probes.Sender(office, Signer(pem, config.dkim.selector, clock), terms, clock.now())
    with database.move(Move.PROBE) as unit:
        name = probes.send(unit, way, sender, probes.VERIFY)
    print_text(f"A probe is on its way to {way.address}")
    state = _wait(database, name, patience_s)
    if state != ProbeState.RETURNED.value:
        return _not_back(database, name, way)
    print_text(f"{way.address} is verified")
    with database.read() as unit:
        row = ways.rows(unit)[way.key]
        known = {_key(one): one for one in _items(unit, config.server.name)}
    address_page.print_page(known[way.key], row)
    return 0


def _wait(database: Database, name: str, patience_s: float) -> str:
    """The state of the probe when it has ended, or when the time is over."""
    deadline = time.monotonic() + patience_s
    while True:
        with database.read() as unit:
            row = probe_rows.by_name(unit, name)
        state = str(row.state) if row is not None else ""
        if state in (ProbeState.RETURNED.value, ProbeState.REFUSED.value) or time.monotonic() >= deadline:
            return state
        time.sleep(LOOK_EVERY_S)


def _not_back(database: Database, name: str, way: Way) -> int:
    with database.read() as unit:
        row = probe_rows.by_name(unit, name)
        delivery = probe_rows.delivery(unit, row) if row is not None else None
    if row is not None and row.state == ProbeState.REFUSED.value:
        click.echo(f"casegate: the probe was refused: {row.said}", err=True)
        return NOT_VERIFIED
    if delivery is not None and delivery.state in address_page.WAITING:
        why = scrub(address_page.not_left(delivery.response))
        click.echo(f"casegate: the probe is not back yet. {why}", err=True)
        return TRY_LATER
    click.echo(f"casegate: the probe is not back yet; see casegate address show {way.address}", err=True)
    return TRY_LATER


def _new_intake() -> str:
    """Nobody can guess it: whoever knows it was told."""
    return "in-" + b32encode(secrets.token_bytes(INTAKE_OCTETS)).decode().lower()


def _duration(text: str) -> float:
    try:
        return units.parse_duration(text).total_seconds()
    except ValueError:
        raise click.UsageError(f"--wait: {text!r} is not a duration such as 60s") from None


def _in_file(source: str | None) -> str:
    """What the operator has to do besides."""
    return "; change the desk file too, or apply brings it back" if source == "file" else ""
