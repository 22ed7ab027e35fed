# SPDX-License-Identifier: Apache-2.0
"""The configuration as a whole: the shipped sample, the smallest file, secrets, files, units."""

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config, credentials, units
from gateway.config_errors import ConfigError
from storage import content

SAMPLE = Path(__file__).parent.parent.parent / "conf" / "casegate.toml"
SMALL = """
[server]
name = "gw.example"
authserv_id = "gw.example"
state_dir = "DIR"
[database]
url = "sqlite:///DIR/casegate.db"
[queue]
redis_url = ""
[dns]
nameservers = ["127.0.0.1:5353"]
[tls]
certificate = "DIR/tls.pem"
key = "DIR/tls.key"
[mx]
listen = ["127.0.0.1:2525"]
proxy_protocol_from = ["127.0.0.1"]
[submission]
listen = ["127.0.0.1:2587"]
listen_tls = ["127.0.0.1:2465"]
[policy]
mode = "enforce"
[dkim]
min_key_bits = 1024
[outbound]
route = "maildir:DIR/out"
"""


def _load(tmp_path, text, environ=None):
    path = tmp_path / "casegate.toml"
    path.write_text(text)
    return config.load(path, environ or {})


def test_the_sample_holds_every_key():
    document = tomllib.loads(SAMPLE.read_text())
    assert set(document) == set(config.Config.model_fields)
    for name, field in config.Config.model_fields.items():
        assert set(document[name]) == set(field.annotation.model_fields), name


def test_the_sample_shows_the_true_defaults():
    document = tomllib.loads(SAMPLE.read_text())
    raw = config.Config.model_validate(document)
    assert raw == config.Config(server=config.Server(name="gw.example"))
    assert config.effective(raw) == document  # each value stands there in its shortest form


def test_every_key_of_the_sample_has_a_comment_above_it():
    lines = SAMPLE.read_text().splitlines()
    keys = [number for number, line in enumerate(lines) if line[:1].isalpha()]
    assert [lines[number] for number in keys if not lines[number - 1].startswith("#")] == []
    assert all(len(line) <= 80 for line in lines)


def test_the_smallest_configuration_of_the_contract_loads(tmp_path):
    loaded = _load(tmp_path, SMALL.replace("DIR", str(tmp_path)))
    assert loaded.outbound.route == units.MaildirRoute(tmp_path / "out")
    assert loaded.database.url == f"sqlite:///{tmp_path}/casegate.db"


def test_what_is_left_out_follows_other_keys(tmp_path):
    loaded = _load(tmp_path, '[server]\nname = "GW.Example"\nstate_dir = "/srv/casegate"\n')
    assert loaded.server.authserv_id == "gw.example"
    assert loaded.database.url == "sqlite:////srv/casegate/casegate.db"


def test_the_sweep_spares_a_content_that_comes_as_slowly_as_may_be(tmp_path):
    text = '[server]\nname = "gw.example"\n[limits]\ncontent_timeout = "1h"\n'
    assert 10 * _load(tmp_path, text).limits.content_timeout <= content.ORPHAN_AGE
    with pytest.raises(ConfigError, match="from 1s to 1h"):
        _load(tmp_path, text.replace("1h", "61m"))


def test_a_login_at_the_smarthost_makes_tls_required(tmp_path):
    text = '[server]\nname = "gw.example"\n[outbound]\nroute = "smtp://relay.example:587"\nusername = "firm"\n'
    assert _load(tmp_path, text).outbound.tls == "required"


def test_passwords_come_from_files_and_the_environment_wins(tmp_path):
    (tmp_path / "password").write_text("p/s@ss\n")
    text = f"""
[server]
name = "gw.example"
[database]
url = "postgresql+psycopg://casegate@db.example/casegate"
password_file = "{tmp_path}/password"
[queue]
redis_password_file = "{tmp_path}/password"
"""
    loaded = _load(tmp_path, text)
    assert credentials.database_url(loaded) == "postgresql+psycopg://casegate:p%2Fs%40ss@db.example/casegate"
    assert credentials.redis_url(loaded) == "redis://:p%2Fs%40ss@127.0.0.1:6379/0"
    loaded = _load(tmp_path, text, {"CASEGATE_DATABASE_PASSWORD": "other", "CASEGATE_REDIS_PASSWORD": "bell"})
    assert ":other@" in credentials.database_url(loaded)
    assert ":bell@" in credentials.redis_url(loaded)
    assert "other" not in repr(config.effective(loaded)) + repr(loaded)


def test_a_password_in_a_url_is_not_shown(tmp_path):
    text = '[server]\nname = "gw.example"\n[database]\nurl = "postgresql+psycopg://u:hunter2@db.example/c"\n'
    assert "hunter2" not in repr(config.effective(_load(tmp_path, text)))


# why: only roles that read a file refuse to start without it
@pytest.mark.parametrize(("role", "refused"), [("mx", False), ("worker", False), ("submission", True), ("serve", True)])
def test_a_role_needs_only_its_own_files(role, refused, tmp_path):
    loaded = _load(tmp_path, SMALL.replace("DIR", str(tmp_path)))
    if not refused:
        credentials.check_files(loaded, role)
        return
    with pytest.raises(ConfigError, match=r"tls\.certificate: found .* \(No such file or directory\), expected a read"):
        credentials.check_files(loaded, role)


@given(st.integers(0, 10**11).map(lambda ms: timedelta(milliseconds=ms)))
def test_a_duration_reads_back(duration):
    assert units.parse_duration(units.show_duration(duration)) == duration


@given(st.integers(0, 10**12 - 1))
def test_a_size_and_a_rate_read_back(octets):
    assert units.parse_size(units.show_size(octets)) == octets
    assert units.parse_rate(units.show_rate(octets)) == octets


@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_endpoint_reads_back(address, port):
    endpoint = units.Endpoint(str(address), port)
    assert units.parse_endpoint(str(endpoint)) == endpoint


@given(st.text(max_size=30))
def test_any_text_is_a_value_or_a_value_error(text):
    readers = (
        units.parse_duration,
        units.parse_size,
        units.parse_rate,
        units.parse_endpoint,
        units.parse_network,
        units.parse_host_name,
        units.parse_path,
        units.parse_route,
    )
    for read in readers:
        try:
            read(text)
        except ValueError:
            continue


# why: port 0 is chosen by the system; families do not meet; a wildcard covers its family
@pytest.mark.parametrize(
    ("one", "two", "overlap"),
    [
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("0.0.0.0:25", "[::]:25", False),
        ("0.0.0.0:25", "192.0.2.1:25", True),
        ("[::1]:25", "[::]:25", True),
        ("127.0.0.1:25", "127.0.0.2:25", False),
    ],
)
def test_listeners_overlap(one, two, overlap):
    assert units.parse_endpoint(one).overlaps(units.parse_endpoint(two)) is overlap
