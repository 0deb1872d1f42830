# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces as Blender data: mesh, material, object, file, render. No buttons, and no knowledge of networks."""
