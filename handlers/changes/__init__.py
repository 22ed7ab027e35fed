# SPDX-License-Identifier: Apache-2.0
"""Merge, split, move, link and undo: what a person says of which mail belongs to which case."""
