# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake a take into a scene: no network, the raw take is smoothed as it is read.

`bake_take` is the whole of it; `bake_steps` the same in steps of a few milliseconds. The mesh is built where no scene
shows it and put into its object at the end, at once: what stops a bake before leaves the file as it was. Nothing of
Blender's is held from step to step but names, since undo and deleting take the data away.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import bpy
from mathutils import Matrix

from inference_core.errors import InputError

from ..jobs import WAITING, Job, Progress, Steps, messages_of
from .bake_options import BakeOptions
from .bake_plan import Plan, Points, Skin, read_take
from .baked import label_of, place_of, portable, remember
from .cache_modifier import drop_cache, use_cache
from .head_motion import animate_head, check_place, still_head
from .label import free_label, labels_of_others
from .linked import check_own, home, own
from .markers import drop_markers, set_markers
from .point_cache import ENDING, CacheFile
from .shape_keys import animate_absolute, animate_relative
from .sound import drop_sound, set_sound
from .timing import SceneRate
from .units import metres_at
from .unseen import Undone, Unseen

EARLY = 1e-3                    # of a frame
ROUNDS = 3                      # a bake whose data an undo has taken away begins anew, so often


@dataclass(frozen=True)
class Target:
    """Where to bake, by names of this file's own data: the scene; an object that has a bake, which is replaced, or None
    for a new one; the collection of a new one, None = the scene's own; the place of a new one, None = the 3D cursor;
    what a point cache is named after, and replaced without asking, None = the object, and no earlier one goes."""

    scene: str
    thing: str | None = None
    collection: str | None = None
    place: Matrix | None = None
    cache: str | None = None


@dataclass(frozen=True)
class Baked:
    """The object's name, frames and how many of them show a face, and what the user should know."""

    name: str
    frames: int
    seen: int
    notes: tuple[str, ...]


def bake_take(take: str | Path, options: BakeOptions = BakeOptions(), scene: bpy.types.Scene | None = None, *,
              thing: bpy.types.Object | None = None, collection: bpy.types.Collection | None = None,
              cache: str | None = None,
              on_progress: Callable[[Progress], None] = lambda progress: None) -> bpy.types.Object:
    """Bake a take into a new object of `scene` (by default the one of the context), or anew into `thing`, which keeps
    its name, place and materials. cache: see Target. Returns the object. Raises TakeError, InputError, OutputError."""
    scene = scene or bpy.context.scene
    assert scene is not None
    if thing is not None:
        check_own(thing)
    collection = home(scene, collection)
    target = Target(scene.name, thing.name if thing else None, collection.name, cache=cache)
    baked: Baked = Job("Bake", bake_steps(Path(take), options, target)).run(on_progress)
    made: bpy.types.Object = own(bpy.data.objects, baked.name)
    return made


def bake_steps(take: Path, options: BakeOptions, target: Target) -> Steps:
    """For `jobs`: yields Progress or WAITING, returns Baked. Closing it leaves the file as it was."""
    for _ in range(ROUNDS):
        try:
            return (yield from _bake(take, options, target))
        except Undone:
            continue
    raise InputError(f"Undo has stopped the bake; the take {take} is kept: bake it again")


def _bake(take: Path, options: BakeOptions, target: Target) -> Steps:
    scene, thing = _find(target, take)
    place = _place(scene, thing, target)
    if options.head == "OBJECT":
        check_place(thing.name if thing else "new object", place)
    name = thing.name if thing else _name_of(take)
    cache = _cache_of(take, name, target) if options.mode == "POINT_CACHE" else None
    wants_skin = options.texture > 0 and not (thing and any(slot.material for slot in thing.material_slots))
    rate = SceneRate(scene.render.fps, scene.render.fps_base)
    unseen, plan, skin = Unseen(name, target.thing), None, None
    del scene, thing
    try:
        with closing(messages_of(read_take(take, options, rate, cache, wants_skin))) as work:
            for message in work:
                if isinstance(message, Plan):
                    plan = message
                elif isinstance(message, Points):
                    assert plan is not None
                    if message.number == 0:
                        unseen.build(plan.topology, message.points, keys=cache is None)
                    if cache is None:
                        unseen.add_key(message.number, message.points)
                    yield Progress(message.number + 1, len(plan.frames), "Baking")
                elif isinstance(message, Skin):
                    skin = message
                    assert plan is not None
                    unseen.add_skin(skin, plan.topology)
                else:
                    yield message
        assert plan is not None
        if options.mode == "RELATIVE":
            for done in animate_relative(unseen.key, f"{name} expression", plan.frames, plan.holds):
                yield Progress(done, len(plan.frames), "Animating")
                unseen.key                      # raises where an undo has taken it away, before the curves are touched
        elif options.mode == "ABSOLUTE":
            animate_absolute(unseen.key, f"{name} expression", plan.frames, plan.holds)
        yield WAITING
        yield from _in_object_mode(target, take)
        return _show(unseen, plan, skin, take, cache, options, target, place)
    finally:
        unseen.drop()
        if cache is not None:
            cache.drop()


def _in_object_mode(target: Target, take: Path) -> Steps:
    """Waits while the mesh that is to be replaced is edited: Blender would delete the object with it."""
    while (mode := _mode(_find(target, take)[1])) != "OBJECT":
        if bpy.app.background:                          # nobody is there who could leave it
            raise InputError(f"{target.thing}: in {mode} mode, where its mesh cannot be replaced; leave it, the take "
                             f"{take} is kept: bake it again")
        yield Progress(0, None, "Waiting until the face is in Object Mode again")
        yield WAITING


def _mode(thing: bpy.types.Object | None) -> str:
    """Of whoever shares the mesh, one that is not "OBJECT" where there is one."""
    users = () if thing is None else (other for other in bpy.data.objects if other.data == thing.data)
    return next((other.mode for other in users if other.mode != "OBJECT"), "OBJECT")


def _show(unseen: Unseen, plan: Plan, skin: Skin | None, take: Path, cache: CacheFile | None, options: BakeOptions,
          target: Target, place: Matrix) -> Baked:
    """Everything that the scene sees, at once."""
    scene, old = _find(target, take)
    notes = [skin.missing] if skin and skin.missing else []
    unseen.mesh                                 # raises where an undo has taken it away, before the cache has its name
    played = cache.show() if cache is not None else None
    thing = unseen.show(old, _collection(scene, target))
    if options.head == "OBJECT":
        animate_head(thing, place, plan.frames, plan.places, plan.turns, plan.holds)
    else:
        still_head(thing, place)
    if played is not None:
        use_cache(thing, portable(played), plan.frames, plan.holds)
    else:
        drop_cache(thing)
    others = labels_of_others(scene, thing)
    label, channel = free_label(thing.name, others), 0
    for earlier in {label_of(thing), label} - others:
        drop_markers(scene, earlier)
        channel = drop_sound(scene, earlier) or channel
    if options.timing == "SET_SCENE_FPS":
        scene.render.fps, scene.render.fps_base = plan.timeline.rate.fps, plan.timeline.rate.base
    if options.markers:
        set_markers(scene, label, plan.lost)
    if options.sound:
        notes += _sound(scene, label, plan, channel)
    if options.frame_range:
        scene.frame_start, scene.frame_end = options.start_frame, math.ceil(plan.timeline.frames[-1] - EARLY)
    remember(thing, take, options, place, label, played, {
        "frames": plan.count, "frames_seen": plan.seen, "gaps": len(plan.lost), "confidence": plan.confidence,
        "topology": plan.topology.name})
    return Baked(thing.name, plan.count, plan.seen, tuple(notes))


def _sound(scene: bpy.types.Scene, label: str, plan: Plan, channel: int) -> list[str]:
    if plan.clip is None:
        return []
    if not plan.timeline.steady:
        return ["The clip's sound was left out: with this timing the mesh runs at another speed"]
    set_sound(scene, label, plan.clip, plan.timeline, channel)
    return []


def _find(target: Target, take: Path) -> tuple[bpy.types.Scene, bpy.types.Object | None]:
    scene = own(bpy.data.scenes, target.scene)
    if scene is None:
        raise InputError(f"The scene {target.scene} was deleted during the bake; the take {take} is kept: bake it "
                         "again")
    if target.thing is None:
        return scene, None
    thing = own(bpy.data.objects, target.thing)
    if thing is None:
        raise InputError(f"The object {target.thing} was deleted or renamed during the bake; the take {take} is kept: "
                         "bake it again")
    check_own(thing)
    return scene, thing


def _place(scene: bpy.types.Scene, thing: bpy.types.Object | None, target: Target) -> Matrix:
    if thing is not None:
        return place_of(thing)
    return target.place.copy() if target.place is not None else metres_at(scene, scene.cursor.location)


def _collection(scene: bpy.types.Scene, target: Target) -> bpy.types.Collection:
    return home(scene, own(bpy.data.collections, target.collection) if target.collection else None)


def _name_of(take: Path) -> str:
    return take.stem.encode(errors="replace").decode() or "take"        # Blender takes no bytes that are not Unicode


def _cache_of(take: Path, name: str, target: Target) -> CacheFile:
    """Beside the .blend file, else beside the take. Raises OutputError now where nothing can be written there."""
    folder = Path(bpy.data.filepath).parent if bpy.data.filepath else take.absolute().parent
    safe = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in target.cache or name)
    return CacheFile.at(folder / f"{safe}_lprnet{ENDING}", replaces=target.cache is not None)
