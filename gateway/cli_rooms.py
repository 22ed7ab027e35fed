# SPDX-License-Identifier: Apache-2.0
"""A group of verbs that live in rooms of their own: each is loaded when it is called, with its libraries.

Enters: for each verb its room and the line of `--help`. Leaves: click's group. A room keeps its verbs in VERBS, or adds
them to the group as it is loaded.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Elsewhere(NamedTuple):
    """The module of a verb, and what help says of it in one line."""

    room: str
    help: str


class Rooms(click.Group):
    """The group."""

    def __init__(self, *args: Any, elsewhere: Mapping[str, Elsewhere], **options: Any) -> None:
        super().__init__(*args, **options)
        self._elsewhere = elsewhere

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, of those elsewhere too."""
        return sorted({*self.commands, *self._elsewhere})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One verb; its room is loaded."""
        if cmd_name not in self.commands and cmd_name in self._elsewhere:
            room = import_module(self._elsewhere[cmd_name].room)
            for verb in getattr(room, "VERBS", ()):
                if verb.name == cmd_name:
                    self.add_command(verb)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with their lines, for which no room is loaded."""
        names = self.list_commands(ctx)
        width = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._line(name).get_short_help_str(width)) for name in names])

    def _line(self, name: str) -> click.Command:
        return self.commands.get(name) or click.Command(name, help=self._elsewhere[name].help)
