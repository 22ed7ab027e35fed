# SPDX-License-Identifier: Apache-2.0
"""The bench's mails: their size, their signatures, their cache."""

import dkim
import pytest

from bench import mails


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return mails.private_key(tmp_path_factory.mktemp("bench") / "dkim.pem")


@pytest.mark.parametrize("index", [0, 7, 99999])
def test_a_mail_has_4096_octets_and_a_signature_that_an_independent_verifier_takes(key, index):
    content = mails.signed(index, key)
    record = mails.public_record(key).encode()
    assert len(content) == mails.SIZE_OCTETS
    assert dkim.verify(content, dnsfunc=lambda name, timeout=5: record)


def test_no_line_needs_dot_stuffing_or_is_too_long(key):
    lines = mails.signed(3, key).split(b"\r\n")
    assert not [line for line in lines if line.startswith(b".") or len(line) > 998]


def test_only_what_is_missing_is_signed(key, tmp_path):
    file = tmp_path / "mails.bin"
    mails.prepare(file, key, 2)
    before = file.read_bytes()
    mails.prepare(file, key, 3)
    assert file.read_bytes()[: len(before)] == before
    assert mails.load(file, 2, 1) == [mails.signed(2, key)]


def test_a_mail_that_a_killed_run_wrote_by_half_is_signed_again(key, tmp_path):
    file = tmp_path / "mails.bin"
    file.write_bytes(mails.signed(0, key)[:100])
    mails.prepare(file, key, 1)
    assert file.read_bytes() == mails.signed(0, key)
