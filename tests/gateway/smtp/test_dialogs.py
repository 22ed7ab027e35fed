# SPDX-License-Identifier: Apache-2.0
"""Plays tests/dialogs/{mx,submission}/*.txt over a real socket.

`C: ` sends a line with CR LF, `C+ ` sends Python-escaped octets as they stand, `S: ` expects a response whose code and
enhanced code begin so, `TLS` upgrades after STARTTLS, `CLOSED` expects the end, `#` says why.
"""

from pathlib import Path

import pytest

DIALOGS = Path(__file__).parents[2] / "dialogs"
SETTINGS = {"max_size_octets": 1000, "max_recipients": 3, "max_errors": 8}


def dialogs(kind):
    found = sorted((DIALOGS / kind).glob("*.txt"))
    return [pytest.param(path, id=path.stem) for path in found]


async def play(path, client, client_tls):
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        verb, _, rest = line.partition(" ")
        if verb == "C:":
            await client.send(rest.encode() + b"\r\n")
        elif verb == "C+":
            await client.send(rest.encode().decode("unicode_escape").encode("latin-1"))
        elif verb == "S:":
            answer = (await client.response()).decode()
            assert answer.startswith(rest), f"{path.name}:{number}: expected {rest!r}, the server said {answer!r}"
        elif verb == "TLS":
            await client.writer.start_tls(client_tls, server_hostname="gw.example")
        elif verb == "CLOSED":
            assert await client.response() == b"", f"{path.name}:{number}: the server should have closed"
        else:
            assert not line or verb == "#", f"{path.name}:{number}: {line!r}"


@pytest.mark.parametrize("path", dialogs("mx"))
async def test_an_mx_dialog_goes_as_written(path, start, server_tls, client_tls):
    running = await start(tls=server_tls, **SETTINGS)
    await play(path, await running.connect(greet=False), client_tls)


@pytest.mark.parametrize("path", dialogs("submission"))
async def test_a_submission_dialog_goes_as_written(path, start, server_tls, client_tls, one_login):
    running = await start(one_login, tls=server_tls, **SETTINGS)
    await play(path, await running.connect(greet=False), client_tls)


def test_there_are_dialogs_for_both_listeners():
    assert len(dialogs("mx")) >= 30
    assert len(dialogs("submission")) >= 12
