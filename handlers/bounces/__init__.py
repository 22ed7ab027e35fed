# SPDX-License-Identifier: Apache-2.0
"""Reports about deliveries, and complaints: what a bounce says, whoever wrote it and in whatever form."""
