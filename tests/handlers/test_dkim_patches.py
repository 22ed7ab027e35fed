# SPDX-License-Identifier: Apache-2.0
"""Our canonicalisation is dkimpy's, only faster."""

import importlib.util

import dkim.canonicalization
from hypothesis import given
from hypothesis import strategies as st

from handlers import dkim_patches

# A second copy of dkimpy's module, which no patch has touched.
_spec = importlib.util.find_spec("dkim.canonicalization")
upstream = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(upstream)

pieces = st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"\r", b"\n", b"a", b"b  c"]), max_size=30).map(b"".join)


@given(pieces)
def test_the_linear_functions_equal_dkimpys(content: bytes) -> None:
    for name in ("strip_trailing_whitespace", "compress_whitespace", "strip_trailing_lines"):
        assert getattr(dkim_patches, name)(content) == getattr(upstream, name)(content)


@given(pieces)
def test_the_canonical_body_is_the_same(content: bytes) -> None:
    dkim_patches.prepare_dkimpy()
    assert dkim.canonicalization.Relaxed.canonicalize_body(content) == upstream.Relaxed.canonicalize_body(content)
    assert dkim.canonicalization.Simple.canonicalize_body(content) == upstream.Simple.canonicalize_body(content)


def test_preparing_twice_changes_nothing() -> None:
    dkim_patches.prepare_dkimpy()
    dkim_patches.prepare_dkimpy()
    assert dkim.canonicalization.strip_trailing_whitespace is dkim_patches.strip_trailing_whitespace
