"""NumPy's .npz: every number of a face, for one's own programs. Read it with np.load(path, allow_pickle=False)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference_core.files import write_bytes

if TYPE_CHECKING:
    from inference_core.regression import Face
    from inference_core.texture import Texture

FORMAT = 1


def write(path: Path, face: Face, texture: Texture | None) -> None:
    """Frames and units as in docs/architecture.md; uvs with v down."""
    topology, pose = face.topology, face.pose
    arrays = dict(
        format=np.int32(FORMAT), topology=np.str_(topology.name), topology_sha256=np.str_(topology.sha256),
        position_map_image=face.position_map_image, vertices_image=face.vertices_image,
        vertices_canonical=face.vertices_canonical, landmarks_image=face.landmarks_image,
        cells=topology.cells, faces=topology.faces, uvs=topology.uvs,
        rotation=np.asarray(pose.rotation, np.float64), scale=np.float64(pose.scale),
        shift=np.asarray(pose.shift, np.float64), inverse_distance=np.float64(pose.inverse_distance),
        yaw_pitch_roll_deg=np.float64(pose.yaw_pitch_roll_deg), confidence=np.float32(face.confidence),
        box=np.float32(face.box))
    if texture is not None:
        arrays |= dict(texture=texture.image, visible=texture.visible)
    memory = io.BytesIO()
    np.savez_compressed(memory, **arrays)
    write_bytes(path, memory.getvalue())
