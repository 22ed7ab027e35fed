# SPDX-License-Identifier: Apache-2.0
"""The corpora through the real program in annotate mode: each mail answered, kept octet for octet and made a case.

One run for each store: every mail goes in over several connections at once, so that commit groups hold neighbours;
then the command line is asked what became of it. Its verbs run in this process, for starting Python takes longer.
"""

import contextlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import cli
from tests.corpora.material import Mail, answers, bounces, from_strangers, smuggled, with_signatures
from tests.support.dkim import Signer
from tests.support.dns import DnsZone
from tests.support.installation import DESK, Delivered, Installation, delivered
from tests.support.smtp_client import Answer, Disconnected
from tests.support.tls import TlsFiles
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = [pytest.mark.corpora, pytest.mark.slow, pytest.mark.timeout(600)]

CONNECTIONS = 12
LONG_SESSIONS = {"max_transactions": 100_000, "max_session_recipients": 1_000_000, "max_errors": 1000}
ANSWER_WITHIN_S = PATIENCE_S
SETTLED_WITHIN_S = 300
SUPPORT = "support@firm.example"
SHOWN = {  # design.md, the outside contract
    *("id", "direction", "thread_id", "case", "envelope", "from", "to", "cc", "subject", "received_at"),
    *("authentication", "classification", "disposition", "proof", "text", "reply_text", "attachments", "attempts"),
}
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


@dataclass(frozen=True)
class Run:
    """What was sent and what the MX said, with the state of things after all of it was worked."""

    installation: Installation
    sent: Sequence[tuple[Mail, Answer]]
    smuggled: Sequence[tuple[Mail, Sequence[Answer]]]
    listed: dict[str, dict]
    pids_before: Sequence[int]

    @property
    def accepted(self) -> Iterator[tuple[Mail, str]]:
        """Each mail answered 250, with the id that the answer named."""
        for mail, answer in self.sent:
            if answer.code == 250:
                yield mail, answer.text.split()[-1]

    def ask(self, *arguments: str) -> bytes:
        """One call of the command line that must succeed; its standard output."""
        done = CliRunner().invoke(cli, ["-c", str(self.installation.file), *arguments])
        assert done.exit_code == 0, (arguments, done.output)
        return done.stdout_bytes


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both stores: PostgreSQL refuses text that SQLite takes, such as NUL and lone surrogates."""
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgres_server")
    url = server.database()
    yield url
    server.drop(url)


@pytest.fixture(scope="module")
def run(
    corpora: Path, tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles, database_url: str
) -> Iterator[Run]:
    """The whole run; the installation lives until the last test of it."""
    zone = DnsZone(json.loads((corpora / "dmarc/records.json").read_bytes()))
    desk = {**DESK, "address": [{**DESK["address"][0], "acknowledge": "We have your mail."}]}
    with Installation(
        tmp_path_factory.mktemp("corpora"),
        database_url=database_url,
        nameservers=[zone.address],
        tls=tls_files,
        desk=desk,
        config={"policy": {"mode": "annotate"}, "dkim": {"min_key_bits": 512}, "limits": LONG_SESSIONS},
    ) as installation:
        installation.set_up(zone)
        program = installation.start()
        signer = Signer(zone, "customer.example")
        copy, acknowledgement = _open_case(installation, signer)
        mails = [
            *bounces(corpora, copy.return_path or ""),
            *answers(corpora, SUPPORT, signer, acknowledgement.field("Message-ID")),
            *with_signatures(corpora, SUPPORT, zone),
            *from_strangers(corpora, SUPPORT),
        ]
        pids = program.children()
        sent = _send_all(installation, mails)
        tricks = [(mail, _smuggle(installation, mail)) for mail in smuggled(corpora, SUPPORT)]
        yield Run(installation, sent, tricks, _settled(installation), pids)
    zone.close()


def _open_case(installation: Installation, signer: Signer) -> tuple[Delivered, Delivered]:
    """A live case to which answers and bounces belong: the agent's copy, and the customer's acknowledgement."""
    content = signer.sign(
        b"From: Carl Customer <carl@customer.example>\r\nTo: support@firm.example\r\nSubject: Broken tractor\r\n"
        b"Message-ID: <first@customer.example>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nIt does not start.\r\n"
    )
    with installation.mx() as client:
        assert client.send_mail("carl@customer.example", [SUPPORT], content).code == 250
    installation.wait_for_mail(2)
    return installation.maildir("ann.doe@private.example")[0], installation.maildir("carl@customer.example")[0]


def _send_all(installation: Installation, mails: Sequence[Mail]) -> list[tuple[Mail, Answer]]:
    """Several connections that each take the next mail when they are free; the folders are mixed."""
    order = [mail for start in range(CONNECTIONS) for mail in mails[start::CONNECTIONS]]
    waiting, lock, sent = iter(order), threading.Lock(), []

    def take() -> Mail | None:
        with lock:
            return next(waiting, None)

    def serve_one_connection() -> None:
        with installation.mx(timeout=ANSWER_WITHIN_S) as client:
            while (mail := take()) is not None:
                sent.append((mail, client.send_mail(mail.reverse_path, [mail.recipient], mail.content)))
            client.quit()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(serve_one_connection) for _ in range(CONNECTIONS)]:
            done.result()
    assert len(sent) == len(mails)
    return sent


def _smuggle(installation: Installation, mail: Mail) -> list[Answer]:
    """Send octets as they are after DATA, then QUIT; every answer up to the one to QUIT."""
    answers = []
    with installation.mx() as client:
        for line in (f"MAIL FROM:<{mail.reverse_path}>", f"RCPT TO:<{mail.recipient}>", "DATA"):
            assert client.command(line).code in (250, 354)
        client.send(mail.content + b"QUIT\r\n")
        with contextlib.suppress(Disconnected):  # who goes on after a refused DATA is cut off (RFC 2920 §3.1)
            while not answers or answers[-1].code != 221:
                answers.append(client.read())
    return answers


def _settled(installation: Installation) -> dict[str, dict]:
    """Every message by its id, once none of them is unfinished and nothing is due in the outbox."""

    def ask(*arguments: str) -> list[dict]:
        done = CliRunner().invoke(cli, ["-c", str(installation.file), *arguments, "list", "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def is_done() -> bool:
        states = {one["state"] for one in ask("message")} | {one["state"] for one in ask("outbox")}
        return not states & {"accepted", "queued", "deferred"}

    wait_until(is_done, "every message routed and every copy sent", SETTLED_WITHIN_S)
    return {one["id"]: one for one in ask("message")}


def test_every_mail_is_answered_and_refused_only_for_bare_line_ends(run):
    # RFC 5321 §2.3.8 and §4.5.2 allow neither bare CR nor bare LF, and NUL cannot be kept by many who take it on.
    refused = {mail.name: str(answer.code) for mail, answer in run.sent if answer.code != 250}
    assert refused == {mail.name: "554" for mail, _ in run.sent if mail.holds_bare_octets}
    assert sorted(refused) == ["bounces/sisimai/lhost-x2-04.eml", "mime/mail-parser/thirdparty/005.eml"]


def test_no_process_died_and_nothing_went_wrong_in_the_log(run):
    (program,) = run.installation.programs
    assert program.is_running
    assert program.children() == run.pids_before
    assert program.errors() == []


def test_every_accepted_mail_is_kept_octet_for_octet(run):
    changed = [mail.name for mail, id_ in run.accepted if run.ask("message", "raw", id_) != mail.content]
    assert changed == []


def test_the_stamped_form_begins_with_our_stamp_and_ends_with_the_body(run):
    for mail, id_ in run.accepted:
        stamped = run.ask("message", "raw", id_, "--stamped")
        assert stamped.startswith(b"Authentication-Results: gw.example;"), mail.name
        assert f"\r\nX-Casegate-Message: {id_}\r\n".encode() in stamped, mail.name
        assert stamped.endswith(mail.content.partition(b"\r\n\r\n")[2]), mail.name


def test_every_accepted_mail_is_routed_into_a_case_and_none_is_shunted(run):
    ends = Counter(run.listed[id_]["state"] for _, id_ in run.accepted)
    assert ends == {"routed": sum(1 for _ in run.accepted)}
    assert [mail.name for mail, id_ in run.accepted if run.listed[id_]["case"] is None] == []


def test_answers_and_bounces_join_their_case_and_nobody_else_does(run):
    first = min(one["case"] for one in run.listed.values())
    joined = {mail.name for mail, id_ in run.accepted if run.listed[id_]["case"] == first}
    wanted = {
        mail.name
        for mail, id_ in run.accepted
        if mail.name.startswith("replies/email_reply_trimmer")
        or (mail.name.startswith("bounces/") and _class_at_arrival(run, id_) == "bounce")
    }
    assert len(wanted) > 250
    assert joined == wanted


def test_bounces_are_told_from_what_is_none(run, corpora):
    expected = json.loads((corpora / "bounces/sisimai/expect.json").read_bytes())["files"]
    wrong = []
    for mail, id_ in run.accepted:
        expect = expected.get(mail.name.removeprefix("bounces/sisimai/"))
        if expect is not None and (run.listed[id_]["classification"] == "bounce") != expect["is_bounce"]:
            wrong.append(mail.name)
    assert wrong == []


def _class_at_arrival(run, id_):
    """What decided the thread; the job may have seen another class in the content since."""
    return next(one["decided"] for one in _notes(run, id_) if one["step"] == "classification")


def _notes(run, id_):
    return json.loads(run.ask("message", "explain", id_, "--json"))["notes"]


def test_every_accepted_mail_can_be_shown(run):
    for mail, id_ in run.accepted:
        shown = json.loads(run.ask("message", "show", id_, "--json"))
        assert shown.keys() >= SHOWN, mail.name
        assert shown["authentication"].keys() >= {"spf", "dkim", "dmarc", "arc"}, mail.name
        assert shown["text"] is not None, mail.name


def test_every_accepted_mail_reached_the_agent_as_a_clean_copy(run):
    """But for one that bears the signature of another one in its thread: the agent has had it."""
    without = {}
    for path in sorted((run.installation.out / "new").glob("*")):
        assert BARE.search(delivered(path).content) is None, path.name
    for mail, id_ in run.accepted:
        outcomes = {one["outcome"] for one in run.listed[id_]["attempts"] if one["kind"] == "copy"}
        if not outcomes:
            without[mail.name] = [one["decided"] for one in _notes(run, id_) if one["step"] == "case"]
        assert outcomes <= {"delivered"}, mail.name
    assert all(said == ["repeated"] for said in without.values()), without
    assert len(without) < 5


def test_no_octets_within_the_content_smuggle_a_second_mail(run):
    subjects = Counter(one["subject"] for one in run.listed.values())
    for trick, said in run.smuggled:
        # One answer to all that follows DATA, and one to QUIT; a trick that is a true end is followed by refusals.
        answered = [answer.code for answer in said]
        assert answered in ([250, 221], [554, 221]) or trick.ends_data, trick.name
        assert subjects[f"first {trick.name}"] == (answered[0] == 250), trick.name
        assert subjects[f"second {trick.name}"] == 0, trick.name
    assert {said[0].code for _, said in run.smuggled} == {250, 554}
