# SPDX-License-Identifier: Apache-2.0
"""The page of `message explain`: the document of handlers/explaining.py in sentences, for who is no expert of mail.

Enters: the document. Leaves: lines of at most 80 columns. Every word of a stranger is scrubbed, cut to a length and
stands in quotes or behind a colon, so that it cannot pass for a sentence of ours.
"""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gateway.case_page import event_words
from gateway.cli_output import COLUMNS, cells
from gateway.logs import scrub

Document = Mapping[str, Any]

_INDENT = "  "
_LONGEST, _LONGEST_REASON = 160, 400  # of one text of a stranger, and of one that explains
MOST_LOOKUPS, MOST_RECORDS, MOST_LINES = 16, 3, 30

_VOUCH = ("author", "authentication", "alignment", "spf", "dkim", "dmarc", "arc", "iprev", "upstream", "way")
_KIND = ("classification", "report", "bounce", "complaint")
_THREAD = ("pointers", "thread", "proof")

_FOUND = {
    "yes": "found",
    "nxdomain": "no such name",
    "nodata": "the name has no such record",
    "temperror": "no answer, perhaps later",
    "permerror": "a name that cannot be asked for",
}
_RESULTS = {
    "pass": "it holds",
    "fail": "it does not hold",
    "none": "there is nothing to check",
    "neutral": "the domain says nothing either way",
    "softfail": "probably not, says the domain",
    "policy": "not good enough for our policy",
    "temperror": "DNS did not answer",
    "permerror": "it cannot be evaluated",
}
_MEANINGS = {
    ("SPF", "pass"): "this host may send for that domain",
    ("SPF", "fail"): "this host may not send for that domain",
    ("DKIM", "pass"): "the signature holds",
    ("DKIM", "fail"): "the signature is broken",
    ("DMARC", "pass"): "the author's domain vouches",
    ("DMARC", "fail"): "the author's domain does not vouch",
    ("ARC", "pass"): "those who passed it on say so, which proves nothing",
}
_CLASSES = {
    "person": "a person's mail",
    "auto-reply": "an automatic answer",
    "out-of-office": "somebody's notice that they are away",
    "complaint": "a recipient's complaint about our mail",
    "calendar": "an invitation or an answer to one",
    "bounce": "a report that mail could not be delivered",
    "list": "mail that went to many",
    "loop": "our own mail coming back, or mail that goes in circles",
    "probe": "a mail of ours that tests a forward, or what came of one",
    "forwarding": "a provider asks whether it may forward to us: casegate address show has its code",
}
_PROOFS = {
    "proven": "the author is proven",
    "likely": "a participant whose domain offers no way to prove it: marked unverified",
    "third_party": "somebody else's mail about it: it changes nothing there",
    "unproven": "nothing proves who the author is",
}
_DISPOSITIONS = {
    "accept": "accepted",
    "quarantine": "held in quarantine",
    "discard": "kept unread, nobody is told",
    "reject": "rejected",
    "defer": "put off",
}
_ANNOTATED = 'policy.mode = "annotate"'


def page(document: Document) -> list[str]:
    """All lines; sections without a line are left out."""
    sections = _of_reply(document) if document["direction"] == "outbound" else _of_mail(document)
    lines = [f"Message {_safe(document['id'])}, {document['received_at']}, now {document['state']}"]
    for title, texts in sections:
        said = list(texts)
        if said:
            lines += ["", title, *(line for text in said for line in _wrapped(text))]
    return lines


def difference_lines(item: Mapping[str, Any]) -> Iterator[str]:
    """One message of `message replay`: what would be otherwise, and what decided it then and now."""
    yield from _wrapped(
        f"{item['id']}  {item['received_at']}  {_safe(item['from'] or '-')}  {_safe(item['subject'])}", ""
    )
    if item["error"]:
        yield from _wrapped(f"cannot be judged again: {_safe(item['error'])}")
    shown = item["differences"]
    if len([one for one in shown if one["what"].startswith("for ")]) == 1:  # which says the same, with its reason
        shown = [one for one in shown if one["what"] != "disposition"]
    for one in shown:
        yield from _wrapped(f"{_safe(one['what'])}: {_safe(one['before'])} -> {_safe(one['after'])}")
        for when, because in (("then", one["because_before"]), ("now", one["because_after"])):
            if because:
                yield from _wrapped(f"{when}: {_safe(because, _LONGEST_REASON)}", _INDENT * 2)
    for question in item["not_looked_up"][:MOST_LOOKUPS]:
        yield from _wrapped(f"not looked up then, so it counts as without an answer: {_safe(question)}")


def _of_mail(document: Document) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Who it claims to be from", _claims(document)
    yield "Who really vouches", _vouches(document)
    yield "What was looked up in DNS", _lookups(document["lookups"])
    yield "What kind of mail it is", _kind(document)
    yield "What was decided", _decisions(document)
    yield "Which thread, and why", _thread(document)
    yield "What happened afterwards", _afterwards(document)


def _of_reply(document: Document) -> Iterator[tuple[str, Iterable[str]]]:
    claims, thread = document["claims"], document["thread"]
    yield (
        "Who wrote it",
        [
            f"The agent {_safe(claims['login'])}, who logged in from {_safe(claims['peer'])}.",
            f"Subject: {_safe(claims['subject'])}",
        ],
    )
    yield "Which thread", [f"{thread['thread_id']}, case {thread['case']}: the agent wrote to its signed address."]
    yield "What was decided", _notes(document, lambda step: True)
    yield "What happened afterwards", _afterwards(document)


def _claims(document: Document) -> Iterator[str]:
    claims, iprev = document["claims"], document["authentication"].get("iprev", {})
    name = f'"{_safe(claims["from_name"])}" ' if claims["from_name"] else ""
    if claims["from"]:
        yield f"From: {name}<{_safe(claims['from'])}>. Anybody can write this line."
    else:
        yield f"From: {name or 'nothing '}which names no single author, so nobody counts as one."
    yield f"Subject: {_safe(claims['subject']) or '-'}"
    bounces = f"<{_safe(claims['reverse_path'])}>" if claims["reverse_path"] else "nobody (the null reverse-path)"
    yield f"Envelope: bounces would go to {bounces}."
    if claims["protocol"] == "local":
        yield "It came through a pipe on this host (casegate ingest)."
        return
    named = f", which is {_safe(iprev['name'])}" if iprev.get("result") == "pass" else ""
    greeting = f', and called itself "{_safe(claims["helo"])}"' if claims["helo"] else ""
    tls = _safe(claims["tls"]) if claims["tls"] else "no encryption"
    yield f"It came from {_safe(claims['peer'])}{named}{greeting} ({_safe(claims['protocol'])}, {tls})."


def _vouches(document: Document) -> Iterator[str]:
    found = document["authentication"]
    dmarc = found.get("dmarc", {})
    yield _verdict(document)
    yield _result("SPF", found["spf"], _of(found["spf"], "mechanism"))
    for one in found["dkim"] or [{"result": "none"}]:
        selector = f", selector {_safe(one['selector'])}" if one.get("selector") else ""
        yield _result("DKIM", one, selector)
    yield _result("DMARC", dmarc, f", p={_safe(dmarc['policy'])}" if dmarc.get("policy") else "")
    if found.get("arc", {}).get("result", "none") != "none":
        yield _result("ARC", found["arc"], "")
    if found["spf"].get("explanation"):
        yield f'{_safe(found["spf"]["domain"])} says to whom it does not know: "{_safe(found["spf"]["explanation"])}"'
    told = [f"{found['spf'].get('domain')}: ", f"in the record of {found['spf'].get('domain')}, "]
    for note in document["notes"]:
        is_told = note["step"] == "spf" and note["because"].startswith(tuple(told))
        if note["step"] in _VOUCH and not is_told and (note["step"], note["decided"]) != ("dmarc", "no policy"):
            yield _note(note)


def _verdict(document: Document) -> str:
    """The one sentence that most people look for."""
    found = document["authentication"]
    dmarc = found.get("dmarc", {})
    by = " and ".join(_safe(one.replace(":", " of ", 1)) for one in dmarc.get("aligned", ()))
    if found.get("aligned"):
        return f"Somebody does: {by or 'the domain of the author'}. The author counts as proven."
    if by and any((one["step"], one["decided"]) == ("way", "unauthenticated") for one in document["notes"]):
        return f"The author does not count as proven, though {by} vouches: the mail came another way (see below)."
    if dmarc.get("result") == "temperror" or dmarc.get("undecided"):
        return "It is not known whether anybody does, for DNS did not answer: the author does not count as proven."
    return "Nobody vouches for the author: the From line is a claim and no more."


def _of(result: Document, name: str) -> str:
    return f", by {_safe(result[name])}" if result.get(name) else ""


def _result(name: str, found: Document, beside: str) -> str:
    """One check in one line."""
    domain = f" for {_safe(found['domain'])}" if found.get("domain") else ""
    reason = f" ({_safe(found['reason'])})" if found.get("reason") else ""
    word = str(found.get("result", "-"))
    meaning = _MEANINGS.get((name, word)) or _RESULTS.get(word, "see docs/authentication.md")
    return f"{name} {word}{domain}{beside}: {meaning}{reason}"


def _lookups(lookups: list[Document]) -> Iterator[str]:
    for one in lookups[:MOST_LOOKUPS]:
        records = one["records"]
        if records is None:
            what = "found, too large to keep"
        elif records:
            shown = "; ".join(f'"{_safe(record)}"' for record in records[:MOST_RECORDS])
            what = shown + (f" and {len(records) - MOST_RECORDS} more" if len(records) > MOST_RECORDS else "")
        else:
            what = _FOUND.get(str(one["found"]), "")
        yield f"{one['kind']} {_safe(one['name'])}: {what}"
    if len(lookups) > MOST_LOOKUPS:
        yield f"and {len(lookups) - MOST_LOOKUPS} more: see --json"


def _kind(document: Document) -> Iterator[str]:
    word = document["classification"]
    of_kind = [note for note in document["notes"] if note["step"] in _KIND]
    signs = [note["because"] for note in of_kind if note["decided"] == word and note["because"]]
    because = f", because {_safe('; '.join(signs), _LONGEST_REASON)}" if signs else ""
    yield f"{word}: {_CLASSES.get(word, 'see docs/classification.md')}{because}"
    for note in of_kind:
        if note["decided"] != word:
            yield f"At first it was taken for {_safe(note['decided'])}: {_safe(note['because'], _LONGEST_REASON)}"
    reported = (document["report"] or {}).get("recipients", ())
    for one in reported[:MOST_RECORDS]:
        said = " ".join(_safe(one[name]) for name in ("action", "status", "reason") if one.get(name))
        yield f"It speaks of {_safe(one.get('address') or 'somebody')}: {said}"
    if len(reported) > MOST_RECORDS:
        yield f"and of {len(reported) - MOST_RECORDS} more: see --json"


def _decisions(document: Document) -> Iterator[str]:
    for one in document["recipients"]:
        yield f"{_safe(one['address'])}: {_decision(one, document)}"
    own = {one["reason"] for one in document["recipients"]}
    if document["disposition"] != "accept" and document["reason"] and document["reason"] not in own:
        yield f"In all {_DISPOSITIONS.get(document['disposition'], '-')}: {_safe(document['reason'], _LONGEST_REASON)}"
    yield from _notes(document, lambda step: step not in {*_VOUCH, *_KIND, *_THREAD})


def _decision(one: Document, document: Document) -> str:
    """What became of the mail for one recipient, and which of what was noted for it decided that."""
    about, was, notes = f"for {one['address']}: ", one["disposition"], document["notes"]
    if document["disposition"] == "accept" and any(note["because"].startswith(_ANNOTATED) for note in notes):
        was = "accept"  # what is stored for each is what would have been done
    word = str(_DISPOSITIONS.get(was, was))
    if was == "accept" and one["reason"] and any(note["decided"] == "released" for note in notes):
        was, word = "quarantine", "held in quarantine until it was released"
    noted = [
        (note["decided"], note["because"].removeprefix(about)) for note in notes if note["because"].startswith(about)
    ]
    decisive = [because for decided, because in noted if decided == was]
    if noted and not decisive:
        decided, because = noted[0]
        would_be = _DISPOSITIONS.get(decided, decided)
        return f"{word}; by itself it would have been {would_be}, because {_safe(because, _LONGEST_REASON)}"
    why = "; ".join(dict.fromkeys(filter(None, [*decisive, one["reason"]])))
    return word + (f", because {_safe(why, _LONGEST_REASON)}" if why else "")


def _thread(document: Document) -> Iterator[str]:
    thread = document["thread"]
    yield from _notes(document, lambda step: step in _THREAD)
    for one in thread["candidates"] or ():
        yield _candidate(one)
    if thread["thread_id"] is None:
        yield "None: only accepted mail belongs to a thread."
        return
    if thread["candidates"] == []:
        yield "It points to no thread of ours."
    case = f"case {thread['case']}" if thread["case"] is not None else "no case yet"
    verb = {True: "It joined", False: "It began"}.get(thread["joined"], "It belongs to")
    yield f"{verb} thread {thread['thread_id']}, {case}: {thread['proof']}, {_PROOFS.get(thread['proof'], '')}."
    if thread["because"]:
        yield f"Why: {thread['because']}."
    if thread["linked_thread_id"]:
        yield f"It stands beside thread {thread['linked_thread_id']} ({thread['link'].replace('_', ' ')})."


def _candidate(one: Document) -> str:
    if one["by_contact"]:
        return f"The author's latest open case at {_safe(one['address'])} is thread {one['thread_id']}."
    evidence = "something only we can have made" if one["evidence"] else "what anybody could write"
    member = "takes part" if one["participant"] else "does not take part"
    return f"It points to thread {one['thread_id']} by {evidence}; the author {member} there."


def _afterwards(document: Document) -> Iterator[str]:
    for one in document["events"][:MOST_LINES]:
        told = {name: value for name, value in one.items() if name != "message"}
        yield f"{one['at']} {_safe(one['actor'])}: {_safe(event_words(told))}"
    if document["state"] == "accepted":
        yield "It waits for its job, which makes or finds the case."
    for one in document["deliveries"][:MOST_LINES]:
        response = f": {_safe(one['response'])}" if one["response"] else ""
        due = f", next try {one['due_at']}" if one["state"] == "deferred" and one["due_at"] else ""
        yield f"{one['kind']} to {_safe(one['recipient'])}: {one['state']}{due}{response}"
    more = max(0, len(document["events"]) - MOST_LINES) + max(0, len(document["deliveries"]) - MOST_LINES)
    if more:
        yield f"and {more} more: see --json"


def _notes(document: Document, wanted: Callable[[str], bool]) -> Iterator[str]:
    """The notes of these steps, but for what is told of one recipient or of the whole already."""
    told = {f"for {one['address']}" for one in document["recipients"]}
    for note in document["notes"]:
        because = note["because"]
        if wanted(note["step"]) and because.partition(": ")[0] not in told and because != document["reason"]:
            yield _note(note)


def _note(note: Document) -> str:
    return f"{_safe(note['step'])}: {_safe(note['decided'])}, because {_safe(note['because'], _LONGEST_REASON)}"


def _plain(value: object) -> str:
    return ", ".join(_safe(one) for one in value) if isinstance(value, list) else _safe(value)


def _safe(value: object, longest: int = _LONGEST) -> str:
    """A stranger's text: printable, on one line, cut."""
    text = scrub(str(value)[: longest + 1])
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _wrapped(text: str, indent: str = _INDENT) -> Iterator[str]:
    """At most 80 columns, also where characters are two wide; what follows the first line stands further in."""
    deeper = indent + _INDENT
    for line in textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=deeper) or [""]:
        while cells(line) > COLUMNS:
            kept = line[: COLUMNS // 2]
            yield kept
            line = deeper + line[len(kept) :]
        yield line
