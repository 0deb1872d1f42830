# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators, one per file: they read properties, make an options dataclass, call, and report."""

from __future__ import annotations

from .capture_image import LPRNET_OT_capture_image

CLASSES = (LPRNET_OT_capture_image,)
