# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators, one per file: they read properties, make an options dataclass, call, and report."""

from __future__ import annotations

from .capture_image import LPRNET_OT_capture_image
from .export import LPRNET_OT_export
from .find_cameras import LPRNET_OT_find_cameras
from .live_webcam import LPRNET_OT_live_stop, LPRNET_OT_live_webcam

CLASSES = (LPRNET_OT_capture_image, LPRNET_OT_find_cameras, LPRNET_OT_live_webcam, LPRNET_OT_live_stop, LPRNET_OT_export)
