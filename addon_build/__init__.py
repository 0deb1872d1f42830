"""How the add-on becomes a zip that Blender installs; used by build_addon.py. Needs the standard library and pip."""

from __future__ import annotations


class BuildError(Exception):
    """What is wrong and what to do, in one sentence."""
