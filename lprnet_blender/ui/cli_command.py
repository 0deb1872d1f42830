# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command lprnet ...`, while the add-on is switched on."""

from __future__ import annotations

from typing import Any

import bpy

NAME = "lprnet"

_handle: Any = None


def _run(arguments: list[str]) -> int:
    from ..command import main
    return main(arguments, f"blender --command {NAME}")


def register() -> None:
    global _handle
    _handle = bpy.utils.register_cli_command(NAME, _run)  # type: ignore[func-returns-value]


def unregister() -> None:
    global _handle
    bpy.utils.unregister_cli_command(_handle)
    _handle = None
