# SPDX-License-Identifier: Apache-2.0
"""Who is told of a change of a case: by the desk's rules, once, without oneself, and never a customer."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from handlers import ageing, changing, commenting, teaming, telling_mail
from handlers.acting import By, casegate
from storage import cases, members
from storage.address import Address
from storage.case_values import CaseField, CaseSettings, CaseTeam, Role, Sections, Status, Target, Telling
from storage.states import Move
from tests.support.office import ANN, BOB, CARL, DESK, World, field, mail, verifies

SECTIONS = Sections(
    cases=CaseSettings(number_prefix="FS-"),
    statuses=(Status("with_supplier", "on_hold"),),
    fields=(CaseField("product"),),
    roles=(Role("manager"), Role("helper", "write")),
    case_teams=(CaseTeam("escalation", ("ann:helper", "bob:manager")),),
    tellings=(Telling("priority", "high", roles=("manager",)),),
)


def with_rules(*tellings: Telling) -> Sections:
    return replace(SECTIONS, tellings=tellings)


@pytest.fixture
def office(world: World) -> World:
    """An office with these rules."""
    world.apply(replace(DESK, sections=SECTIONS))
    return world


def member(world: World, number: int, login: str, role: str) -> object:
    with world.database.move(Move.EDIT) as unit:
        case = cases.lock_number(unit, number)
        return teaming.add(unit, world.office.desk, case, (login, role), By("operator:root", world.now))


def change(world: World, number: int, by: By | None = None, **wanted: object) -> None:
    with world.database.move(Move.EDIT) as unit:
        case = cases.lock_number(unit, number)
        changing.change(unit, world.office.desk, case, wanted, by or By("operator:root", world.now))


def told(world: World) -> list[SimpleNamespace]:
    """What the sweep sends for all that is noted; done twice, which is harmless."""
    before = len(world.sent("notice"))
    with world.database.read() as unit:
        noted = members.notices(unit, 100)
    for notice_id in (*noted, *noted):
        with world.database.move(Move.TELL) as unit:
            telling_mail.tell(unit, notice_id, telling_mail.Post(world.office, world.signer, world.now))
    return world.sent("notice")[before:]


def test_the_manager_is_told_when_the_priority_becomes_high(office: World) -> None:
    asked = office.carl(subject="Printer on fire")
    assert member(office, 1, "bob", "manager") is None
    change(office, 1, By("agent:ann", office.now, "she called"), priority="high")
    (notice,) = told(office)
    assert notice.to == [str(BOB)]
    assert field(notice, "subject") == "Printer on fire"  # an answer takes it to the customer
    assert '"Case FS-1: priority high" <' in field(notice, "from")
    assert asked.token.lower() in field(notice, "from").lower()
    assert (field(notice, "auto-submitted"), notice.reverse_path) == ("auto-generated", "")
    assert field(notice, "x-casegate-thread") == asked.token
    words = notice.octets.decode()
    assert "priority: normal -> high" in words
    assert "by agent:ann" in words
    assert "she called" in words
    assert all(verifies(notice.octets, office.signer))
    assert told(office) == []
    change(office, 1, priority="low")
    change(office, 1, priority="low")
    assert told(office) == []


# Each rule, what happens to the case, and who is told: ann has the case, bob is its manager.
RULES = {
    "another value": (Telling("priority", "urgent", roles=("manager",)), {"priority": "high"}, []),
    "whatever it becomes": (Telling("priority", roles=("manager",)), {"priority": "low"}, [BOB]),
    "an agent by name, in no case team": (Telling("priority", agents=("ann",)), {"priority": "low"}, [ANN]),
    "a role that nobody has": (Telling("priority", roles=("helper",)), {"priority": "low"}, []),
    "a status": (Telling("status", "on_hold", roles=("manager",)), {"status": "on_hold"}, [BOB]),
    "a status of the desk's own, by its kind": (
        Telling("status", "on_hold", roles=("manager",)),
        {"status": "with_supplier"},
        [BOB],
    ),
    "and by its name": (Telling("status", "with_supplier", roles=("manager",)), {"status": "with_supplier"}, [BOB]),
    "nobody owns it any more": (Telling("owner", roles=("manager",)), {"owner_id": None, "queue": "support"}, [BOB]),
    "the queue": (Telling("queue", "sales", agents=("bob",)), {"owner_id": None, "queue": "sales"}, [BOB]),
    "a field of the desk": (Telling("product", "press", agents=("bob",)), {"fields": '{"product":"press"}'}, [BOB]),
    "another field of the desk": (Telling("product", agents=("bob",)), {"fields": '{"other":"x"}'}, []),
    "a role and a name, told once": (
        Telling("priority", roles=("manager",), agents=("bob", "ann")),
        {"priority": "low"},
        [ANN, BOB],
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_tells_whom_it_names(office: World, rule: str) -> None:
    telling, wanted, whom = RULES[rule]
    office.apply(replace(DESK, sections=with_rules(telling)))
    office.carl()
    member(office, 1, "bob", "manager")
    change(office, 1, casegate(office.now), **wanted)
    assert sorted(one.to[0] for one in told(office)) == sorted(map(str, whom))


def test_two_rules_that_hold_for_one_change_are_one_mail(office: World) -> None:
    rules = (Telling("priority", "high", roles=("manager",)), Telling("priority", agents=("bob",)), Telling("status"))
    office.apply(replace(DESK, sections=with_rules(*rules)))
    office.carl()
    member(office, 1, "bob", "manager")
    change(office, 1, priority="high")
    (notice,) = told(office)
    assert notice.octets.count(b"normal -> high") == 1


def test_nobody_is_told_of_what_they_did_themselves(office: World) -> None:
    office.carl()
    member(office, 1, "bob", "manager")
    change(office, 1, By("agent:bob", office.now), priority="high")
    assert told(office) == []


def test_an_agent_who_has_left_gets_none(office: World) -> None:
    office.carl()
    member(office, 1, "bob", "manager")
    change(office, 1, priority="high")
    office.apply(replace(DESK, sections=SECTIONS, agents=DESK.agents[:1]))
    assert told(office) == []
    with office.database.read() as unit:
        assert members.notices(unit, 10) == []


def test_a_new_case_is_told_of_by_a_rule_that_waits_for_what_it_begins_with(office: World) -> None:
    urgent = replace(DESK.addresses[0], handling=replace(DESK.addresses[0].handling, priority="urgent"))
    rules = with_rules(Telling("priority", "urgent", agents=("bob",)), Telling("status", agents=("bob",)))
    office.apply(replace(DESK, sections=rules, addresses=(urgent, *DESK.addresses[1:])))
    office.carl()
    (notice,) = told(office)
    assert "priority: - -> urgent" in notice.octets.decode()


# Each rule about targets, and what bob is told when the case begins and when it becomes urgent.
TARGET_RULES = {
    "every other target, which the first one is not": (Telling("target", agents=("bob",)), [], ["usual -> urgent"]),
    "the first one by its name": (Telling("target", "usual", agents=("bob",)), ["- -> usual"], []),
    "a later one by its name": (Telling("target", "urgent", agents=("bob",)), [], ["usual -> urgent"]),
}


@pytest.mark.parametrize("rule", TARGET_RULES)
def test_another_target_is_told_as_any_other_value(office: World, rule: str) -> None:
    telling, first, later = TARGET_RULES[rule]
    targets = (Target("urgent", 3600, priorities=("urgent",)), Target("usual", 7200))
    office.apply(replace(DESK, sections=replace(with_rules(telling), targets=targets)))
    office.carl()
    assert [one.octets.decode().split("target: ")[1].splitlines()[0] for one in told(office)] == first
    change(office, 1, priority="urgent")
    assert [one.octets.decode().split("target: ")[1].splitlines()[0] for one in told(office)] == later


@pytest.mark.parametrize(("becomes", "count"), [("", 1), ("first_response", 1), ("resolution", 0)])
def test_a_missed_target_is_told(office: World, becomes: str, count: int) -> None:
    rules = with_rules(Telling("missed", becomes, agents=("bob",)))
    office.apply(replace(DESK, sections=replace(rules, targets=(Target("usual", 3600),))))
    office.carl()
    assert told(office) == []
    office.clock.advance(7200)
    with office.database.move(Move.AGE) as unit:
        ageing.age(unit, office.office.desk, office.case(1).row.id, office.now)
    assert ["missed: - -> first_response" in one.octets.decode() for one in told(office)] == [True] * count


# Which team a rule waits for, and who is told when sales begins to watch a case of support's.
@pytest.mark.parametrize(("becomes", "whom"), [("", [BOB]), ("sales", [BOB]), ("support", [])])
def test_a_team_that_begins_to_watch_is_told_once(office: World, becomes: str, whom: list[Address]) -> None:
    office.apply(replace(DESK, sections=with_rules(Telling("watched", becomes, agents=("bob",)))))
    both = ("support@firm.example", "sales@firm.example")
    first = office.carl(*both, subject="Printer on fire")
    notices = told(office)
    assert [one.to for one in notices] == [[str(one)] for one in whom]
    assert ["Case FS-1: watched sales" in field(one, "from") for one in notices] == [True] * len(whom)
    office.carl(*both, subject="Re: Printer on fire", in_reply_to=f"<{first.message_id}>")
    change(office, 1, priority="low")
    assert told(office) == []


# The rule, who is told when Bob is made a helper, and then when he is one already.
@pytest.mark.parametrize(
    ("rule", "whom"),
    [
        (Telling("member", roles=("helper",)), [BOB]),  # whoever is added has a mail to answer
        (Telling("member", "helper", roles=("helper",)), [BOB]),
        (Telling("member", "manager", roles=("helper",)), []),
        (Telling("member", agents=("ann",)), [ANN]),
    ],
)
def test_who_is_added_to_a_case_team_is_told_by_rule(office: World, rule: Telling, whom: list[Address]) -> None:
    office.apply(replace(DESK, sections=with_rules(rule)))
    office.carl(subject="Printer on fire")
    for expected in (whom, []):
        assert member(office, 1, "bob", "helper") is None
        notices = told(office)
        assert [one.to for one in notices] == [[str(one)] for one in expected]
        assert all("Case FS-1: member bob as helper" in field(one, "from") for one in notices)


def test_mail_replies_and_comments_are_told_by_rule_without_a_word_of_them(office: World) -> None:
    rules = [Telling(name, agents=("bob", "ann")) for name in ("message", "reply", "comment")]
    office.apply(replace(DESK, sections=with_rules(*rules)))

    def news() -> list[tuple[str, str]]:
        notices = told(office)
        assert not any(b"xylophone" in one.octets for one in notices)
        return sorted((one.to[0], field(one, "from").partition("FS-1: ")[2].partition('"')[0]) for one in notices)

    first = office.carl(body="My xylophone")
    assert news() == [(str(ANN), f"message {CARL}"), (str(BOB), f"message {CARL}")]
    back = field(office.sent("copy")[-1], "reply-to")
    assert isinstance(office.reply(mail("Ann <ann.doe@private.example>", "A xylophone?", to=back), back), str)
    assert news() == [(str(BOB), "reply ann")]  # nobody is told of what they did themselves
    with office.database.move(Move.EDIT) as unit:
        case, by = cases.lock_number(unit, 1), By("agent:bob", office.now)
        assert commenting.comment(unit, office.office.desk, case, commenting.Comment("No xylophone"), by) is None
    assert news() == [(str(ANN), "comment no. 1")]
    absent = {"auto_submitted": "auto-replied", "in_reply_to": f"<{first.message_id}>"}
    office.carl(subject="Out of office", **absent)
    assert news() == []  # a machine's


def test_that_a_late_case_has_its_time_anew_is_told_nobody(office: World) -> None:
    sections = with_rules(Telling("missed", agents=("bob",)))
    office.apply(replace(DESK, sections=replace(sections, targets=(Target("usual", 3600, 0),))))
    office.carl()
    office.clock.advance(7200)
    with office.database.move(Move.AGE) as unit:
        ageing.age(unit, office.office.desk, office.case(1).id, office.now)
    assert len(told(office)) == 1
    for status in ("closed", "open"):
        change(office, 1, status=status)
    assert (office.case(1).missed, told(office)) == ("", [])


def test_what_an_agent_is_told_comes_back_as_no_mail_and_reaches_no_customer(office: World) -> None:
    """A robot that answers the notice answers nobody; a forwarded notice makes no case."""
    office.carl(subject="Größe 10 ¶ " + "x" * 900)
    member(office, 1, "bob", "manager")
    change(office, 1, priority="high")
    (notice,) = told(office)
    assert notice.octets.isascii()
    assert max(map(len, notice.octets.split(b"\r\n"))) <= 998
    assert CARL not in [to for one in office.sent() if one.kind == "notice" for to in one.to]
    back = office.judged(notice.octets, sender=None)
    assert back.disposition != "accept" or back.classification.value in ("loop", "auto_reply", "bounce")


# Bob is of another team. Only a role that may write lets him answer, and only as long as the desk says so.
@pytest.mark.parametrize(
    ("role", "access", "may"), [("helper", "write", True), ("helper", "read", False), (None, "write", False)]
)
def test_a_member_answers_where_their_role_may_write(office: World, role: str | None, access: str, may: bool) -> None:
    office.carl()
    office.apply(replace(DESK, sections=replace(SECTIONS, roles=(Role("manager"), Role("helper", access)))))
    if role is not None:
        assert member(office, 1, "bob", role) is None
    to = f"{office.case(1).thread_token.lower()}@gw.example"
    said = office.reply(mail("Bob <bob.roe@private.example>", to=to), to, login="bob")
    assert isinstance(said, str) == may, said
    assert [one.to for one in office.sent("reply")] == ([[CARL]] if may else [])


def test_a_predefined_team_is_added_in_one_step_and_told_in_the_timeline(office: World) -> None:
    office.carl()
    desk, by = office.office.desk, By("operator:root", office.now)
    with office.database.move(Move.EDIT) as unit:
        case = cases.lock_number(unit, 1)
        for _ in range(2):
            assert teaming.add_team(unit, desk, case, "escalation", by) is None
        assert teaming.add(unit, desk, case, ("ann", "manager"), by) is None
        assert teaming.remove(unit, case, "bob", by) is None
        refused = [
            teaming.remove(unit, case, "bob", by),
            teaming.add_team(unit, desk, case, "none", by),
            teaming.add(unit, desk, case, ("nobody", "manager"), by),
            teaming.add(unit, desk, case, ("ann", "boss"), by),
        ]
    assert [one.is_absent for one in refused] == [True, True, True, False]
    changes = [
        (told["member"], told["before"], told["after"]) for _, kind, told in office.case(1).events if kind == "member"
    ]
    assert changes == [
        ("ann", None, "helper"),
        ("bob", None, "manager"),
        ("ann", "helper", "manager"),
        ("bob", "manager", None),
    ]
