# SPDX-License-Identifier: Apache-2.0
"""One Route from plain values, as the configuration holds them; ValueError for what is no route."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from gateway.routes.hosts import HostFinder
from gateway.routes.maildir import MaildirRoute
from gateway.routes.mx import MxRoute
from gateway.routes.session import Dialler, Limits, Login
from gateway.routes.smarthost import SmarthostRoute
from handlers.ports import Resolver, Route

CONNECT_S = 30.0
CONTENT_S = 600.0  # RFC 5321 §4.5.3.2.6


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """`total_s` bounds one attempt up to the content, at all hosts of a domain together."""

    route: str
    own_name: str
    username: str = ""
    password: str = ""
    tls: str = "opportunistic"
    timeout_s: float = 60.0
    total_s: float = 100.0


def build_route(settings: RouteSettings, resolver: Resolver, context: ssl.SSLContext | None = None) -> Route:
    """The route; `context` validates certificates, None means by the system's authorities."""
    if settings.route.startswith("maildir:"):
        return MaildirRoute(Path(settings.route.removeprefix("maildir:")))
    dialler = _dialler(settings, context)
    if settings.route == "mx":
        return MxRoute(HostFinder(resolver, settings.own_name), dialler)
    return SmarthostRoute(settings.route, dialler)


def _dialler(settings: RouteSettings, context: ssl.SSLContext | None) -> Dialler:
    """A login makes validated TLS required, whatever the setting says."""
    is_required = settings.tls == "required" or bool(settings.username)
    return Dialler(
        settings.own_name,
        Limits(min(settings.timeout_s, CONNECT_S), settings.timeout_s, CONTENT_S, settings.total_s),
        (context or ssl.create_default_context()) if is_required else None,
        Login(settings.username, settings.password) if settings.username else None,
    )
