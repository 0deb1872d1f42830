# SPDX-License-Identifier: GPL-3.0-or-later
"""Skin: a packed picture and a Principled material that shows it."""

from __future__ import annotations

import bpy
import numpy as np
import numpy.typing as npt

from .nodes import add_node, connect, node_tree, principled, set_input

SKIN_ROUGHNESS = 0.6
CLAY = (0.5, 0.4, 0.35, 1.0)
SKIN_GLOSS = 0.15               # of Blender's usual 0.5: the photo's own highlights are in the texture


def pack_image(name: str, pixels: npt.NDArray[np.uint8]) -> bpy.types.Image:
    """pixels (H, W, 3) uint8 sRGB, first row at the top, as an image inside the .blend."""
    height, width = pixels.shape[:2]
    rgba = np.ones((height, width, 4), dtype=np.float32)
    rgba[..., :3] = pixels[::-1] / np.float32(255)      # Blender's first row is the lowest
    image = bpy.data.images.new(name, width, height, alpha=False)
    image.pixels.foreach_set(rgba.ravel())  # type: ignore[attr-defined]
    image.update()
    image.pack()
    return image


def packed_image(name: str, png: bytes) -> bpy.types.Image:
    """A PNG file as an image inside the .blend: at once, since Blender reads it when it is first shown."""
    image = bpy.data.images.new(name, 1, 1, alpha=False)
    image.pack(data=png, data_len=len(png))
    image.source = "FILE"
    return image


def plain_material(name: str) -> bpy.types.Material:
    """A Principled material in the colour of clay, for a face without a texture."""
    material, surface = principled(name, roughness=SKIN_ROUGHNESS)
    set_input(surface, "Specular IOR Level", SKIN_GLOSS)
    set_input(surface, "Base Color", CLAY)
    return material


def skin_material(name: str, image: bpy.types.Image, uv_layer: str) -> bpy.types.Material:
    """A Principled material whose base colour is `image`."""
    material, surface = principled(name, roughness=SKIN_ROUGHNESS)
    set_input(surface, "Specular IOR Level", SKIN_GLOSS)
    tree = node_tree(material)
    texture = add_node(tree, bpy.types.ShaderNodeTexImage, (-320, 300))
    texture.image = image
    texture.extension = "EXTEND"
    where = add_node(tree, bpy.types.ShaderNodeUVMap, (-540, 120))
    where.uv_map = uv_layer
    connect(tree, where, "UV", texture, "Vector")
    connect(tree, texture, "Color", surface, "Base Color")
    return material


def hide_inside(material: bpy.types.Material) -> None:
    """Make the back of the mesh invisible, so that eyes and mouth are openings in a picture, not the far cheek's skin.

    Not for files that are kept: exporters of other formats want the texture straight at the surface.
    """
    tree = node_tree(material)
    output = tree.get_output_node("CYCLES")  # type: ignore[attr-defined]
    links = output.inputs["Surface"].links if output else None
    if not links:
        return
    front = links[0].from_socket
    mix = add_node(tree, bpy.types.ShaderNodeMixShader, (200, 100))
    back = add_node(tree, bpy.types.ShaderNodeBsdfTransparent, (0, -100))
    connect(tree, add_node(tree, bpy.types.ShaderNodeNewGeometry, (0, 300)), "Backfacing", mix, 0)
    tree.links.new(front, mix.inputs[1])  # type: ignore[index]
    connect(tree, back, "BSDF", mix, 2)
    connect(tree, mix, "Shader", output, "Surface")
