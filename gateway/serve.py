# SPDX-License-Identifier: Apache-2.0
"""The wiring: `serve` runs every role as forked processes under one small supervisor, `run` the processes of one role.

Enters: a Config, and the same file again at each SIGHUP. Leaves: a Plan, the posts with their sockets. Fails:
ConfigError or CannotListen at the start; at a reload one line, and nothing has changed.
"""

import logging
import os
import resource
import signal
from collections.abc import Callable, Sequence
from typing import Any

from gateway import config as configuration
from gateway import credentials, logs, opening, roles
from gateway.config import Config
from gateway.config_errors import ConfigError, complaint, dotted
from gateway.listening import CannotListen
from gateway.rates import SharedRates
from gateway.register import Register
from gateway.roles import Shared
from gateway.sockets import Arrangement, Sockets, passed_on
from gateway.supervisor import CannotReload, Plan, Post, Supervisor

log = logging.getLogger(__name__)

ROLES = ("mx", "submission", "worker")
SPARE_FILES = 64  # for the store, the bell, the log
LAST_PROMISES_S = 15.0  # for what was begun for clients that were cut after a reload
LISTENERS = {"mx": ("mx", "lmtp"), "submission": ("submission", "submission_tls"), "worker": ()}
# The old processes still accept mail, and nobody would look for it in another store.
NEEDS_RESTART = (("server", "state_dir"), ("database", "url"))


def serve(config: Config) -> int:
    """Every role; returns the exit status."""
    return _keep_running(config, ROLES)


def run(config: Config, role: str) -> int:
    """One role; returns the exit status."""
    return _keep_running(config, (role,))


def _keep_running(config: Config, wanted: Sequence[str]) -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the file is being read just now
    logs.set_up(config.server.log_level, config.server.log_format)
    sockets = Sockets(passed_on(os.environ))
    try:
        for role in wanted:
            credentials.check_files(config, role)
        database = opening.open_store(config)
        try:
            opening.open_keys(config, database)
        finally:
            database.close()
        house = Household(config, wanted, sockets)
        return Supervisor(house, house.plan_for(config)).run()
    finally:
        sockets.leave()


class Household:
    """What outlives a reload: the file, the sockets, and the configuration in force."""

    def __init__(self, config: Config, wanted: Sequence[str], sockets: Sockets) -> None:
        self._config, self._wanted, self._sockets = config, wanted, sockets
        self._words = [word for role in wanted for word in LISTENERS[role]]
        self._has_certificate = False
        self._rates = SharedRates()

    def plan(self) -> Plan:
        """The file as it is now; raises CannotReload."""
        try:
            config = configuration.load(self._config.source, os.environ)
            _check_change(self._config, config)
            for role in self._wanted:
                credentials.check_files(config, role)
            if self._has_certificate:  # an MX would go on without STARTTLS
                credentials.check_certificate(config)
            return self.plan_for(config)
        except (ConfigError, CannotListen) as error:
            raise CannotReload(" ".join(str(error).split())) from None

    def plan_for(self, config: Config) -> Plan:
        """The posts of this configuration, on open sockets; raises ConfigError or CannotListen."""
        arrangement = self._sockets.arrange(config, self._words)
        return Plan(
            posts=tuple(self._posts(config, arrangement)),
            adopted=lambda: self._adopt(config, arrangement),
            dropped=lambda: self._sockets.drop(arrangement),
        )

    def leave(self) -> None:
        """The supervisor lets go of the sockets first, so that each closes when the last process closes it."""
        self._sockets.leave()

    def _adopt(self, config: Config, arrangement: Arrangement) -> None:
        self._sockets.adopt(arrangement)
        logs.set_up(config.server.log_level, config.server.log_format)
        if config is not self._config:
            log.info("reloaded: %s", "; ".join(_changes(self._config, config)) or "no key has changed")
        self._config, self._has_certificate = config, _has_certificate(config)

    def _posts(self, config: Config, arrangement: Arrangement) -> list[Post]:
        posts = []
        # Their own: the old processes may have every connection amid a mail, and the new ones are to take some now.
        registers = {word: Register(config.limits.max_connections) for word in self._words}
        for role in self._wanted:
            shared = [Shared(arrangement.by_word[word], registers[word], self._rates) for word in LISTENERS[role]]
            listens = any(one.sockets for one in shared)
            if role == "mx" and listens:
                for number in range(config.mx.processes):
                    posts.append(self._post(f"mx-{number}", config, shared, roles.serve_mx))
            elif role == "submission" and listens:
                posts.append(self._post("submission", config, shared, roles.serve_submission))
            elif role == "worker":
                for number in range(config.queue.workers):
                    posts.append(self._post(f"worker-{number}", config, shared, _serve_worker))
        return posts

    def _post(self, name: str, config: Config, shared: Sequence[Shared], serve: "_Serve") -> Post:
        def body(ready: roles.Ready) -> None:
            logs.set_up(config.server.log_level, config.server.log_format)
            self._sockets.keep([each for one in shared for each in one.sockets])
            _open_files_for(config)
            serve(config, shared, ready)

        def buried(pid: int) -> None:
            for one in shared:
                one.register.clear(pid)

        if not shared:
            return Post(name, body, buried)
        grace_s = roles.patience_s(config.limits) + LAST_PROMISES_S
        return Post(name, body, buried, roles.RETIRE, grace_s)


_Serve = Callable[[Config, Any, roles.Ready], None]


def _open_files_for(config: Config) -> None:
    """Each connection is an open file; a login shell grants 1,024 and lets us ask for more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < config.limits.max_connections + SPARE_FILES:
        log.warning("limits.max_connections is %d, but this host grants %d files", config.limits.max_connections, hard)


def _serve_worker(config: Config, _shared: object, ready: roles.Ready) -> None:
    roles.serve_worker(config, ready)


def _has_certificate(config: Config) -> bool:
    try:
        credentials.check_certificate(config)
    except ConfigError:
        return False
    return True


def _check_change(old: Config, new: Config) -> None:
    before, now = configuration.effective(old), configuration.effective(new)
    for section, key in NEEDS_RESTART:
        if getattr(getattr(old, section), key) != getattr(getattr(new, section), key):
            expected = f'"{before[section][key]}" until a restart'
            raise complaint(new.source, (section, key), f'"{now[section][key]}"', expected)


def _changes(old: Config, new: Config) -> list[str]:
    """What the log shows of a reload; secrets are masked as everywhere."""
    before, now = configuration.effective(old), configuration.effective(new)
    return [
        f"{dotted((section, key))} {before[section][key]} -> {value}"
        for section, keys in now.items()
        for key, value in keys.items()
        if before[section][key] != value
    ]
