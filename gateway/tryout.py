# SPDX-License-Identifier: Apache-2.0
"""`make run`: the gateway on its embedded defaults in var/try, with one customer's mail played through the whole path.

It uses the program as an operator would: init, apply, agent password, serve. A small DNS server on loopback holds the
customer's DKIM key. It prints each step as it happens and stays until Ctrl-C; a second run goes on where the first
ended.
"""

import os
import secrets
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from email.utils import formatdate, make_msgid
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from gateway.clock import SystemClock
from handlers.signing import Signer, generate_key

HOME = Path("var/try")
WAIT_S = 30.0
PORTS = (2525, 2587, 2465)
CUSTOMER, SUPPORT, AGENT = "carl@customer.example", "support@firm.example", "ann.doe@private.example"

CONFIGURATION = """\
# Written by make run; conf/casegate.toml explains every key.
[server]
name = "gw.example"
state_dir = "{home}"
[queue]
redis_url = ""                      # casegate's own workers
[dns]
nameservers = ["{nameserver}"]
[tls]
certificate = "{home}/tls.pem"
key = "{home}/tls.key"
[mx]
listen = ["127.0.0.1:{ports[0]}"]
[submission]
listen = ["127.0.0.1:{ports[1]}"]
listen_tls = ["127.0.0.1:{ports[2]}"]
[outbound]
route = "maildir:{home}/out"
"""


class Nameserver:
    """Answers TXT questions about the names it is told, everything else with NXDOMAIN; on loopback only."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, name="nameserver", daemon=True).start()

    def _serve(self) -> None:
        while True:
            packet, peer = self._socket.recvfrom(4096)
            try:
                self._socket.sendto(self._answer(dns.message.from_wire(packet)).to_wire(), peer)
            except Exception as error:
                print(f"      nameserver: {error}", file=sys.stderr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        name = query.question[0].name
        text = self.records.get(name.to_text(omit_final_dot=True).lower())
        if text is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            pieces = " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", pieces))
        return answer


def main() -> int:
    """Set up, play, stay."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    home = HOME.resolve()
    home.mkdir(parents=True, exist_ok=True)
    nameserver = Nameserver()
    ports = [_free(port) for port in PORTS]
    (home / "casegate.toml").write_text(
        CONFIGURATION.format(home=home, nameserver=nameserver.address, ports=ports), "utf-8"
    )
    password = _set_up(home)
    customer = _customer(home, nameserver)
    with (home / "casegate.log").open("ab") as log:
        server = subprocess.Popen([*_program(home), "serve"], stderr=log, start_new_session=True)
    try:
        _wait(lambda: _is_open(ports[0]) and _is_open(ports[1]), server, home)
        say("The gateway runs.", f"MX 127.0.0.1:{ports[0]}, submission 127.0.0.1:{ports[1]} and {ports[2]} (TLS)")
        _play(home, ports, customer, password)
        _show_how(home, ports, password)
        return server.wait()
    except KeyboardInterrupt:
        say("Stopping.")
        return 0
    finally:
        server.terminate()
        server.wait(60)


def say(step: str, detail: str = "") -> None:
    """One step, and where to look."""
    print(f"==> {step}")
    if detail:
        print("      " + detail.replace("\n", "\n      "))
    sys.stdout.flush()


def _program(home: Path) -> list[str]:
    return [str(Path(sys.executable).parent / "casegate"), "-c", str(home / "casegate.toml")]


def _set_up(home: Path) -> str:
    """init, apply and password, each as an operator would type it; returns the agent's password."""
    say("casegate init, apply, agent password", f"configuration {_short(home / 'casegate.toml')}")
    subprocess.run([*_program(home), "init", str(home)], check=True, stdout=subprocess.DEVNULL)
    desk = home / "desk.toml"
    if not desk.exists():
        desk.write_text((Path(__file__).parent.parent / "conf" / "desk.toml").read_text("utf-8"), "utf-8")
    subprocess.run([*_program(home), "apply", str(desk)], check=True, stdout=subprocess.DEVNULL)
    # One agent gets every case, so that the steps below always find their copy.
    subprocess.run([*_program(home), "agent", "presence", "bob", "away"], check=True, stdout=subprocess.DEVNULL)
    agent = home / "agent.txt"
    if not agent.exists():
        agent.touch(mode=0o600)
        agent.write_text(f"ann\n{secrets.token_urlsafe(12)}\n", "utf-8")
    password = agent.read_text("utf-8").split()[1]
    subprocess.run(
        [*_program(home), "agent", "password", "ann"],
        check=True,
        input=password,
        text=True,
        stdout=subprocess.DEVNULL,
    )
    return password


def _customer(home: Path, nameserver: Nameserver) -> Signer:
    """The customer's own mail server: a DKIM key, published."""
    path = home / "customer.pem"
    if not path.exists():
        path.write_bytes(generate_key())
    signer = Signer(path.read_bytes(), "s1", SystemClock())
    nameserver.records["s1._domainkey.customer.example"] = signer.public_record()
    ours = Signer((home / "keys" / "dkim.pem").read_bytes(), "casegate", SystemClock()).public_record()
    nameserver.records |= {f"casegate._domainkey.{domain}": ours for domain in ("gw.example", "firm.example")}
    return signer


def _play(home: Path, ports: list[int], customer: Signer, password: str) -> None:
    """The customer asks, the agent answers."""
    mail = _mail(
        f"Carl Customer <{CUSTOMER}>",
        SUPPORT,
        "The tractor does not start",
        "Hello,\n\nsince this morning the tractor does not start. What can I do?\n\nCarl\n",
    )
    accepted = _send_to_mx(ports[0], customer.sign(mail, "customer.example") + mail)
    say("A customer's mail, DKIM-signed, goes in by SMTP.", accepted)
    file, copy = _wait_for(home, AGENT, "The tractor does not start", accepted)
    say(
        f"It became case {copy['X-Casegate-Case']} with thread ID {copy['X-Casegate-Thread']};"
        " the agent's copy is in the maildir.",
        f"{_short(file)}\nFrom: {copy['From']}\n{' '.join(str(copy['Authentication-Results']).split())}",
    )
    reply = _mail(
        f"Ann Doe <{AGENT}>",
        str(copy["Reply-To"]),
        "Re: The tractor does not start",
        "Hello Carl,\n\nplease check the battery first.\n",
        **{"In-Reply-To": str(copy["Message-ID"]), "User-Agent": "Ann's private mail client"},
    )
    answer = _send_as_agent(home, ports[1], str(copy["Reply-To"]), reply, password)
    say("The agent answers from an ordinary mail client, through the relay (STARTTLS, AUTH).", answer)
    file, sent = _wait_for(home, CUSTOMER, "Re: The tractor does not start", str(copy["X-Casegate-Thread"]))
    text = str(sent.get_payload()).replace("\r\n", "\n").strip()
    say(
        "The customer gets it from the team, with the team's signature.",
        f"{_short(file)}\nFrom: {sent['From']}\n{text}",
    )


def _show_how(home: Path, ports: list[int], password: str) -> None:
    program = f"{_short(_program(home)[0])} -c {_short(home / 'casegate.toml')}"
    looks = ("case list", "case show 1", "message list", "session list", "outbox list")
    say("Look at it:", "\n".join(f"{program} {look}" for look in looks))
    say(
        "Send the next one (unsigned, so the agent's copy says [unverified]):",
        f"swaks --server 127.0.0.1:{ports[0]} --from dora@elsewhere.example --to {SUPPORT} \\\n"
        "      --header 'Subject: A question' --body 'How much is it?'\n"
        f"or in Python:\nimport smtplib; smtplib.SMTP('127.0.0.1', {ports[0]}).sendmail('dora@elsewhere.example',\n"
        f"    '{SUPPORT}', 'From: dora@elsewhere.example\\nSubject: A question\\n\\nHow much is it?\\n')\n"
        "or to vip@firm.example, which holds strangers' mail; then: quarantine list, quarantine release ID",
    )
    say(
        "Answer as the agent, in a mail client with these settings:",
        f"server 127.0.0.1, port {ports[1]} (STARTTLS) or {ports[2]} (TLS), login ann, password {password}\n"
        f"(also in {_short(home / 'agent.txt')}); certificate {_short(home / 'tls.pem')}\n"
        f"Mail that leaves lies in {_short(home / 'out' / 'new')}, the log in {_short(home / 'casegate.log')}.",
    )
    say("Ctrl-C stops it.")


def _mail(author: str, recipient: str, subject: str, text: str, **more: str) -> bytes:
    fields = {
        "From": author,
        "To": recipient,
        "Subject": subject,
        "Date": formatdate(),
        "Message-ID": make_msgid(domain=author.rpartition("@")[2].rstrip(">")),
        **more,
    }
    section = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return f"{section}\n{text}".replace("\n", "\r\n").encode()


def _send_to_mx(port: int, content: bytes) -> str:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="mail.customer.example") as client:
        return _transaction(client, CUSTOMER, SUPPORT, content)


def _send_as_agent(home: Path, port: int, recipient: str, content: bytes, password: str) -> str:
    context = ssl.create_default_context(cafile=str(home / "tls.pem"))
    context.check_hostname = False
    with smtplib.SMTP("127.0.0.1", port, local_hostname="anns-laptop.private.example") as client:
        client.starttls(context=context)
        client.login("ann", password)
        return _transaction(client, AGENT, recipient, content)


def _transaction(client: smtplib.SMTP, reverse_path: str, recipient: str, content: bytes) -> str:
    client.ehlo_or_helo_if_needed()
    client.mail(reverse_path)
    client.rcpt(recipient)
    code, text = client.data(content)
    if code != 250:
        raise SystemExit(f"the gateway said {code} {text.decode()}")
    return f"{code} {text.decode()}"


def _wait_for(home: Path, recipient: str, subject: str, mark: str) -> tuple[Path, Message]:
    """The newest mail for this recipient with this subject that bears the mark: our id in Received, or a thread ID."""
    word = mark.split()[-1]
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        for file in sorted((home / "out" / "new").glob("*"), key=os.path.getmtime, reverse=True):
            content = file.read_bytes()
            mail = BytesParser().parsebytes(content)
            if mail["Delivered-To"] == recipient and mail["Subject"] == subject and word.encode() in content:
                return file, mail
        time.sleep(0.1)
    raise SystemExit(f"no mail for {recipient} after {WAIT_S:.0f} s: see {_short(home / 'casegate.log')}")


def _wait(is_true: Callable[[], bool], server: "subprocess.Popen[bytes]", home: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_true():
        if server.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the gateway does not start: see {_short(home / 'casegate.log')}")
        time.sleep(0.1)


def _free(port: int) -> int:
    """This port, or any free one where it is taken."""
    for candidate in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("no free port on loopback")


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _short(path: str | Path) -> str:
    return os.path.relpath(path)


if __name__ == "__main__":
    sys.exit(main())
