# SPDX-License-Identifier: GPL-3.0-or-later
"""What to say where a Python package is not installed. Pure Python."""

from __future__ import annotations

import sys

PACKAGE_OF_MODULE = {
    "ai_edge_litert": "ai-edge-litert", "bpy": "bpy", "cv2": "opencv-python-headless", "dlib": "dlib-bin",
    "inference_core": "lprnet-blender", "keras": "tensorflow-cpu", "tensorflow": "tensorflow-cpu",
}


def explain_missing(error: ModuleNotFoundError) -> str:
    """One sentence with the pip command that brings the missing module to *this* Python."""
    module = (error.name or "").partition(".")[0]
    package = PACKAGE_OF_MODULE.get(module, module)
    return (f"The Python package {package!r} is not installed where Blender looks for it; run: "
            f'"{sys.executable}" -m pip install {package}')
