# SPDX-License-Identifier: Apache-2.0
"""The ways out: a maildir, a smarthost, the recipients' own mail hosts; each is a handlers.ports.Route."""
