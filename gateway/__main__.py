# SPDX-License-Identifier: Apache-2.0
"""`python -P -m gateway` is the console script `casegate`; -P keeps other packages of these names out."""

from gateway.cli import main

main()
