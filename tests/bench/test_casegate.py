# SPDX-License-Identifier: Apache-2.0
"""What the bench counts on casegate's side, and what it hands to it."""

import contextlib
import json
import tomllib

import pytest

from bench import casegate
from bench.processes import NotReady
from gateway import config


def test_only_the_agents_copies_are_counted_and_each_once(tmp_path):
    copies = casegate.Copies(tmp_path)
    (tmp_path / "1").write_bytes(b"Return-Path: <b.x@gw.example>\r\nDelivered-To: ann.doe@private.example\r\n\r\nhello")
    # An acknowledgement to a customer leaves through the same maildir.
    (tmp_path / "2").write_bytes(b"Return-Path: <>\r\nDelivered-To: carl.000001@customer.example\r\n\r\nthanks")
    assert copies.look() == 1
    assert copies.look() == 1


def test_a_maildir_that_is_not_there_yet_holds_nothing(tmp_path):
    assert casegate.Copies(tmp_path / "new").look() == 0


def test_the_configuration_is_one_that_casegate_takes(tmp_path):
    values = {
        "directory": tmp_path,
        "database_url": f"sqlite:///{tmp_path}/casegate.db",
        "redis_url": "",
        "dns_port": 5301,
        "mx_port": 5302,
        "submission_port": 5303,
        "submission_tls_port": 5304,
    }
    file = tmp_path / "casegate.toml"
    file.write_text(casegate.CONFIGURATION.format(**values))
    assert config.load(file, {}).mx.listen[0].port == 5302


def test_the_desk_is_toml_with_an_address_that_takes_anyone():
    assert tomllib.loads(casegate.DESK)["address"][0]["accept_from"] == "anyone"


RESULTS = [
    # All three vouch.
    (("pass", ["pass"], "pass"), True),
    # DNS was not asked, a signature is missing, the policy was not looked up: that would be another comparison.
    (("temperror", ["pass"], "pass"), False),
    (("pass", [], "pass"), False),
    (("pass", ["pass"], "none"), False),
]


@pytest.mark.parametrize(("results", "is_fine"), RESULTS)
def test_a_run_counts_only_where_the_mail_was_authenticated(results, is_fine):
    spf, dkim, dmarc = results
    found = {"spf": {"result": spf}, "dkim": [{"result": one} for one in dkim], "dmarc": {"result": dmarc}}

    class There:
        def call(self, *_):
            return json.dumps([{"authentication": found}])

    with contextlib.nullcontext() if is_fine else pytest.raises(NotReady):
        casegate.check_results(There())
