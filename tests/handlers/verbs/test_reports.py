# SPDX-License-Identifier: Apache-2.0
"""What a report, a complaint or an invitation becomes: its class, its data, and what the case is told."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from gateway.reception import StoreLookups
from gateway.replaying import StoreThreads
from handlers.replaying import Place, replay
from storage import cases, content, story
from storage.states import Move
from tests.support.office import CARL, SUPPORT, World, mail, sign

DSN = """This is the mail system. Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.remote.example
Original-Envelope-Id: e1

Original-Recipient: rfc822; carl@customer.example
Final-Recipient: rfc822; carl.customer@inner.customer.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b
Content-Type: text/rfc822-headers

Message-ID: <{original}>
Subject: Re: Broken

--b--
"""
TYPE = 'multipart/report; report-type=delivery-status; boundary="b"'
DAEMON = "Mail System <mailer-daemon@mx.remote.example>"


def dsn(
    action: str = "failed", status: str = "5.1.1", said: str = "550 5.1.1 User unknown", original: str = "x@y"
) -> bytes:
    """A report of a remote mail system."""
    body = "--b\n\n" + DSN.format(action=action, status=status, said=said, original=original)
    return mail(DAEMON, body.replace("\n", "\r\n"), content_type=TYPE, auto_submitted="auto-replied")


def report_of(found: object) -> dict:
    """What is stored of it."""
    return json.loads(found.row.report) if found.row.report else {}


def our_mail(world: World) -> object:
    """The case has sent something: the copy to its agent."""
    world.carl()
    return world.sent("copy")[0]


def told(world: World, kind: str, number: int = 1) -> list[dict]:
    """What the timeline of a case says of a report."""
    return [detail for _, event, detail in world.case(number).events if event == kind]


def test_a_report_at_our_bounce_address_tells_the_case_whom_the_mail_did_not_reach(world: World) -> None:
    bounce = world.receive(dsn(), our_mail(world).reverse_path, sender=None)
    (one,) = told(world, "bounced")
    assert one["recipient"] == "carl.customer@inner.customer.example"
    assert (one["status"], one["reason"], one["hard"], one["message"]) == ("5.1.1", "user unknown", True, bounce.id)
    assert (bounce.classification, bounce.case.number) == ("bounce", 1)
    report = report_of(bounce)
    assert (report["kind"], report["reporter"], report["envelope_id"]) == ("bounce", "mx.remote.example", "e1")
    assert report["recipients"][0]["original"] == CARL


@pytest.mark.parametrize(
    ("report", "kind", "event", "classification"),
    [
        # Still being tried: nobody has to do anything yet.
        (dsn("delayed", "4.4.1", "connection timed out"), "delay", "delay_reported", "bounce"),
        # Good news is no bounce.
        (dsn("delivered", "2.1.5", "250 2.1.5 Ok"), "delivery", "delivery_reported", "auto-reply"),
    ],
)
def test_reports_that_are_no_failure(world: World, report: bytes, kind: str, event: str, classification: str) -> None:
    found = world.receive(report, our_mail(world).reverse_path, sender=None)
    assert (report_of(found)["kind"], found.classification) == (kind, classification)
    assert len(told(world, event)) == 1
    assert not told(world, "bounced")


def test_a_report_that_proves_nothing_moves_no_case(world: World) -> None:
    our_mail(world)
    stranger = world.receive(dsn(original="made-up@gw.example"), sender=None)
    assert stranger.case.number == 2
    assert not told(world, "bounced") + told(world, "bounced", 2)
    assert report_of(stranger)["recipients"][0]["hard"]


def test_a_report_goes_where_the_mail_is_that_it_speaks_of(world: World) -> None:
    """A split or a move has taken it along: neither the bounce nor the event stays behind."""
    moved = our_mail(world)
    second = world.carl(subject="Another")
    with world.database.move(Move.ROUTE) as unit:
        unit.execute(text("update outbox set thread_id = :t where name = :n"), {"t": second.thread_id, "n": moved.name})
    bounce = world.receive(dsn(original=moved.message_id), moved.reverse_path, sender=None)
    assert (bounce.case.number, len(told(world, "bounced")), len(told(world, "bounced", 2))) == (2, 0, 1)


@pytest.mark.parametrize(("host", "events"), [("gw.example", 1), ("elsewhere.example", 0)])
def test_our_bounce_address_counts_only_at_our_host(world: World, host: str, events: int) -> None:
    local = our_mail(world).reverse_path.partition("@")[0]
    id_ = world.accept(dsn(), str(SUPPORT), sender=None)
    # Annotated mail may have come for others, too.
    with world.database.move(Move.ROUTE) as unit:
        recipients = json.dumps([json.loads(world.message(id_).row.recipients)[0] | {"address": f"{local}@{host}"}])
        unit.execute(text("update message set recipients = :to where id = :id"), {"to": recipients, "id": id_})
    world.route()
    assert len(told(world, "bounced")) == events


def test_a_complaint_with_our_keyed_id_is_told_to_its_case(world: World) -> None:
    original = our_mail(world).message_id
    body = f"""--b

A complaint.

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Loop/1.0
Version: 1
Original-Rcpt-To: {CARL}

--b
Content-Type: message/rfc822

Message-ID: <{original}>

--b--
"""
    declared = 'multipart/report; report-type=feedback-report; boundary="b"'
    octets = mail("Loop <fbl@provider.example>", body.replace("\n", "\r\n"), content_type=declared)
    complaint = world.receive(octets, sender="fbl@provider.example")
    assert (complaint.classification, report_of(complaint)["feedback"]["feedback_type"]) == ("complaint", "abuse")
    assert [one["recipient"] for one in told(world, "complained")] == [CARL]
    # The same without a report-type is the same.
    again = world.receive(octets.replace(b"report-type=feedback-report; ", b""), sender="fbl@provider.example")
    assert again.classification == "complaint"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        # A customer who asks about a bounce, and quotes it.
        (
            {"subject": "Undeliverable mail"},
            "My mail could not be delivered:\r\n<bob@x.example>: 550 user unknown\r\nWhy?",
        ),
        ({"subject": "Returned mail: see transcript"}, "It was rejected by your server, what can I do?"),
        ({"subject": "Delivery failure of my parcel"}, "It could not be delivered to my address."),
        # Auto-Submitted: no, however it is written.
        ({"auto_submitted": "NO (a person (really) wrote it); x=y"}, "Hello"),
    ],
)
def test_people_write_about_bounces(world: World, fields: dict[str, str], body: str) -> None:
    octets = sign(mail(f"Carl <{CARL}>", body, **fields), "customer.example")
    found = world.receive(octets)
    assert (found.classification, found.row.report) == ("person", "")
    assert found.case is not None


def test_a_person_may_forward_a_report_as_an_attachment(world: World) -> None:
    octets = dsn().replace(b"multipart/report; report-type=delivery-status", b"multipart/mixed")
    octets = octets.replace(DAEMON.encode(), f"Carl <{CARL}>".encode()).replace(b"Auto-Submitted", b"X-Old")
    found = world.receive(octets)
    assert (found.classification, found.row.report) == ("person", "")


def test_what_only_looks_like_a_bounce_is_mail_that_makes_a_case(world: World) -> None:
    found = world.receive(mail(x_failed_recipients="bob@x.example"))
    assert (found.classification, found.case.number) == ("person", 1)
    notes = json.loads(found.row.trace)["notes"]
    assert [step for step, *_ in notes][-1] == "classification"


@pytest.mark.parametrize(("method", "wakes"), [("REQUEST", True), ("CANCEL", True), ("REPLY", False)])
def test_an_invitation_wakes_a_case_and_a_calendars_answer_does_not(world: World, method: str, wakes: bool) -> None:
    copy = our_mail(world)
    with world.database.move(Move.ROUTE) as unit:
        cases.write(unit, world.case(1).id, {"status": "pending", "status_kind": "pending"})
    invitation = f"Content-Type: text/calendar; method={method}\r\n\r\nBEGIN:VCALENDAR"
    body = f"--b\r\n\r\nWill you come?\r\n--b\r\n{invitation}\r\n--b--"
    declared = 'multipart/alternative; boundary="b"'
    octets = mail(f"Carl <{CARL}>", body, content_type=declared, references=f"<{copy.message_id}>")
    found = world.receive(sign(octets, "customer.example"))
    assert (found.classification, report_of(found)) == ("calendar", {"kind": "calendar", "method": method})
    assert (found.case.number, found.case.status == "open") == (1, wakes)


def test_a_calendar_file_that_a_person_attaches_is_a_file(world: World) -> None:
    body = (
        "--b\r\n\r\nSee there.\r\n--b\r\nContent-Type: text/calendar; method=PUBLISH; name=a.ics\r\n"
        "Content-Disposition: attachment\r\n\r\nBEGIN:VCALENDAR\r\n--b--"
    )
    assert world.receive(mail(body=body, content_type='multipart/mixed; boundary="b"')).classification == "person"


def test_what_the_content_told_is_told_again_when_mail_is_judged_again(world: World) -> None:
    bounce_address = our_mail(world).reverse_path
    world.receive(dsn("delivered", "2.1.5", "250 2.1.5 Ok"), bounce_address, sender=None)
    world.receive(mail(x_failed_recipients="bob@x.example"))
    place = Place(world.office, StoreLookups(world.database, world.office), StoreThreads(world.database))
    for row in story.inbound_since(world.database.read, world.now - timedelta(days=1)):
        again = replay(row, content.pieces(world.database.read, row.content_id), place)
        assert not [one for one in again.differences if one.what == "classification"]
