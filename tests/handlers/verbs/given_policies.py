# SPDX-License-Identifier: Apache-2.0
"""Policies of an address and of the desk, and what became of a mail under them."""

from dataclasses import replace
from typing import Any

from handlers.ports import Answer, Found
from storage.desk_values import Policy
from tests.support.office import DESK, World, mail, sign

VERA, STRANGER = "vera@known.example", "eve@elsewhere.example"
NOTHING = Policy()
POSTMASTER = "postmaster@gw.example"


def aligned(author: str, **fields: str) -> bytes:
    return sign(mail(author, **fields), author.rpartition("@")[2])


def policy(world: World, own: Policy = NOTHING, *, desk: Policy = NOTHING, **more: Any) -> None:
    """support@ has this policy, and all others what the desk says."""
    support = replace(DESK.addresses[0], policy=own)
    world.apply(replace(DESK, addresses=(support, *DESK.addresses[1:]), policy=desk, **more))


def dmarc(world: World, domain: str, wanted: str) -> None:
    world.txt[f"_dmarc.{domain}"] = Answer(Found.YES, (f"v=DMARC1; p={wanted}".encode(),))


def because(judged: Any) -> str:
    return next(one.because for one in judged.notes if one.step == "admission")


def taken(judged: Any) -> str | None:
    """What becomes of a mail; nothing of one that is refused, whose disposition says nothing."""
    return None if judged.refusal is not None else str(judged.disposition)
