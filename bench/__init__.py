# SPDX-License-Identifier: Apache-2.0
"""casegate beside Postfix, alone and with OpenDKIM: messages a second, in alternating runs. See docs/benchmarks.md."""
