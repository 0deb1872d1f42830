# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators, one per file: they read properties, make an options dataclass, call, and report."""

from __future__ import annotations

from .bake_video import LPRNET_OT_bake_video
from .cancel import LPRNET_OT_cancel
from .capture_image import LPRNET_OT_capture_image
from .check_installation import LPRNET_OT_check_installation
from .export import LPRNET_OT_export
from .find_cameras import LPRNET_OT_find_cameras
from .live_webcam import LPRNET_OT_live_stop, LPRNET_OT_live_webcam
from .rebake import LPRNET_OT_rebake
from .refresh_take import LPRNET_OT_refresh_take
from .set_source import LPRNET_OT_set_source

CLASSES = (LPRNET_OT_capture_image, LPRNET_OT_bake_video, LPRNET_OT_rebake, LPRNET_OT_find_cameras,
           LPRNET_OT_live_webcam, LPRNET_OT_live_stop, LPRNET_OT_export, LPRNET_OT_set_source, LPRNET_OT_refresh_take,
           LPRNET_OT_cancel, LPRNET_OT_check_installation)
