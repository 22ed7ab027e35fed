# SPDX-License-Identifier: Apache-2.0
"""The steps that tell what a person wrote from what their mail client put around it."""
