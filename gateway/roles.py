# SPDX-License-Identifier: Apache-2.0
"""What each process builds and serves: MX, submission, worker. Everything is opened here, after the fork."""

import asyncio
import contextlib
import gc
import logging
import signal
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from gateway import credentials, opening
from gateway.auth import PasswordAuthenticator
from gateway.bell import Bell, Doors, own_bell, redis_connection, rq_bell
from gateway.checkpointer import Checkpointer
from gateway.clock import SystemClock
from gateway.config import Config, Limits
from gateway.deliverer import Deliverer, Terms
from gateway.dns import DnsResolver
from gateway.edge import Edge
from gateway.jobs import Jobs, Tools
from gateway.lines import Deadlines
from gateway.listener import GRACE_S, serve
from gateway.listening import Listening
from gateway.mx import MxReceiver
from gateway.outer import Outer
from gateway.receiver import EdgeSettings
from gateway.reception import Reception
from gateway.register import Register
from gateway.routes.build import RouteSettings, build_route
from gateway.session_log import SessionLog
from gateway.submission import Signing, SubmissionReceiver
from gateway.supply import Floor, Supply
from gateway.worker import Worker, serve_own, serve_rq
from handlers.probes import Terms as ProbeTerms
from handlers.rates import Rates, Uncounted
from handlers.schedule import Schedule
from handlers.signing import Signer
from storage import desk
from storage.commit_group import GroupCommitter
from storage.database import Database

log = logging.getLogger(__name__)

Ready = Callable[[], None]

GC_EVERY = 20_000  # new objects; a mail makes some thousands, nearly all freed by their count of references

RETIRE = signal.SIGUSR1  # to a listener: others have taken its place
COMMANDS_S = 60.0  # from MAIL to DATA


@dataclass(frozen=True, slots=True)
class Shared:
    """What all processes of one listener share: made by the supervisor before it forks."""

    sockets: Sequence[Listening]
    register: Register
    rates: Rates = field(default_factory=Uncounted)


@dataclass(frozen=True, slots=True)
class _Store:
    """What every process opens."""

    database: Database
    reception: Reception
    signer: Signer
    bell: Bell
    outer: Outer


@contextlib.contextmanager
def _open(config: Config) -> Iterator[_Store]:
    database = opening.open_store(config)
    keys, dkim_key = opening.open_keys(config, database)
    checkpointer = Checkpointer(database, config.server.state_dir)
    checkpointer.start()
    bell = make_bell(config)
    clock = SystemClock()
    nameservers = tuple(str(endpoint) for endpoint in config.dns.nameservers)
    resolver = DnsResolver(nameservers, config.dns.timeout.total_seconds())
    signer = Signer(dkim_key, config.dkim.selector, clock)
    try:
        outer = Outer(resolver, clock, config.authentication.timeout.total_seconds())
        yield _Store(database, Reception(config, keys, database), signer, bell, outer)
    finally:
        bell.close()
        checkpointer.stop()
        database.close()


def make_bell(config: Config) -> Bell:
    """Rings for whoever has work for the workers."""
    url = credentials.redis_url(config)
    return rq_bell(url) if url else own_bell(_doors(config))


def _doors(config: Config) -> Doors:
    return Doors(config.server.state_dir / "run")


def serve_mx(config: Config, shared: Sequence[Shared], ready: Ready) -> None:
    """One MX process: one edge for mail from outside, one for LMTP from this host."""
    with _open(config) as store:
        committer = GroupCommitter(store.database)
        outer = replace(store.outer, rates=shared[0].rates)
        receiver = MxReceiver(store.reception, store.database, committer, store.bell, outer)
        settings = (mx_settings(config), _lmtp_settings(config))
        supply = _supply(config, store.database, committer)
        edges = [
            (one.sockets, Edge(each, receiver, register=one.register, supply=supply))
            for one, each in zip(shared, settings, strict=True)
        ]
        kept = _session_log(config, store, committer, [edge for _, edge in edges])
        asyncio.run(_serve(edges, ready, patience_s(config.limits)))
        kept.close()
        committer.close()


def serve_submission(config: Config, shared: Sequence[Shared], ready: Ready) -> None:
    """The submission process: one edge for STARTTLS, one for implicit TLS, one count of failed logins."""
    with _open(config) as store:
        committer = GroupCommitter(store.database)
        signing = Signing(store.signer, store.outer)
        receiver = SubmissionReceiver(store.reception, store.database, committer, store.bell, signing)
        authenticator = PasswordAuthenticator(lambda login: _password_hash(store.database, login))
        settings = [_submission_settings(config, tls_implicit=implicit) for implicit in (False, True)]
        supply = _supply(config, store.database, committer)
        edges = [
            (one.sockets, Edge(each, receiver, authenticator, one.register, supply))
            for one, each in zip(shared, settings, strict=True)
        ]
        kept = _session_log(config, store, committer, [edge for _, edge in edges])
        asyncio.run(_serve(edges, ready, patience_s(config.limits)))
        kept.close()
        authenticator.close()
        committer.close()


def serve_worker(config: Config, ready: Ready) -> None:
    """One worker process, under RQ where there is a Redis."""
    with _open(config) as store:
        lease, period_s = config.queue.lease, config.queue.sweep_period.total_seconds()
        committer = GroupCommitter(store.database)
        opened = (store.database, committer, store.reception, store.signer, store.outer.clock, store.bell)
        tools = Tools(*opened, lease, config.quarantine.keep)
        schedule = Schedule(config.outbound.retry, config.outbound.give_up)
        terms = Terms(schedule, lease, config.outbound.concurrency, period_s)
        deliverer = Deliverer(tools, build_route(_route_settings(config), store.outer.resolver), terms)
        deliverer.start()
        worker = Worker(Jobs(tools, probe_terms(config)), deliverer, period_s)
        url = credentials.redis_url(config)
        ready()
        if url:
            serve_rq(worker, redis_connection(url), period_s)
        else:
            serve_own(worker, _doors(config), period_s)
        deliverer.stop()
        committer.close()


def probe_terms(config: Config) -> ProbeTerms:
    """How forwarded addresses are probed."""
    return ProbeTerms(config.addresses.probe_every, config.addresses.probe_patience)


@dataclass(frozen=True, slots=True)
class Local:
    """What takes mail that comes by no connection."""

    receiver: MxReceiver
    database: Database
    supply: Supply


@contextlib.contextmanager
def local_receiver(config: Config) -> Iterator[Local]:
    """The MX's receiver for one call of the command line; what it has accepted is rung for at the end."""
    with _open(config) as store:
        committer = GroupCommitter(store.database)
        receiver = MxReceiver(store.reception, store.database, committer, store.bell, store.outer)
        try:
            yield Local(receiver, store.database, _supply(config, store.database, committer))
        finally:
            committer.close()


def patience_s(limits: Limits) -> float:
    """How long a mail on its way at a reload may still take: as long as its content may, and its commands."""
    return limits.content_timeout.total_seconds() + COMMANDS_S


async def _serve(listeners: Sequence[tuple[Sequence[Listening], Edge]], ready: Ready, grace_s: float) -> None:
    """Until SIGTERM, whose grace is short, or until a reload, which cuts no mail; a stop may follow that."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        loop.call_later(GRACE_S, hurry.set)

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, end)
    loop.add_signal_handler(RETIRE, stop.set)
    serving = [serve(sockets, edge, stop, grace_s, hurry) for sockets, edge in listeners if sockets]
    tasks = [asyncio.ensure_future(one) for one in serving]
    gc.freeze()  # what is here now stays; each full collection would walk through all of it for nothing
    gc.set_threshold(GC_EVERY)
    ready()
    await asyncio.gather(*tasks)


def _session_log(config: Config, store: _Store, committer: GroupCommitter, edges: Sequence[Edge]) -> SessionLog:
    """One for all listeners of this process."""
    kept = SessionLog(committer, store.outer.clock, config.server.keep_sessions)
    for edge in edges:
        edge.session_log = kept
    return kept


def _supply(config: Config, database: Database, committer: GroupCommitter) -> Supply:
    """Watches the file systems of state_dir and of SQLite, and this process's commits."""
    places = [config.server.state_dir, *([database.path.parent] if database.path is not None else [])]
    floor = Floor(config.limits.min_free_disk, config.limits.slow_store.total_seconds())
    return Supply(places, committer.oldest_s, floor)


def _password_hash(database: Database, login: str) -> str | None:
    with database.read() as unit:
        return desk.password_hash(unit, login)


def mx_settings(config: Config) -> EdgeSettings:
    """What the listener for mail from outside is told."""
    mx = config.mx
    return replace(
        _limited(config.server.name, config.limits),
        max_size_octets=mx.max_size,
        max_recipients=mx.max_recipients,
        tls=_tls(config, required=False),
        proxy_from=mx.proxy_protocol_from,
        tolerant=config.policy.mode == "annotate",
    )


def _lmtp_settings(config: Config) -> EdgeSettings:
    """Who may open the socket is a program of this host: no proxy, no TLS, no test of its patience."""
    return replace(
        _limited(config.server.name, config.limits),
        lmtp=True,
        max_size_octets=config.mx.max_size,
        max_recipients=config.mx.max_recipients,
        greet_delay_s=0,
    )


def _submission_settings(config: Config, *, tls_implicit: bool) -> EdgeSettings:
    return replace(
        _limited(config.server.name, config.limits),
        max_size_octets=config.submission.max_size,
        max_recipients=config.submission.max_recipients,
        tls=_tls(config, required=True),
        tls_implicit=tls_implicit,
        greet_delay_s=0,  # who has no login can do nothing here
    )


def _limited(name: str, limits: Limits) -> EdgeSettings:
    """What every listener is told of the bounds."""
    deadlines = Deadlines(
        command_s=limits.command_timeout.total_seconds(),
        session_s=limits.session_timeout.total_seconds(),
        content_idle_s=limits.content_idle_timeout.total_seconds(),
        content_s=limits.content_timeout.total_seconds(),
        content_octets_per_s=limits.min_rate,
    )
    return EdgeSettings(
        name=name,
        max_line_octets=limits.max_line,
        normalise=limits.bare_line_ends == "normalise",
        max_transactions=limits.max_transactions,
        max_session_recipients=limits.max_session_recipients,
        max_session_octets=limits.max_session_size,
        max_errors=limits.max_errors,
        max_unknown_recipients=limits.max_unknown_recipients,
        max_commands=limits.max_commands,
        max_connections=limits.max_connections,
        max_connections_per_address=limits.max_connections_per_address,
        max_connections_per_subnet=limits.max_connections_per_subnet,
        unlimited_from=limits.unlimited_from,
        memory_octets=limits.memory,
        memory_per_mail_octets=limits.memory_per_mail,
        stress_at_percent=limits.stress_at,
        stress_timeout_s=limits.stress_timeout.total_seconds(),
        deadlines=deadlines,
        greet_delay_s=limits.greet_delay.total_seconds(),
    )


def _tls(config: Config, *, required: bool) -> ssl.SSLContext | None:
    """The server's certificate; an MX without one only stops offering STARTTLS (RFC 3207 §4.1)."""
    try:
        return credentials.tls_context(config)
    except (OSError, ssl.SSLError):
        if required:
            raise
        log.warning("tls.certificate cannot be used, the MX offers no STARTTLS")
        return None


def _route_settings(config: Config) -> RouteSettings:
    outbound = config.outbound
    return RouteSettings(
        route=str(outbound.route),
        own_name=config.server.name,
        username=outbound.username,
        password=credentials.outbound_password(config),
        tls=outbound.tls,
        timeout_s=outbound.timeout.total_seconds(),
    )
