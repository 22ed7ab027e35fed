# SPDX-License-Identifier: Apache-2.0
"""A case as data and as a page of 80 columns: its keys, its mail, its comments, its timeline.

Enters: rows of the store. Leaves: what `case list` and `case show` print; the keys of lists are those of one case.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from gateway.cli_output import Item, instant, optional, print_text, print_whole
from storage import case_changes, case_parts, case_views, cases, contacts
from storage.address import key_of
from storage.case_values import ENDED_KINDS
from storage.database import Unit

_INSTANTS = ("created_at", "ended_at", "response_due_at", "responded_at", "resolution_due_at", "paused_at", "due_at")
_FIRST = ("number", "thread_id", "status", "priority", "team", "queue", "owner")
_SECOND = ("contact_name", "contact", "routing_address", "subject", "created_at")
_WHERE_SAID = (
    "outcome",
    "outcome_note",
    "tags",
    "target",
    "response_due_at",
    "responded_at",
    "resolution_due_at",
    "paused_at",
    "watchers",
    "merged_into",
    "merged",
)


def listed(unit: Unit, rows: Sequence[Any], prefix: str, now: Any) -> list[Item]:
    """Cases without their long parts."""
    ids = [row.id for row in rows]
    members, links = case_views.members(unit, ids), case_views.links(unit, ids)
    watchers = case_views.watchers(unit, ids)
    known = contacts.known(unit, [row.contact_address for row in rows if row.source == "import"])
    items = [_item(row, prefix, now) | _joined(row.id, members, links) for row in rows]
    for row, item in zip(rows, items, strict=True):
        item["watchers"] = watchers.get(row.id, [])
        if row.source == "import":  # nobody looked at what vouched for its author
            item["contact_verified"] = row.contact_id is not None and key_of(row.contact_address) in known
    return items


def whole(unit: Unit, row: Any, prefix: str, now: Any) -> Item:
    """One case with all that is known of it."""
    (item,) = listed(unit, [row], prefix, now)
    return item | {
        "mail": _thread(unit, row.id),
        "members": [{"login": one.login, "role": one.role} for one in case_parts.members(unit, row.id)],
        **_story(unit, row.id),
    }


def _story(unit: Unit, case_id: int) -> Item:
    """What was said and done in the case and in those merged into it, marked with their numbers."""
    numbers = {one: case_changes.number_of(unit, one) for one in case_changes.family(unit, case_id)}
    marks: dict[int, Item] = {one: {} if one == case_id else {"case": number} for one, number in numbers.items()}
    comments: list[Any] = [comment | marks[one] for one in numbers for comment in _comments(unit, one)]
    events = sorted((one for each in numbers for one in cases.timeline(unit, each)), key=lambda one: one.id)
    return {
        "merged": sorted(number for one, number in numbers.items() if one != case_id),
        "comments": sorted(comments, key=lambda one: one["id"]),
        "timeline": [event(one) | marks[one.case_id] for one in events],
    }


def show(item: Any) -> None:
    """The page: facts, thread, comments, timeline. Nothing is cut: ids are copied from it, and notes are read in it."""
    print_whole({**item, "number": item["label"], "contact": _contact(item)}, _FIRST + _SECOND)
    told = {name: item[name] for name in _WHERE_SAID if item[name]}
    told |= {f"field {name}": value for name, value in item["fields"].items()}
    if told:
        print_whole(told, tuple(told))
    for link in item["links"]:
        click.echo(f"link  {link['kind']} case {link['number']}")
    for member in item["members"]:
        click.echo(f"member  {member['login']} ({member['role']})")
    for mail in item["mail"]:
        _print_mail(mail, item)
    for comment in item["comments"]:
        where = f" (case {comment['case']})" if "case" in comment else ""
        click.echo(f"\ncomment  {comment['at']} {comment['actor']}{where}")
        print_text(comment["text"])
        for one in comment["files"]:
            print_whole({"file": _file_words(one)}, ("file",))
    click.echo()
    for event in item["timeline"]:
        print_whole({event["at"]: f"{event['actor']} {event_words(event)}"}, (event["at"],))


def _print_mail(mail: Any, item: Any) -> None:
    """One mail of the thread: its id in full; of a reply whom it went to, of mail to a signed address whose that is."""
    click.echo(f"\nmail  {mail['at']} {mail['id']}")
    signed = f"r.{mail['thread_id']}.".lower()
    to = [item["routing_address"] if one.lower().startswith(signed) else one for one in mail["to"]]
    told = {"from": mail["from"], "to": mail["sent_to"] or to, "cc": [] if mail["sent_to"] else mail["cc"]}
    told |= {"subject": mail["subject"], "files": [one["name"] or one["type"] for one in mail["files"]]}
    told |= {"thread": mail["thread_id"] if mail["thread_id"] != item["thread_id"] else ""}
    told |= {"proof": mail["proof"] if mail["direction"] == "inbound" and mail["proof"] != "proven" else ""}
    shown = {f"  {name}": value for name, value in told.items() if value or name in ("from", "to", "subject")}
    print_whole(shown, tuple(shown))


def _contact(item: Any) -> str | None:
    """Who only claims to be somebody is shown so."""
    address = item["contact"]
    return f"{address} (unverified)" if address and not item["contact_verified"] else address


def _item(row: Any, prefix: str, now: Any) -> Item:
    is_ended = row.status_kind in ENDED_KINDS
    return {
        "number": row.number,
        "label": f"{prefix}{row.number}",
        "thread_id": row.thread_token,
        "status": row.status,
        "status_kind": row.status_kind,
        "priority": row.priority,
        "team": row.team,
        "queue": row.queue,
        "owner": row.owner,
        "contact": row.contact_address or None,
        "contact_name": row.contact_name,
        "contact_verified": row.contact_id is not None,
        "routing_address": row.routing_address or None,
        "subject": row.subject,
        "source": row.source,
        "outcome": row.outcome or None,
        "outcome_note": row.outcome_note,
        "tags": json.loads(row.tags),
        "fields": json.loads(row.fields),
        "target": row.target or None,
        "overdue": row.due_at is not None and row.due_at < now and not is_ended,
        "merged_into": row.merged_into,
        **{name: optional(instant, getattr(row, name)) for name in _INSTANTS},
    }


def _joined(
    case_id: int, members: Mapping[int, list[str]], links: Mapping[int, list[tuple[str, int]]]
) -> dict[str, object]:
    return {
        "messages": members.get(case_id, []),
        "links": [{"kind": kind, "number": number} for kind, number in links.get(case_id, ())],
    }


def _thread(unit: Unit, case_id: int) -> list[Item]:
    """All mail of the case."""
    files, went = case_parts.files_of_mail(unit, case_id), case_parts.recipients_of_replies(unit, case_id)
    rows = case_views.mail_of(unit, case_id)
    return [_mail(row, files) | {"sent_to": [one.address for one in went if one.id == row.id]} for row in rows]


def _mail(row: Any, files: Sequence[Any]) -> Item:
    """One line of the thread."""
    return {
        "id": row.id,
        "at": instant(row.received_at),
        "direction": row.direction,
        "thread_id": row.thread_token,
        "from": row.author_address or None,
        "to": [address for _, address in json.loads(row.to_)],
        "cc": [address for _, address in json.loads(row.cc)],
        "subject": row.subject,
        "classification": row.classification,
        "proof": row.proof,
        "files": [_file(one) for one in files if one.id == row.id],
    }


def _comments(unit: Unit, case_id: int) -> list[Item]:
    files = case_parts.files_of_comments(unit, case_id)
    return [
        {
            "id": one.id,
            "at": instant(one.at),
            "actor": one.actor,
            "text": one.text,
            "files": [_file(each) for each in files if each.comment_id == one.id],
        }
        for one in case_parts.comments(unit, case_id)
    ]


def _file(row: Any) -> Item:
    return {"name": row.name, "type": row.type, "size": row.size_octets, "sha256": bytes(row.sha256).hex()}


def _file_words(one: Any) -> str:
    return f"{one['name'] or '-'} ({one['type']}, {one['size']} octets) {one['sha256']}"


def event(row: Any) -> Item:
    """One line of the timeline; a detail with the name of a key of its own is told apart by the event's kind."""
    own: Item = {"at": instant(row.at), "actor": row.actor, "kind": row.kind}
    details = json.loads(row.detail)
    return own | {(f"{row.kind}_{key}" if key in own else key): value for key, value in details.items()}


def event_words(item: Item) -> str:
    """What happened, for people: the kind, what became of what, and the rest."""
    told = {key: value for key, value in item.items() if key not in ("at", "actor", "kind")}
    if "before" in told and "after" in told:
        change = f"{_words(told.pop('before'))} -> {_words(told.pop('after'))}"
        told = {key: value for key, value in told.items() if key not in ("agent", "queue", "added", "removed")}
        told = {"": f"{told.pop('field')}: {change}" if "field" in told else change, **told}
    details = " ".join(f"{key}={_words(value)}" if key else _words(value) for key, value in told.items())
    return f"{item['kind']} {details}".rstrip()


def _words(value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(one) for one in value) or "-"
    return "-" if value in (None, "") else str(value)
