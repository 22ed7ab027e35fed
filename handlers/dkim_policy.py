# SPDX-License-Identifier: Apache-2.0
"""What the operator accepts of DKIM signatures: a value, so that a configuration loads no cryptography."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DkimPolicy:
    """What the operator accepts of signatures; RFC 8301 §3.2 asks for 1024 bits at least."""

    min_key_bits: int = 1024
    max_key_bits: int = 8192
    max_signatures: int = 8
    arc: bool = False  # whether the chain of RFC 8617 is looked at too
