# SPDX-License-Identifier: Apache-2.0
"""What the bench counts on casegate's side, and what it hands to it."""

import tomllib

from bench import casegate


def test_only_the_agents_copies_are_counted_and_each_once(tmp_path):
    copies = casegate.Copies(tmp_path)
    (tmp_path / "1").write_bytes(b"Return-Path: <b.x@gw.example>\r\nDelivered-To: ann.doe@private.example\r\n\r\nhello")
    # An acknowledgement to a customer leaves through the same maildir.
    (tmp_path / "2").write_bytes(b"Return-Path: <>\r\nDelivered-To: carl.000001@customer.example\r\n\r\nthanks")
    assert copies.look() == 1
    assert copies.look() == 1


def test_a_maildir_that_is_not_there_yet_holds_nothing(tmp_path):
    assert casegate.Copies(tmp_path / "new").look() == 0


def test_the_configuration_and_the_desk_are_toml():
    values = dict.fromkeys(("directory", "database_url", "redis_url"), "x")
    ports = dict.fromkeys(("dns_port", "mx_port", "submission_port", "submission_tls_port"), 1)
    assert tomllib.loads(casegate.CONFIGURATION.format(**values, **ports))["mx"]["listen"] == ["127.0.0.1:1"]
    assert tomllib.loads(casegate.DESK)["address"][0]["accept_from"] == "anyone"
