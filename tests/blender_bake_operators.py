"""Run with bpy in a process of its own: Bake Video, Bake Again, and everything that can come between, told as JSON. Not
a test itself.

arguments: a folder with clip.mov (a face, a click in its sound), take.lprtake and other.lprtake (another topology)
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import wave
from functools import partial
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy                                                              # noqa: E402
import numpy as np                                                      # noqa: E402
from blender_bake import world                                          # noqa: E402
from mathutils import Matrix                                            # noqa: E402

import lprnet_blender                                                   # noqa: E402
from inference_core.errors import InputError                            # noqa: E402
from inference_core.smoothing import RAW                                # noqa: E402
from inference_core.take import open_take                               # noqa: E402
from inference_core.video import VideoOptions                           # noqa: E402
from lprnet_blender import bake_video, jobs                             # noqa: E402
from lprnet_blender.compat import curves_of, strips_of                             # noqa: E402
from lprnet_blender.scene.bake import Target                            # noqa: E402
from lprnet_blender.scene.bake_options import BakeOptions               # noqa: E402
from lprnet_blender.scene.export import export                          # noqa: E402
from lprnet_blender.ui import lifetime                                  # noqa: E402
from lprnet_blender.ui.operators import running                         # noqa: E402
from lprnet_blender.ui.operators.running import JobOperator             # noqa: E402

STILL = {"smooth_pose": 0, "smooth_expression": 0, "smooth_openings": 0, "smooth_identity": 0, "max_gap_s": 0}
PLACE = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.5, 4, "Z") @ Matrix.Scale(2.0, 4)


def answer(operator, **options) -> str:
    try:
        return ",".join(sorted(operator(**options)))
    except RuntimeError as error:                       # how bpy.ops hands on a report of type ERROR
        return str(error)


def fresh() -> bpy.types.Scene:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    return scene


def names(kind: str) -> list[str]:
    return sorted(data.name for data in getattr(bpy.data, kind))


def click_s(scene: bpy.types.Scene, path: Path) -> float:
    """Second of the scene's range at which its sound clicks, as Blender mixes it."""
    bpy.ops.sound.mixdown(filepath=str(path), container="WAV", codec="PCM", format="S16")
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, file.getnchannels())[:, 0]
        return float(np.argmax(np.abs(samples) > 3000) / file.getframerate())


def clip(folder: Path) -> dict:
    """From the clip to the mesh; then part of it, at another rate."""
    scene = fresh()
    told = {"answer": answer(bpy.ops.lprnet.bake_video, filepath=str(folder / "clip.mov"), texture="512")}
    thing = bpy.context.object
    told |= {"active": thing.name, "properties": {key: thing[key] for key in ("lprnet_take", "lprnet_frames")},
             "textures": [(image.size[0], image.packed_file is not None) for image in bpy.data.images],
             "materials": names("materials"), "click": click_s(scene, folder / "mixed.wav"),
             "frames": [scene.frame_start, scene.frame_end], "complete": open_take(folder / "clip.lprtake").complete,
             "channels": [strip.channel for strip in strips_of(scene.sequence_editor)]}
    told["again"] = answer(bpy.ops.lprnet.rebake, start_frame=31)
    told |= {"again_click": click_s(scene, folder / "mixed.wav"), "again_strips": len(strips_of(scene.sequence_editor)),
             "again_textures": len(bpy.data.images), "again_frames": [scene.frame_start, scene.frame_end]}
    scene = fresh()
    scene.render.fps, scene.render.fps_base = 30, 1.001
    told["part"] = answer(bpy.ops.lprnet.bake_video, filepath=str(folder / "clip.mov"), take=str(folder / "part.lprtake"),
                          start_s=0.21, texture="0")
    told["part_click"] = click_s(scene, folder / "mixed.wav")
    scene = fresh()
    told["retimed"] = answer(bpy.ops.lprnet.bake_video, take=str(folder / "clip.lprtake"), timing="SET_SCENE_FPS",
                             texture="0")
    told["rate"] = scene.render.fps / scene.render.fps_base
    return told


def again(folder: Path) -> tuple[dict, dict]:
    """Baked, moved and painted by an artist, baked again in every other way."""
    scene = fresh()
    told = {"first": answer(bpy.ops.lprnet.bake_video, take=str(folder / "take.lprtake"), texture="0", head="NONE",
                            **STILL)}
    thing, points = bpy.context.object, {}
    thing.matrix_basis = PLACE
    thing.name = "Anna"
    skin = bpy.data.materials.new("painted")
    thing.data.materials.append(skin)
    thing.data.uv_layers.new(name="second")
    thing.modifiers.new("finer", "WELD").merge_threshold = 0.0
    thing["mine"] = 7
    twin = bpy.data.objects.new("twin", thing.data)
    scene.collection.objects.link(twin)
    for number, changes in enumerate(({"mode": "POINT_CACHE", "head": "OBJECT"}, {"mode": "RELATIVE", "head": "VERTICES"},
                                      {"mode": "ABSOLUTE", "head": "OBJECT", "start_frame": 5}, {"head": "NONE"})):
        told[f"answer {number}"] = answer(bpy.ops.lprnet.rebake, **changes)
        for frame in (5, 12, 25):
            points[f"again {number} {frame}"] = world(thing, frame)
    told |= {"name": thing.name, "materials": [material.name for material in thing.data.materials], "mine": thing["mine"],
             "uvs": [layer.name for layer in thing.data.uv_layers], "modifiers": [each.name for each in thing.modifiers],
             "twin": twin.data == thing.data, "meshes": names("meshes"), "actions": names("actions"),
             "markers": sorted({marker.name.partition(":")[0] for marker in scene.timeline_markers}),
             "marked": len(scene.timeline_markers), "objects": names("objects"),
             "mode": thing["lprnet_bake"]["mode"], "start": thing["lprnet_bake"]["start_frame"]}
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "baked.blend"))
    told["kept"] = Path(thing["lprnet_take"]).name
    return told, points


def told_apart(folder: Path) -> dict:
    """Duplicates, renamed faces and new ones with the name that one had; long names; a file of an earlier version."""
    scene, take = fresh(), str(folder / "clip.lprtake")

    def strips() -> dict[str, int]:
        return {strip["lprnet_object"]: strip.frame_final_start for strip in strips_of(scene.sequence_editor)}

    def marked() -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for marker in sorted(scene.timeline_markers, key=lambda marker: marker.frame):
            found.setdefault(marker.name.rpartition(": ")[0], []).append(marker.frame)
        return found

    def bake(start: int, **options) -> bpy.types.Object:
        assert answer(bpy.ops.lprnet.bake_video, texture="0", start_frame=start, **options) == "FINISHED"
        return bpy.context.object

    def again(thing: bpy.types.Object, start: int) -> None:
        bpy.context.view_layer.objects.active = thing
        assert answer(bpy.ops.lprnet.rebake, start_frame=start) == "FINISHED"

    first = bake(1, take=take)
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    again(copy, 101)
    told = {"copied": [copy.name, strips()]}
    first.name = "hero"
    again(bake(201, take=take), 211)
    told["its name taken"] = [bpy.context.object.name, strips()]
    again(first, 11)
    again(copy, 111)
    told["all again"] = strips()
    for start in (301, 401):
        thing = bake(start, take=take)
        told[f"deleted {start}"] = [thing.name, strips()]
        bpy.data.objects.remove(thing)
    scene, take = fresh(), str(folder / "take.lprtake")
    first = bake(1, take=take, **STILL)
    bpy.ops.object.duplicate()
    again(bpy.context.object, 101)
    again(first, 11)
    told["marked"] = marked()
    scene = fresh()
    first = bake(1, take=take, **STILL)                 # the original first, then its duplicate
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    again(first, 11)
    again(first, 21)
    told["marked, original first"] = marked()
    again(copy, 101)
    told["marked, then the copy"] = marked()
    first.name = "hero"                                 # renamed, and duplicated under that name
    bpy.context.view_layer.objects.active = first
    copy.select_set(False)
    first.select_set(True)
    bpy.ops.object.duplicate()
    again(first, 31)
    told["marked, renamed"] = marked()
    scene = fresh()
    long, twin = "a" * 44 + "é" * 9, "a" * 44 + "é" * 9 + "!"       # of 62 and 63 bytes
    for name, start in ((long, 1), (twin, 101)):
        bake(start, take=take, **STILL).name = name
        again(bpy.context.object, start)
        again(bpy.context.object, start + 10)
    told["long"] = marked()
    scene = fresh()                                     # as earlier versions have left it
    for marker, frame in ((f"{long}: face lost", 5), (f"{long}: last lost", 8), ("cut", 9)):
        scene.timeline_markers.new(marker, frame=frame)
    thing = bake(1, take=take, markers=False)
    thing.name = thing["lprnet_baked_as"] = long
    bpy.ops.object.duplicate()
    again(bpy.context.object, 1)
    told["earlier version, a duplicate"] = sorted(marker.frame for marker in scene.timeline_markers)
    again(thing, 1)
    told["earlier version"] = sorted(marker.frame for marker in scene.timeline_markers)
    return told


def caches(folder: Path) -> dict:
    """What still plays the point cache of an earlier bake, once the face is baked again: how far it is off."""
    def points(thing: bpy.types.Object) -> np.ndarray:
        return world(thing, 15)                         # in a gap, which is held or filled in

    def off(name: str) -> float:
        return float(np.abs(points(bpy.data.objects[name]) - before).max())

    fresh()
    place = folder / "caches"
    place.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(place / "v1.blend"))
    told = {"answers": [answer(bpy.ops.lprnet.bake_video, take=str(folder / "take.lprtake"), texture="0", head="NONE",
                               mode="POINT_CACHE", **STILL)]}
    name = bpy.context.object.name
    before = points(bpy.context.object)
    bpy.ops.wm.save_mainfile()
    bpy.ops.ed.undo_push(message="baked")
    told["answers"].append(answer(bpy.ops.lprnet.rebake, max_gap_s=8.0))
    bpy.ops.ed.undo_push(message="again")
    told["again"] = off(name)
    bpy.ops.ed.undo()
    told["undone"] = off(name)
    bpy.ops.ed.redo()
    told["redone"] = off(name)
    bpy.ops.ed.undo()
    bpy.ops.object.duplicate()
    told["answers"].append(answer(bpy.ops.lprnet.rebake, max_gap_s=8.0))
    told |= {"duplicate": off(bpy.context.object.name), "original": off(name)}
    bpy.ops.wm.save_as_mainfile(filepath=str(place / "v2.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(place / "v1.blend"))
    told |= {"older version": off(name), "files": sorted(path.name for path in place.glob("*.pc2"))}
    return told


def refusals(folder: Path) -> dict:
    """Each of them one sentence, and nothing left behind."""
    scene, blocked = fresh(), folder / "file"
    blocked.write_text("no folder")
    take = str(folder / "take.lprtake")
    told = {"other topology": answer(bpy.ops.lprnet.bake_video, take=str(folder / "other.lprtake")),
            "no take": answer(bpy.ops.lprnet.bake_video, take=str(folder / "none.lprtake")),
            "no clip": answer(bpy.ops.lprnet.bake_video, filepath=str(folder / "none.mkv")),
            "nothing": answer(bpy.ops.lprnet.bake_video),
            "no place": answer(bpy.ops.lprnet.bake_video, filepath=str(folder / "clip.mov"),
                               take=str(blocked / "a.lprtake")),
            "lost": answer(bpy.ops.lprnet.bake_video, take=str(folder / "lost.lprtake"))}
    told["left"] = names("objects") + names("meshes") + names("materials") + names("actions")
    bpy.ops.mesh.primitive_cube_add()
    told["not baked"] = answer(bpy.ops.lprnet.rebake)
    answer(bpy.ops.lprnet.bake_video, take=take, texture="0", head="VERTICES")
    bpy.context.object.scale = 1, 2, 1
    told["slanted"] = answer(bpy.ops.lprnet.rebake, head="OBJECT")
    told["slanted_head"] = bpy.context.object["lprnet_bake"]["head"]
    bpy.ops.object.mode_set(mode="EDIT")
    told["edit mode"] = [bpy.ops.lprnet.bake_video.poll(), bpy.ops.lprnet.rebake.poll()]
    bpy.ops.object.mode_set(mode="OBJECT")
    assert scene == bpy.context.scene
    return told


def begin(folder: Path, take: str = "take.lprtake", clip: str = "", mode: str = "ABSOLUTE") -> jobs.Job:
    options = BakeOptions(mode, smoothing=RAW, texture=0)
    return bake_video.begin(clip, folder / take, VideoOptions(resume=True), options, Target(bpy.context.scene.name))


def advance(job: jobs.Job, text: str, done: int) -> None:
    """Ticks until that part of the work has come so far, or the job has ended."""
    while job.ended is None and not (job.progress.text == text and job.progress.done >= done):
        job.tick(0.0)
        let_work(job)


def let_work(job: jobs.Job) -> None:
    """Whoever asks again and again keeps the worker from its work."""
    if job.waiting and job.ended is None:
        time.sleep(jobs.SLEEP_S)


def ending(job: jobs.Job) -> list[str]:
    while job.ended is None:
        job.tick()
        let_work(job)
    return [type(job.ended).__name__, getattr(job.ended, "message", "")]


def faults(folder: Path) -> dict:
    """What may happen to Blender while a job goes on."""
    told: dict = {}
    fresh()
    for cache in folder.glob("*.pc2"):
        cache.unlink()
    told["cancelled"] = []
    for mode, parts in (("ABSOLUTE", ["Baking"]), ("RELATIVE", ["Baking"]), ("POINT_CACHE", ["Writing the point cache"])):
        for text in ["Baking", *parts]:
            for done in (1, 2, 9, 28):
                job = begin(folder, mode=mode)
                advance(job, text, 1 if mode == "POINT_CACHE" and text == "Baking" else done)
                job.cancel()
                told["cancelled"].append(type(job.ended).__name__)
    told["cancelled bakes leave"] = [*names("objects"), *names("meshes"), *names("actions"),
                                     *sorted(path.name for path in folder.glob("*.pc2")),
                                     *sorted(path.name for path in folder.glob(".*"))]
    job = begin(folder)
    advance(job, "Baking", 3)
    told["second"] = answer(bpy.ops.lprnet.bake_video, take=str(folder / "take.lprtake"))
    told["first goes on"] = ending(job)
    scene = fresh()
    job = begin(folder)
    advance(job, "Baking", 3)
    bpy.data.scenes.new("Other")
    bpy.context.window.scene = bpy.data.scenes["Other"]
    bpy.data.scenes.remove(scene)
    told["scene deleted"] = ending(job)
    told["scene deleted leaves"] = names("objects") + names("meshes")
    fresh()
    job = begin(folder)
    advance(job, "Baking", 3)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    told["file opened"] = [type(job.ended).__name__, job.ended.message, jobs.current() is None]
    fresh()
    job = begin(folder)
    advance(job, "Baking", 3)
    for thing in list(bpy.data.objects):                # what an undo does to data that is newer than its step
        bpy.data.objects.remove(thing)
    told["undone"] = ending(job)
    told["undone makes"] = names("objects")
    fresh()
    job = begin(folder)
    advance(job, "Baking", 3)
    lprnet_blender.unregister()
    told["switched off"] = [type(job.ended).__name__, job.ended.message, jobs.current() is None, names("objects")]
    lprnet_blender.register()
    answer(bpy.ops.lprnet.bake_video, take=str(folder / "take.lprtake"), texture="0")
    thing = bpy.context.object
    job = bake_video.begin("", folder / "take.lprtake", VideoOptions(), BakeOptions("RELATIVE", texture=0),
                           Target(bpy.context.scene.name, thing.name))
    advance(job, "Baking", 3)
    before = [len(thing.data.shape_keys.key_blocks), thing.data.shape_keys.use_relative]
    job.cancel()
    told["cancelled again"] = before == [len(thing.data.shape_keys.key_blocks), thing.data.shape_keys.use_relative]
    job = bake_video.begin("", folder / "take.lprtake", VideoOptions(), BakeOptions("RELATIVE", texture=0),
                           Target(bpy.context.scene.name, thing.name))
    advance(job, "Baking", 3)
    bpy.data.objects.remove(thing)
    told["object deleted"] = ending(job)
    return told | edited(folder) | {"undone cache": undone_cache(folder), "empty slot": empty_slot(folder)}


def edited(folder: Path) -> dict:
    """A linked duplicate of the face is in Edit Mode when the bake comes to its end."""
    scene, told = fresh(), {}
    answer(bpy.ops.lprnet.bake_video, take=str(folder / "take.lprtake"), texture="0")
    thing = bpy.context.object
    twin = bpy.data.objects.new("twin", thing.data)
    scene.collection.objects.link(twin)
    mesh = thing.data
    job = bake_video.begin("", folder / "take.lprtake", VideoOptions(), BakeOptions("RELATIVE", texture=0),
                           Target(scene.name, thing.name))
    advance(job, "Baking", 3)
    bpy.context.view_layer.objects.active = twin
    bpy.ops.object.mode_set(mode="EDIT")
    told["edited"] = [*ending(job), [names("objects"), thing.data == mesh, twin.data == mesh]]
    told["edited export"] = exported(twin, folder / "edited.abc")
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = thing
    told["edited again"] = [answer(bpy.ops.lprnet.rebake), names("objects"), thing.data == twin.data]
    return told


def exported(thing: bpy.types.Object, path: Path) -> str:
    try:
        return str(export(thing, path))
    except InputError as error:
        return str(error)


def undone_cache(folder: Path) -> list:
    """An undo takes the hidden mesh while the point cache is written: the bake begins anew, and one cache is left."""
    fresh()
    before = set(folder.glob("*.pc2"))
    job = begin(folder, mode="POINT_CACHE")
    advance(job, "Writing the point cache", 5)
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    ended = ending(job)[0]
    made = set(folder.glob("*.pc2")) - before
    for cache in made:
        cache.unlink()
    return [ended, len(made)]


def empty_slot(folder: Path) -> list:
    """An artist has taken the material out of its slot and bakes again."""
    fresh()
    answer(bpy.ops.lprnet.bake_video, take=str(folder / "clip.lprtake"), texture="512")
    mesh = bpy.context.object.data
    mesh.materials[0] = None
    done = answer(bpy.ops.lprnet.rebake, texture="512")
    mesh = bpy.context.object.data
    return [done, [bool(material) for material in mesh.materials], sorted({polygon.material_index for polygon in mesh.polygons}),
            [attribute.name for attribute in mesh.attributes if "seen" in attribute.name]]


def resumed(folder: Path) -> dict:
    """The capture is cancelled at some frames; going on gives the same take, byte for byte."""
    told = {}
    whole = (folder / "clip.lprtake" / "frames.bin").read_bytes()
    for at in (0, 1, 7, 20):
        fresh()
        take = folder / f"stopped{at}.lprtake"
        job = begin(folder, take.name, str(folder / "clip.mov"))
        advance(job, "Capturing" if at else "Opening clip.mov", at)
        job.cancel()
        kept = len(open_take(take)) if (take / "header.json").exists() else 0
        told[f"stopped {at}"] = [type(job.ended).__name__, job.ended.message.replace(str(folder), ""), kept]
        told[f"resumed {at}"] = [ending(begin(folder, take.name, str(folder / "clip.mov")))[0],
                                 (take / "frames.bin").read_bytes() == whole]
        shutil.rmtree(take)
    return told


def named(folder: Path) -> dict:
    """Clips of one folder, one after the other and then two of them again: which take each gets, and which one the panel
    shows then."""
    told, settings = {}, fresh().lprnet
    for number, name in enumerate(("shot_010.mov", "shot_020.mov", "shot 020.mov", "shot_010.mov", "shot 020.mov")):
        settings.clip = str(folder / "shots" / name)
        done = answer(bpy.ops.lprnet.bake_video, filepath=settings.clip, take=settings.take, texture="0")
        told[f"{number} {name}"] = [done, Path(bpy.context.object["lprnet_take"]).name, Path(settings.take).name]
    told["none"] = answer(bpy.ops.lprnet.bake_video, filepath=str(folder / "none.mkv"))
    long = shutil.copy(folder / "shots" / "shot_010.mov", folder / ("é" * 124 + ".mov"))
    told["long"] = [answer(bpy.ops.lprnet.bake_video, filepath=str(long), texture="0"),
                    Path(bpy.path.abspath(bpy.context.object["lprnet_take"])).is_dir()]
    settings.take = str(folder / "shots" / "shot_020-2.lprtake")
    told["too long"] = answer(bpy.ops.lprnet.bake_video, filepath=str(folder / "shots" / "shot_010.mov"),
                              take=str(folder / ("a" * 250 + ".lprtake")))
    told["panel"] = Path(settings.take).name
    return told


def sequence(folder: Path) -> dict:
    """Pictures in scenes of different rates: in how many seconds the second one comes, and on which frames the keys."""
    told, pattern = {}, str(folder / "pictures" / "shot.####.png")
    for name, rate, fps in (("scene", 25, 0.0), ("given", 25, 29.97), ("again", 30, 0.0), ("given again", 30, 29.97)):
        scene = fresh()
        scene.render.fps = rate
        take = folder / "pictures" / f"{name.removesuffix(' again').replace('again', 'scene')}.lprtake"
        told[name] = [answer(bpy.ops.lprnet.bake_video, filepath=pattern, take=str(take), fps=fps, texture="0"),
                      open_take(take).header.fps,
                      [key.co.x for key in curves_of(bpy.context.object)[0].keyframe_points]]
    scene = fresh()
    scene.render.fps = 50
    video = folder / "shots" / "shot_010.mov"
    told["video"] = [answer(bpy.ops.lprnet.bake_video, filepath=str(video), take=str(folder / "rated.lprtake"), fps=50.0,
                            texture="0"), open_take(folder / "rated.lprtake").header.fps]
    return told


def moved(folder: Path) -> dict:
    """Clip and take were moved to another folder together; then the clip is gone."""
    told, place = {}, folder / "elsewhere"
    place.mkdir()
    (folder / "clip.mov").rename(place / "clip.mov")
    (folder / "clip.lprtake").rename(place / "clip.lprtake")
    for name in ("together", "alone"):
        scene = fresh()
        told[name] = answer(bpy.ops.lprnet.bake_video, take=str(place / "clip.lprtake"), texture="512")
        editor = scene.sequence_editor
        told[f"{name} has"] = [len(bpy.data.images), len(strips_of(editor)) if editor else 0, names("materials")]
        (place / "clip.mov").unlink(missing_ok=True)
    return told


class Windowed:
    """As much of a modal operator as its timer needs, since bpy as a module has no window."""

    modal, tick, _end, _with_a_window = (JobOperator.__dict__[name] for name in ("modal", "tick", "_end", "_with_a_window"))
    taken_back = False

    def __init__(self, job: jobs.Job) -> None:
        self._job, self.reports = job, []

    def report(self, kinds: set[str], sentence: str) -> None:
        self.reports.append([*kinds, sentence])

    def take_back(self, context) -> None:
        self.taken_back = True

    def done(self, context, result) -> str:
        return f"{result.name} baked"


def windowed(folder: Path) -> dict:
    """Ticked by a timer's events to the end, and stopped by Esc."""
    told = {}
    for name, stop in (("finished", False), ("stopped", True)):
        fresh()
        texts, timers = [], []
        manager = SimpleNamespace(event_timer_add=lambda *_, **__: timers.append("timer") or "timer",
                                  event_timer_remove=timers.remove, progress_begin=lambda *_: None,
                                  progress_update=lambda _: None, progress_end=lambda: None,
                                  modal_handler_add=lambda _: None, windows=[])
        context = SimpleNamespace(window_manager=manager, window=None, screen=None,
                                  workspace=SimpleNamespace(name="Layout", status_text_set=texts.append))
        operator = Windowed(begin(folder))
        operator._job.tick = partial(operator._job.tick, 0.0)       # a step for each of the timer's events
        state, key = operator._with_a_window(context), operator.modal(context, SimpleNamespace(type="A", value="PRESS"))
        while state <= {"RUNNING_MODAL", "PASS_THROUGH"}:
            esc = stop and any(text and "Baking" in text for text in texts)
            event = ("ESC", "PRESS") if esc else ("TIMER", "NOTHING")
            stop = stop and not esc
            state = operator.modal(context, SimpleNamespace(type=event[0], value=event[1]))
        told[name] = {"state": [*state], "reports": operator.reports, "taken back": operator.taken_back,
                      "timers": timers, "key": [*key], "last": [*running._told_in],
                      "words": [text for text in texts if text and "Baking" in text][-1], "left": names("objects")}
    return told


def not_opened(folder: Path) -> dict:
    """A file that cannot be opened ends the job and takes its timer, but leaves the operator in the window."""
    fresh()
    timers: list = []
    manager = SimpleNamespace(event_timer_add=lambda *_, **__: timers.append(object()) or timers[-1],
                              event_timer_remove=timers.remove, progress_begin=lambda *_: None, progress_update=lambda _: None,
                              progress_end=lambda: None, modal_handler_add=lambda _: None, windows=[])
    context = SimpleNamespace(window_manager=manager, window=None, screen=None, workspace=None)
    first = Windowed(begin(folder))
    first._with_a_window(context)
    lifetime.stop_showing, kept = (lambda _: running.stop_showing(context)), lifetime.stop_showing
    try:
        lifetime._stop()
    finally:
        lifetime.stop_showing = kept
    told = {"timers": len(timers)}
    second = Windowed(begin(folder))
    second._with_a_window(context)
    told["first"] = [*first.modal(context, SimpleNamespace(type="MOUSEMOVE", value="NOTHING"))]
    told |= {"reports": first.reports, "second's timer": len(timers)}
    state = {"PASS_THROUGH"}
    while state <= {"RUNNING_MODAL", "PASS_THROUGH"}:
        state = second.modal(context, SimpleNamespace(type="TIMER", value="NOTHING"))
    return told | {"second": [*state], "left": len(timers)}


if __name__ == "__main__":
    root = Path(sys.argv[1])
    lprnet_blender.register()
    results = {"clip": clip(root)}
    results["again"], arrays = again(root)
    for part in (told_apart, caches, refusals, faults, windowed, not_opened, resumed, named, sequence, moved):
        results[part.__name__] = part(root)
    np.savez(root / "again.npz", **arrays)
    print("TOLD " + json.dumps(results))
    sys.stdout.flush()
    os._exit(0)
