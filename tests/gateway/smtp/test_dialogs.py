# SPDX-License-Identifier: Apache-2.0
"""Plays tests/dialogs/{mx,submission,lmtp}/*.txt over a real socket; tests/dialogs/README.md says how to write them."""

import re
from pathlib import Path

import pytest

DIALOGS = Path(__file__).parents[2] / "dialogs"
SETTINGS = {
    "max_size_octets": 1000,
    "max_recipients": 3,
    "max_errors": 8,
}


def dialogs(kind):
    found = sorted((DIALOGS / kind).glob("*.txt"))
    return [pytest.param(path, id=path.stem) for path in found]


def escaped(text):
    return text.encode().decode("unicode_escape").encode("latin-1")


def settings(path):
    """SETTINGS, changed as the dialog's SET lines say."""
    words = (line.split() for line in path.read_text("utf-8").splitlines() if line.startswith("SET "))
    return SETTINGS | {name: value == "true" if value in ("true", "false") else int(value) for _, name, value in words}


class Player:
    """One dialog against one connection."""

    def __init__(self, client, mails, client_tls):
        self.client, self.mails, self.client_tls, self.session = client, mails, client_tls, ""

    async def play(self, path):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            verb, _, rest = line.partition(" ")
            if line and verb not in ("#", "SET"):
                complaint = await self.do(verb, rest)
                assert not complaint, f"{path.name}:{number}: expected {rest!r}, {complaint}"

    def named(self, answer):
        """The session's id is another one each time."""
        if not self.session and (found := re.search(r" \(id (\w+)", answer)):
            self.session = found[1]
        return answer.replace(f" (id {self.session}", " (id SESSION") if self.session else answer

    async def do(self, verb, rest):
        """What is wrong, or nothing."""
        if verb == "C:":
            await self.client.send(rest.encode() + b"\r\n")
        elif verb == "C+":
            await self.client.send(escaped(rest))
        elif verb == "S:":
            answer = self.named((await self.client.response()).decode())
            return "" if answer.startswith(rest) else f"the server said {answer!r}"
        elif verb == "TLS":
            await self.client.writer.start_tls(self.client_tls, server_hostname="gw.example")
        elif verb == "EOF":
            self.client.writer.write_eof()
        elif verb == "KEPT":
            kept = self.mails.pop(0)[2] if self.mails else "nothing"
            return "" if kept == escaped(rest) else f"kept was {kept!r}"
        elif verb == "NOTHING":
            return f"kept was {self.mails!r}" if self.mails else ""
        elif verb == "CLOSED":
            answer = await self.client.response()
            return "" if answer == b"" else f"the server said {answer!r} instead of closing"
        else:
            return "no such line in a dialog"
        return ""


@pytest.mark.parametrize("path", dialogs("mx"))
async def test_an_mx_dialog_goes_as_written(path, start, receiver, server_tls, client_tls):
    running = await start(tls=server_tls, **settings(path))
    await Player(await running.connect(greet=False), receiver.mails, client_tls).play(path)


@pytest.mark.parametrize("path", dialogs("submission"))
async def test_a_submission_dialog_goes_as_written(path, start, receiver, server_tls, client_tls, one_login):
    running = await start(one_login, tls=server_tls, **settings(path))
    await Player(await running.connect(greet=False), receiver.mails, client_tls).play(path)


@pytest.mark.parametrize("path", dialogs("lmtp"))
async def test_an_lmtp_dialog_goes_as_written(path, start_local, receiver, client_tls):
    running = await start_local(**settings(path))
    await Player(await running.connect(greet=False), receiver.mails, client_tls).play(path)


def test_there_are_dialogs_for_each_listener():
    assert len(dialogs("mx")) >= 60
    assert len(dialogs("submission")) >= 12
    assert len(dialogs("lmtp")) >= 10
