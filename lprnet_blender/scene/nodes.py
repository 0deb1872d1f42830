# SPDX-License-Identifier: GPL-3.0-or-later
"""Shader nodes: the few steps that materials and worlds share."""

from __future__ import annotations

from typing import TypeVar

import bpy

AnyNode = TypeVar("AnyNode", bound=bpy.types.Node)


def node_tree(owner: bpy.types.Material | bpy.types.World) -> bpy.types.NodeTree:
    """The owner's nodes; before Blender 5.0 there are none until they are asked for."""
    if owner.node_tree is None:
        owner.use_nodes = True
    assert owner.node_tree is not None
    return owner.node_tree


def find_node(tree: bpy.types.NodeTree, kind: type[AnyNode]) -> AnyNode:
    """The first node of a class, for instance of those that Blender makes by itself."""
    return next(node for node in tree.nodes if isinstance(node, kind))


def add_node(tree: bpy.types.NodeTree, kind: type[AnyNode], location: tuple[float, float]) -> AnyNode:
    """A new node of a class."""
    node = tree.nodes.new(kind.__name__)
    assert isinstance(node, kind)
    node.location = location
    return node


def set_input(node: bpy.types.Node, name: str, value: float | tuple[float, ...]) -> None:
    """Set the value of an unconnected input by its English name."""
    node.inputs[name].default_value = value  # type: ignore[attr-defined]


def connect(tree: bpy.types.NodeTree, source: bpy.types.Node, output: str | int, target: bpy.types.Node,
            into: str | int) -> None:
    """Link an output to an input, by their English names or, where two share one, their places."""
    tree.links.new(source.outputs[output], target.inputs[into])


def principled(name: str, *, roughness: float) -> tuple[bpy.types.Material, bpy.types.Node]:
    """A new material and its Principled node."""
    material = bpy.data.materials.new(name)
    surface = find_node(node_tree(material), bpy.types.ShaderNodeBsdfPrincipled)
    set_input(surface, "Roughness", roughness)
    return material, surface
