# SPDX-License-Identifier: Apache-2.0
"""A mail's content as `message show` tells it: as keys of the document, and as lines for people."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from gateway.cli_output import Item
from handlers import forwards, quotes, showing
from handlers.forwards import Forward
from handlers.reading import Attachment
from handlers.showing import Nested

NOTHING: Item = {
    "text": None,
    "reply_text": None,
    "html": None,
    "remote_images": 0,
    "attachments": [],
    "calendar": None,
    "cards": [],
    "nested": [],
    "forwarded": None,
}


def reading_item(octets: bytes) -> Item:
    """What the content says."""
    shown = showing.show(octets)
    inline = shown.page.parts if shown.page is not None else frozenset[str]()
    forward = forwards.of_mail(octets, shown.text)
    return {
        "text": shown.text,
        "reply_text": quotes.new_text_of(shown.text, shown.raw_html),
        "html": shown.page.html if shown.page is not None else None,
        "remote_images": shown.page.remote_images if shown.page is not None else 0,
        "attachments": [_attachment_item(one, inline) for one in shown.attachments],
        "calendar": asdict(shown.calendar) if shown.calendar is not None else None,
        "cards": [asdict(card) for card in shown.cards],
        "nested": [_nested_item(one) for one in shown.nested],
        "forwarded": _forward_item(forward) if forward is not None else None,
        "size": len(octets),
    }


def _attachment_item(one: Attachment, inline: frozenset[str] = frozenset()) -> Item:
    return {
        "name": one.name,
        "type": one.type,
        "size": one.size,
        "sha256": one.sha256,
        "sniffed": one.sniffed,
        "inline": one.cid in inline,
        "cid": one.cid or None,
        "within": one.within or None,
    }


def _nested_item(one: Nested) -> Item:
    return {
        "attachment": one.number,
        "from": one.author,
        "subject": one.subject,
        "date": one.date,
        "text": one.text,
        "attachments": [_attachment_item(file) for file in one.attachments],
        "nested": [_nested_item(below) for below in one.nested],
    }


def _forward_item(one: Forward) -> Item:
    return {
        "from_name": one.author_name,
        "from": one.author_address or None,
        "date": one.date,
        "subject": one.subject,
        "text": one.text,
        "note": one.note,
    }


def reading_lines(item: Any) -> Iterator[tuple[str, str]]:
    """A label and what it says, one for each thing beside the text."""
    for one in item["attachments"]:
        marks = "".join((", inline" if one["inline"] else "", f", in {one['within']}" if one["within"] else ""))
        yield "attachment", f"{one['name'] or '-'} ({_types(one)}, {one['size']} octets{marks})"
    if item["remote_images"]:
        yield "remote_images", f"{item['remote_images']}, not loaded"
    if (invitation := item["calendar"]) is not None:
        times = " to ".join(filter(None, (invitation["start"], invitation["end"])))
        words = (invitation["method"], invitation["summary"], times, invitation["zone"], invitation["organiser"])
        yield "calendar", ", ".join(filter(None, words))
    for one in item["cards"]:
        yield "card", ", ".join(filter(None, (one["name"], *one["emails"], one["organisation"])))
    for one in item["nested"]:
        yield "nested", f"{one['from']}: {one['subject']} ({one['date']})"
    if (forward := item["forwarded"]) is not None:
        who = f"{forward['from_name']} <{forward['from']}>" if forward["from"] else forward["from_name"]
        yield "forwarded", f"{who}: {forward['subject']} ({forward['date']})"


def _types(one: Any) -> str:
    """What the mail says of a file, and what its octets say where that is something else."""
    is_same = one["sniffed"] in ("", "application/octet-stream", "text/plain", one["type"])
    return str(one["type"]) if is_same else f"{one['type']}, looks like {one['sniffed']}"
