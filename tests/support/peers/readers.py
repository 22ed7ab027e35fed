# SPDX-License-Identifier: Apache-2.0
"""Mail programs in which people read and answer: mutt and s-nail over a maildir, and a script of nodemailer's.

Enters: a Desktop, which is one person's directory with a maildir, and words. Leaves: a mail that the program wrote and
handed to the MX by SMTP, as the person's own host. mutt is driven by keys on a terminal of its own, for it answers in
no other way. None of them reads a configuration of this machine.
"""

import json
import os
import pty
import select
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers.clients import LIMIT_S, NODE_PATH

SCRIPT = Path(__file__).with_name("nodemailer_answer.js")
PROGRAMS = {"mutt": "mutt", "s-nail": "s-nail", "node": "nodejs"}

MUTTRC = """
set smtp_url="smtp://127.0.0.1:{port}/" ssl_starttls=no ssl_force_tls=no
set from="{address}" realname="{name}" use_from=yes envelope_from=yes hostname="{host}"
set folder="{mail}" spoolfile="{mail}" mbox_type=Maildir record="" postponed="{home}/drafts" trash=""
set charset=utf-8 send_charset="us-ascii:utf-8" text_flowed=yes
set editor="{editor}" autoedit=yes fast_reply=yes include=yes edit_headers=no recall=no
set abort_nosubject=no abort_unmodified=no move=no quit=yes confirmappend=no wait_key=no sort=date
set mime_forward=no reply_to=yes sendmail_wait=0
"""
EDITOR = '#!/bin/sh\n{{ cat {words}; printf "\\n\\n"; cat "$1"; }} >{home}/edited && cat {home}/edited >"$1"\n'


@dataclass(frozen=True)
class Desktop:
    """One person's machine: their directory, who they are, and the port of the MX."""

    home: Path
    name: str
    address: str
    port: int

    @property
    def mail(self) -> Path:
        return self.home / "Mail"

    def receive(self, name: str, content: bytes) -> None:
        """Put a letter into the maildir, as a mail host does, in lines that end in LF."""
        for folder in ("cur", "new", "tmp"):
            (self.mail / folder).mkdir(parents=True, exist_ok=True)
        (self.mail / "new" / name.replace(":", "-")).write_bytes(content.replace(b"\r\n", b"\n"))


def lacking() -> str:
    """Which packages must be installed; empty when nothing is missing."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def mutt_writes(desktop: Desktop, to: str, subject: str, words: str) -> None:
    """A first mail."""
    command = ["mutt", "-n", "-F", str(_muttrc(desktop, words)), "-s", subject, "--", to]
    _check(subprocess.run(command, input=words.encode(), env=_environment(desktop), timeout=LIMIT_S, check=False))


def mutt_answers(desktop: Desktop, words: str) -> None:
    """Open the last letter, press r, write above the quote, press y."""
    keys = 'push "<last-entry><reply>y<quit>"'
    command = ["mutt", "-n", "-F", str(_muttrc(desktop, words)), "-f", str(desktop.mail), "-e", keys]
    _on_a_terminal(command, _environment(desktop))


def s_nail_answers(desktop: Desktop, number: int, words: str) -> None:
    """`reply NUMBER`: the letter is quoted first, and the words stand below."""
    settings = {
        "v15-compat": "",
        "mta": f"smtp://127.0.0.1:{desktop.port}",
        "smtp-auth": "none",
        "nosave": "",
        "smtp-hostname": desktop.address.rpartition("@")[2],
        "from": f"{desktop.name} <{desktop.address}>",
        "hostname": desktop.address.rpartition("@")[2],
        "ttycharset": "utf-8",
        "sendcharsets": "utf-8",
        "quote": "",
        "indentprefix": "> ",
    }
    words_of = [word for key, value in settings.items() for word in ("-S", f"{key}={value}" if value else key)]
    command = ["s-nail", "-n", "-#", *words_of, "-f", str(desktop.mail)]
    said = f"reply {number}\n{words}\n~.\nxit\n"
    _check(subprocess.run(command, input=said.encode(), env=_environment(desktop), timeout=LIMIT_S, check=False))


def nodemailer_answers(desktop: Desktop, letter: dict[str, str], page: str, image: bytes) -> None:
    """An HTML mail with its text beside it and an image in it, to the Reply-To of a letter."""
    wanted = {
        "port": desktop.port,
        "from": f"{desktop.name} <{desktop.address}>",
        "host": desktop.address.rpartition("@")[2],
        **letter,
        "html": page,
        "image": image.hex(),
    }
    done = subprocess.run(
        ["node", str(SCRIPT)],
        input=json.dumps(wanted).encode(),
        env={**_environment(desktop), "NODE_PATH": NODE_PATH},
        timeout=LIMIT_S,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")


def _muttrc(desktop: Desktop, words: str) -> Path:
    """What mutt is told, with an editor that writes these words above what is there."""
    desktop.home.mkdir(parents=True, exist_ok=True)
    said, editor, path = desktop.home / "words", desktop.home / "editor", desktop.home / "muttrc"
    said.write_text(words)
    editor.write_text(EDITOR.format(words=said, home=desktop.home))
    editor.chmod(0o755)
    host = desktop.address.rpartition("@")[2]
    given = {"port": desktop.port, "address": desktop.address, "name": desktop.name, "host": host}
    path.write_text(MUTTRC.format(**given, mail=desktop.mail, home=desktop.home, editor=editor))
    return path


def _environment(desktop: Desktop) -> dict[str, str]:
    return {**os.environ, "HOME": str(desktop.home), "LC_ALL": "C.UTF-8", "TERM": "xterm", "MAILRC": "/dev/null"}


def _check(done: "subprocess.CompletedProcess[bytes]") -> None:
    assert done.returncode == 0, done


def _on_a_terminal(command: list[str], environment: dict[str, str]) -> None:
    """Run it with a terminal of its own, whose picture is read and kept for the complaint."""
    ours, theirs = pty.openpty()
    seen = bytearray()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as program:
        os.close(theirs)
        try:
            while select.select([ours], [], [], LIMIT_S)[0]:
                octets = os.read(ours, 65536)
                if not octets:
                    break
                seen += octets
        except OSError:  # the program has closed its end
            pass
        finally:
            os.close(ours)
            if not _ends(program):
                program.kill()
    assert program.returncode == 0, seen[-2000:].decode("utf-8", "replace")


def _ends(program: "subprocess.Popen[bytes]") -> bool:
    try:
        program.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        return False
    return True
