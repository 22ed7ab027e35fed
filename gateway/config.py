# SPDX-License-Identifier: Apache-2.0
"""The configuration: the only file that knows its key names. conf/casegate.toml says what each means.

Enters: a TOML file and the environment. Leaves: one frozen Config, every value parsed. Fails: ConfigError, one line.
Passwords are not in it: `gateway.credentials` reads them for whoever needs one.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from gateway import units
from gateway.config_errors import Reads, complaint, first_complaint, read_toml, show_found
from gateway.config_values import (
    AbsolutePath,
    AllowedNetwork,
    Blocklist,
    DatabaseUrl,
    FileMode,
    HostName,
    Listen,
    MailSize,
    Nameserver,
    OptionalHostName,
    OptionalPath,
    Pause,
    Rate,
    Recipients,
    RedisUrl,
    Route,
    Text,
    TrustedUpstream,
    YesOrNo,
    choice,
    duration,
    size,
    whole,
)
from gateway.units import Endpoint, MxRoute
from handlers.dnsbl import MOST_LISTS

WEAK_BELOW = 1024  # bits of an RSA key, RFC 8301 §3.2
ENVIRONMENT = ("CASEGATE_DATABASE_PASSWORD", "CASEGATE_REDIS_PASSWORD", "CASEGATE_OUTBOUND_PASSWORD")


class Section(BaseModel):
    """One table of the file: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Server(Section):
    name: HostName
    authserv_id: OptionalHostName = ""
    state_dir: AbsolutePath = Path("/var/lib/casegate")
    log_level: Annotated[str, choice("debug", "info", "warning", "error")] = "info"
    log_format: Annotated[str, choice("text", "json")] = "text"
    keep_sessions: Annotated[int, whole(0, 1_000_000)] = 10_000


class Database(Section):
    url: DatabaseUrl = ""
    password_file: OptionalPath = None


class Queue(Section):
    redis_url: RedisUrl = "redis://127.0.0.1:6379/0"
    redis_password_file: OptionalPath = None
    workers: Annotated[int, whole(1, 64)] = 2
    sweep_period: Annotated[timedelta, duration("100ms", "1h")] = timedelta(seconds=5)
    lease: Annotated[timedelta, duration("1s", "1h")] = timedelta(seconds=120)


class Dns(Section):
    nameservers: tuple[Nameserver, ...] = ()
    timeout: Annotated[timedelta, duration("100ms", "1m")] = timedelta(seconds=5)


class Tls(Section):
    certificate: AbsolutePath = Path("/etc/casegate/tls.pem")
    key: AbsolutePath = Path("/etc/casegate/tls.key")


class Mx(Section):
    listen: tuple[Listen, ...] = (Endpoint("0.0.0.0", 25), Endpoint("::", 25))  # noqa: S104 (an MX serves everyone)
    processes: Annotated[int, whole(1, 64)] = 2
    proxy_protocol_from: tuple[AllowedNetwork, ...] = ()
    max_size: MailSize = 35_000_000
    max_recipients: Recipients = 100


class Lmtp(Section):
    socket: OptionalPath = None
    mode: FileMode = 0o660


class Limits(Section):
    """Bounds of every listener, over all its processes together."""

    max_connections: Annotated[int, whole(1, 100_000)] = 2000
    max_connections_per_address: Annotated[int, whole(1, 100_000)] = 50
    max_connections_per_subnet: Annotated[int, whole(1, 100_000)] = 200
    unlimited_from: tuple[AllowedNetwork, ...] = (units.parse_network("127.0.0.0/8"), units.parse_network("::1"))
    stress_at: Annotated[int, whole(1, 100)] = 80
    stress_timeout: Annotated[timedelta, duration("1s", "1h")] = timedelta(seconds=10)
    greet_delay: Annotated[timedelta, duration("0ms", "1m")] = timedelta(milliseconds=5)
    command_timeout: Annotated[timedelta, duration("1s", "1h")] = timedelta(minutes=5)
    session_timeout: Annotated[timedelta, duration("1s", "1d")] = timedelta(hours=1)
    content_idle_timeout: Annotated[timedelta, duration("1s", "1h")] = timedelta(minutes=3)
    content_timeout: Annotated[timedelta, duration("1s", "1h")] = timedelta(minutes=10)
    min_rate: Rate = 100
    max_transactions: Annotated[int, whole(1, 100_000)] = 1000
    max_session_recipients: Annotated[int, whole(1, 1_000_000)] = 10_000
    max_session_size: Annotated[int, size("64KB", "1000GB")] = 10_000_000_000
    max_errors: Annotated[int, whole(1, 1000)] = 20
    max_unknown_recipients: Annotated[int, whole(1, 1000)] = 10
    max_commands: Annotated[int, whole(1, 100_000)] = 100
    max_line: Annotated[int, size("1000B", "100MB")] = 1_000_000
    bare_line_ends: Annotated[str, choice("reject", "normalise")] = "reject"
    max_header_size: Annotated[int, size("1KB", "10MB")] = 262_144
    max_header_fields: Annotated[int, whole(10, 100_000)] = 1000
    max_mime_depth: Annotated[int, whole(1, 1000)] = 50
    max_mime_parts: Annotated[int, whole(1, 100_000)] = 1000
    memory_per_mail: Annotated[int, size("256KiB", "1GB")] = 262_144  # no less than a piece that is stored
    memory: Annotated[int, size("1MB", "1000GB")] = 256_000_000
    min_free_disk: Annotated[int, size("0B", "1000GB")] = 500_000_000
    slow_store: Annotated[timedelta, duration("100ms", "1h")] = timedelta(seconds=10)


class Submission(Section):
    listen: tuple[Listen, ...] = (Endpoint("0.0.0.0", 587),)  # noqa: S104 (agents come from anywhere, with TLS and AUTH)
    listen_tls: tuple[Listen, ...] = (Endpoint("0.0.0.0", 465),)  # noqa: S104
    max_size: MailSize = 35_000_000
    max_recipients: Recipients = 100


class Policy(Section):
    mode: Annotated[str, choice("enforce", "annotate")] = "enforce"
    dnsbl: tuple[Blocklist, ...] = ()


class Quarantine(Section):
    keep: Annotated[timedelta, duration("1h", "3650d")] = timedelta(days=30)


class Authentication(Section):
    """What is asked of DNS about each mail, and for how long."""

    timeout: Annotated[timedelta, duration("1s", "1m")] = timedelta(seconds=8)
    arc: YesOrNo = False
    upstreams: tuple[TrustedUpstream, ...] = ()


class Addresses(Section):
    """How forwarded routing addresses are watched."""

    probe_every: Annotated[timedelta, duration("10s", "7d")] = timedelta(hours=1)
    probe_patience: Annotated[timedelta, duration("1s", "1d")] = timedelta(minutes=30)


class Dkim(Section):
    min_key_bits: Annotated[int, whole(512, 4096)] = 1024
    max_signatures: Annotated[int, whole(1, 50)] = 8
    selector: HostName = "casegate"


class Outbound(Section):
    route: Route = MxRoute()
    username: Text = ""
    password_file: OptionalPath = None
    tls: Annotated[str, choice("opportunistic", "required")] = "opportunistic"
    retry: tuple[Pause, ...] = tuple(timedelta(minutes=m) for m in (5, 15, 30, 60, 120, 240, 480, 960))
    give_up: Annotated[timedelta, duration("1s", "30d")] = timedelta(days=4)
    timeout: Annotated[timedelta, duration("1s", "10m")] = timedelta(seconds=60)
    concurrency: Annotated[int, whole(1, 1000)] = 10


class Config(Section):
    """All of it, as the processes use it: what the file left empty is filled in by `load`."""

    server: Server
    database: Database = Database()
    queue: Queue = Queue()
    dns: Dns = Dns()
    tls: Tls = Tls()
    mx: Mx = Mx()
    lmtp: Lmtp = Lmtp()
    limits: Limits = Limits()
    submission: Submission = Submission()
    policy: Policy = Policy()
    authentication: Authentication = Authentication()
    quarantine: Quarantine = Quarantine()
    addresses: Addresses = Addresses()
    dkim: Dkim = Dkim()
    outbound: Outbound = Outbound()
    _source: Path = PrivateAttr(default=Path("casegate.toml"))
    _environment: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def source(self) -> Path:
        """The file it was read from."""
        return self._source

    def from_environment(self, name: str) -> str:
        """A secret that the environment held at the start, or ""."""
        return self._environment.get(name, "")


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read and check the file; raises ConfigError."""
    try:
        config = _completed(Config.model_validate(read_toml(path)))
    except ValidationError as error:
        raise first_complaint(path, Config, error) from None
    _check_listeners(path, config)
    _check_outbound(path, config.outbound)
    _check_dkim(path, config)
    _check_policy(path, config.policy)
    _check_limits(path, config.limits)
    config._source = path
    config._environment = {name: environ[name] for name in ENVIRONMENT if environ.get(name)}
    return config


def _completed(config: Config) -> Config:
    """Fill in what has its default in another key."""
    server, database, outbound = config.server, config.database, config.outbound
    url = database.url or f"sqlite:///{server.state_dir}/casegate.db"
    tls = "required" if outbound.username else outbound.tls  # a password never goes out in clear text
    return config.model_copy(
        update={
            "server": server.model_copy(update={"authserv_id": server.authserv_id or server.name}),
            "database": database.model_copy(update={"url": url}),
            "outbound": outbound.model_copy(update={"tls": tls}),
        }
    )


def _listeners(config: Config) -> Iterator[tuple[tuple[str, str, int], Endpoint]]:
    for section, key in (("mx", "listen"), ("submission", "listen"), ("submission", "listen_tls")):
        for index, endpoint in enumerate(getattr(getattr(config, section), key)):
            yield (section, key, index), endpoint


def _check_listeners(path: Path, config: Config) -> None:
    seen: list[tuple[tuple[str, str, int], Endpoint]] = []
    for place, endpoint in _listeners(config):
        for (section, key, index), other in seen:
            if endpoint.overlaps(other):
                expected = f'a port that {section}.{key}[{index}] ("{other}") does not take'
                raise complaint(path, place, show_found(str(endpoint)), expected)
        seen.append((place, endpoint))


def _check_outbound(path: Path, outbound: Outbound) -> None:
    if not outbound.retry:
        raise complaint(path, ("outbound", "retry"), "[]", "at least one duration")
    if outbound.give_up < outbound.retry[0]:
        found, first = units.show_duration(outbound.give_up), units.show_duration(outbound.retry[0])
        raise complaint(path, ("outbound", "give_up"), f'"{found}"', f'at least the first of outbound.retry, "{first}"')
    if outbound.username and not isinstance(outbound.route, units.SmarthostRoute):
        raise complaint(
            path, ("outbound", "username"), show_found(outbound.username), '"" unless route is "smtp://..."'
        )


def _check_dkim(path: Path, config: Config) -> None:
    bits = config.dkim.min_key_bits
    if bits < WEAK_BELOW and config.policy.mode != "annotate":
        expected = f'a whole number from {WEAK_BELOW} to 4096 unless policy.mode is "annotate"'
        raise complaint(path, ("dkim", "min_key_bits"), str(bits), expected)


def _check_policy(path: Path, policy: Policy) -> None:
    if len(policy.dnsbl) > MOST_LISTS:
        raise complaint(path, ("policy", "dnsbl"), f"{len(policy.dnsbl)} lists", f"at most {MOST_LISTS}")


def _check_limits(path: Path, limits: Limits) -> None:
    """A bound that another one makes void is a mistake; a default beside a smaller one that was written is none."""
    if limits.memory < limits.memory_per_mail:
        least = units.show_size(limits.memory_per_mail)
        found = show_found(units.show_size(limits.memory))
        raise complaint(path, ("limits", "memory"), found, f'at least limits.memory_per_mail, "{least}"')
    for key, larger in _PARTS:
        found, most = getattr(limits, key), getattr(limits, larger)
        if key in limits.model_fields_set and found > most:
            raise complaint(path, ("limits", key), str(found), f"at most limits.{larger}, {most}")


_PARTS = (
    ("max_connections_per_address", "max_connections_per_subnet"),
    ("max_connections_per_address", "max_connections"),
    ("max_connections_per_subnet", "max_connections"),
)


def effective(config: BaseModel) -> dict[str, Any]:
    """Every key with the value in force, as text for the log; passwords in URLs are masked."""
    return {key: _shown(field.metadata, field.annotation, getattr(config, key)) for key, field in _fields(config)}


def _fields(config: BaseModel) -> Iterator[tuple[str, Any]]:
    yield from type(config).model_fields.items()


def _shown(metadata: list[Any], annotation: Any, value: Any) -> Any:
    if isinstance(value, BaseModel):
        return effective(value)
    if isinstance(value, tuple):
        inner = annotation.__args__[0]
        return [_shown(list(inner.__metadata__), inner, item) for item in value]
    return next(m.show(value) for m in metadata if isinstance(m, Reads))
