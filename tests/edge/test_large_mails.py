# SPDX-License-Identifier: Apache-2.0
"""Mail of 25 MB, many at the same time: all of it is taken, memory stays bounded, and small mail does not wait for it.

The promise is a hundred mails within a GB, and it is a law of so much a mail: MAILS of them are held to it here, for a
hundred are some minutes on two busy cores; CASEGATE_LARGE_MAILS=100 runs all. The senders are threads of the test that
share the octets of one body, so that they cost little beside the program.
"""

import contextlib
import os
import shutil
import threading
from base64 import encodebytes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from random import Random

import pytest

from tests.support import meter
from tests.support.installation import Installation
from tests.support.smtp_client import RawClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

MB = 1_000_000
PATIENCE_S = 360
CARL = "carl@customer.example"
SUPPORT = "support@firm.example"
ANN = "ann.doe@private.example"
MAILS = int(os.environ.get("CASEGATE_LARGE_MAILS", "12"))
REPLIES, BESIDE, SMALL_MAILS = 4, 6, 40

MOST_OF_ALL = 1000 * MB
MOST_BESIDES = 100 * MB  # what processes grow by at their first large mail: 10 to 15 MB each
MOST_FOR_ONE = 4 * MB  # two chunks, their packed form, the digests, and what malloc makes of them
MOST_OF_RELAY = 400 * MB  # 85 MB, and one draft at a time, seven times over
MOST_AFTERWARDS = 200 * MB

# Half a MB that does not compress, again and again: a chunk of the store cannot see that it comes again.
BLOCK = encodebytes(Random(0).randbytes(350_000)).replace(b"\n", b"\r\n")
HEAD = (
    "From: {author}\r\nTo: {to}\r\nSubject: large\r\nMessage-ID: <large.{number}@{host}>\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nPlans.\r\n'
    "--b\r\nContent-Type: application/octet-stream; name=plans.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)
BODY = memoryview(BLOCK * (25 * MB // len(BLOCK)) + b"--b--\r\n.\r\n")
SMALL = "From: {author}\r\nSubject: small\r\nMessage-ID: <small.{number}@customer.example>\r\n\r\nHelp!\r\n"


class Watch:
    """The most that processes had in memory at the same time, looked at ten times a second: all together, and one."""

    def __init__(self, house: Installation) -> None:
        self._house, self._over = house, threading.Event()
        self.together = self.largest = 0

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            with contextlib.suppress(OSError, StopIteration):  # a process has just ended
                each = resident_each(self._house)
                self.together, self.largest = max(self.together, sum(each)), max(self.largest, *each)


def resident_each(house: Installation) -> list[int]:
    return [meter.resident([pid]) for pid in meter.family(house.programs[0].pid)]


@pytest.fixture
def house(build: Callable[..., Installation]) -> Iterator[Installation]:
    """One of its own for each test; what it delivered, some GB, does not stay."""
    made = build({"mx": {"processes": 2}, "queue": {"workers": 2}})
    yield made
    made.kill()
    shutil.rmtree(made.out, ignore_errors=True)
    (made.directory / "casegate.db").unlink()


def send_large(client: RawClient, author: str, to: str, number: int) -> int:
    """One mail of 25 MB; the code of the last response."""
    for line in (f"MAIL FROM:<{author}>", f"RCPT TO:<{to}>", "DATA"):
        answer = client.command(line)
        if answer.code >= 400:
            return answer.code
    client.sock.settimeout(PATIENCE_S)
    client.sock.sendall(HEAD.format(author=author, to=to, number=number, host=author.partition("@")[2]).encode())
    client.sock.sendall(BODY)
    return client.read(PATIENCE_S).code


def from_carl(house: Installation, number: int) -> int:
    with house.mx(timeout=PATIENCE_S) as client:
        return send_large(client, CARL, SUPPORT, number)


def small_mail(house: Installation, number: int) -> None:
    with house.mx() as client:
        assert client.send_mail(CARL, [SUPPORT], SMALL.format(author=CARL, number=number).encode()).code == 250


def at_once(work: Callable[[int], int], count: int) -> list[int]:
    with ThreadPoolExecutor(count) as senders:
        return list(senders.map(work, range(count)))


def test_replies_of_25_mb_at_once_are_all_answered_in_little_memory(house: Installation) -> None:
    with house.mx() as client:
        assert client.send_mail(CARL, [SUPPORT], SMALL.format(author=CARL, number=0).encode()).code == 250
    (copy,) = house.wait_for_mail(1, ANN)
    to = copy.field("Reply-To")

    def reply(number: int) -> int:
        with house.submission_tls() as client:
            return send_large(client, ANN, to, number)

    with Watch(house) as watch:
        codes = at_once(reply, REPLIES)
    assert set(codes) <= {250, 452}, codes
    assert watch.largest < MOST_OF_RELAY
    assert max(resident_each(house)) < MOST_AFTERWARDS


def test_many_mails_of_25_mb_at_once_are_all_taken_in_less_than_a_gb(house: Installation) -> None:
    before = sum(resident_each(house))
    with Watch(house) as watch:
        codes = at_once(lambda number: from_carl(house, number), MAILS)
    assert codes == [250] * MAILS
    assert watch.together < min(before + MOST_BESIDES + MAILS * MOST_FOR_ONE, MOST_OF_ALL)


def test_small_mail_does_not_wait_for_large_mail(house: Installation) -> None:
    """While a small mail is on its way hardly a large one ends; would it wait for one, one had to."""
    over, numbers, ended = threading.Event(), count(), []

    def keep_sending(_: int) -> None:
        while not over.is_set():
            assert from_carl(house, next(numbers)) == 250
            ended.append(True)

    def ends_meanwhile(number: int) -> bool:
        before = len(ended)
        small_mail(house, number)
        return len(ended) > before

    with ThreadPoolExecutor(BESIDE) as senders:
        large = [senders.submit(keep_sending, one) for one in range(BESIDE)]
        waited = sum(ends_meanwhile(number) for number in range(SMALL_MAILS))
        over.set()
    for one in large:
        one.result()
    assert waited < SMALL_MAILS / 2
