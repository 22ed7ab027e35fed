# SPDX-License-Identifier: Apache-2.0
"""What is said of a bad configuration: one line with file, key, what was found and what is expected.

Enters: a TOML file, or pydantic's verdict on one. Leaves: the document, or ConfigError. Passwords are masked: the
values of unknown keys are never shown, nor what stands between ":" and "@" in a URL.
"""

import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic_core import PydanticCustomError, core_schema

FOUND_LENGTH = 80
_URL_PASSWORD = re.compile(r"(://[^/@:\s\"]*):[^/\s\"]*@")

Place = Sequence[str | int]


class ConfigError(Exception):
    """The configuration cannot be used; its text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Reads:
    """How one kind of value is read from TOML, what it should look like, and how it is written back for the log."""

    parse: Callable[[Any], object]  # raises ValueError, whose text, if any, is a better word than `expected`
    expected: str
    show: Callable[[Any], object] = str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def _read(self, value: object) -> object:
        try:
            return self.parse(value)
        except (ValueError, TypeError) as error:
            expected = str(error) if isinstance(error, Refused) else self.expected
            raise PydanticCustomError("refused", "{expected}", {"expected": expected}) from None


class Refused(ValueError):
    """A value's refusal whose text says what is expected more precisely than its kind does."""


def mask(text: str) -> str:
    """The text without passwords in URLs."""
    return _URL_PASSWORD.sub(r"\1:***@", text)


def show_found(value: object) -> str:
    """A value of the file on one line, masked and cut."""
    if isinstance(value, dict):
        return "a table"
    text = mask(json.dumps(value, ensure_ascii=False, default=str))
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return text if len(text) <= FOUND_LENGTH else text[:FOUND_LENGTH] + "..."


def dotted(place: Place) -> str:
    """("mx", "listen", 1) as mx.listen[1]; a key with odd characters is quoted, so that it stays on its line."""
    written = ""
    for part in place:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part)
            written += ("." if written else "") + (part if plain else show_found(part))
    return written


def complaint(path: Path, place: Place, found: str, expected: str) -> ConfigError:
    """The one form of every complaint about a key."""
    return ConfigError(f"{path}: {dotted(place)}: found {found}, expected {expected}")


def read_toml(path: Path) -> dict[str, Any]:
    """The document; raises ConfigError for a file that cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigError(f"{path}: found no readable file ({error.strerror}), expected a TOML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: found a byte at {error.start} that is not UTF-8, expected a TOML file") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: found a fault in the syntax ({reason}), expected a TOML file") from None


def first_complaint(path: Path, model: type[BaseModel], error: ValidationError) -> ConfigError:
    """The first fault in words; an unknown key before a missing one, for it is often the same one misspelt."""
    faults = error.errors(include_url=False)
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    place, kind = fault["loc"], fault["type"]
    if kind == "extra_forbidden":
        known = ", ".join(_model_at(model, place[:-1]).model_fields)
        return complaint(path, place, "an unknown key", f"one of {known}")
    if kind == "missing":
        return complaint(path, place, "nothing", _expected_at(model, place))
    expected = {"model_type": "a table", "tuple_type": "a list"}.get(kind, fault["msg"])
    return complaint(path, place, show_found(fault["input"]), expected)


def _model_at(model: type[BaseModel], place: Place) -> type[BaseModel]:
    for part in place:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            inner = get_args(annotation)
            model = inner[0] if inner else annotation  # type: ignore[assignment]
    return model


def _expected_at(model: type[BaseModel], place: Place) -> str:
    field = _model_at(model, place[:-1]).model_fields[str(place[-1])]
    return next((m.expected for m in field.metadata if isinstance(m, Reads)), f"a table [{place[-1]}]")
