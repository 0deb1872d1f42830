"""Run with bpy in a process of its own: live captures in a scene, told as JSON. Not a test itself.

Arguments: a folder with pictures frame*.jpg, a folder to write to.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import bpy                                                          # noqa: E402
import numpy as np                                                  # noqa: E402
from mathutils import Matrix                                        # noqa: E402

import lprnet_blender                                               # noqa: E402
from inference_core.frames import Frame                             # noqa: E402
from inference_core.images import decode_image                      # noqa: E402
from inference_core.live.messages import LiveResult                 # noqa: E402
from inference_core.live.mirror import mirrored_pose, mirrored_vertices   # noqa: E402
from inference_core.live.options import LiveOptions                 # noqa: E402
from inference_core.pose import HeadPose, rotation_from_angles      # noqa: E402
from inference_core.take import open_take, take_frame               # noqa: E402
from inference_core.take_formats.motion import placed_metres        # noqa: E402
from inference_core.topology import load_topology                   # noqa: E402
from inference_core.tracking import TrackOptions, capture           # noqa: E402
from lprnet_blender import live                                     # noqa: E402
from lprnet_blender.scene.bake import bake_take                 # noqa: E402
from lprnet_blender.take_names import free_take                     # noqa: E402
from lprnet_blender.ui.operators.live_webcam import LPRNET_OT_live_webcam  # noqa: E402
from lprnet_blender.scene.drive import drive, live_face             # noqa: E402
from mjpeg_server import camera                                     # noqa: E402
from takes import acted, write_take                                 # noqa: E402

PICTURES = [path.read_bytes() for path in sorted(Path(sys.argv[1]).glob("frame*.jpg"))]
OUT = Path(sys.argv[2])
TOPOLOGY = load_topology()
TOLD: dict[str, object] = {}


def tells(function: Callable[[], object]) -> Callable[[], object]:
    """Each on an empty file; what it returns is told under its name."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    TOLD[function.__name__] = function()
    live.end()
    return function


def run(**properties: object) -> list[str] | str:
    try:
        return sorted(bpy.ops.lprnet.live_webcam(**properties))
    except RuntimeError as error:
        return str(error)


def faces() -> list[bpy.types.Object]:
    return [thing for thing in bpy.data.objects if thing.type == "MESH"]


def points(thing: bpy.types.Object, world: bool = False) -> np.ndarray:
    out = np.empty((len(thing.data.vertices), 3), np.float32)
    thing.data.vertices.foreach_get("co", out.ravel())
    if world:
        matrix = np.array(thing.matrix_basis)
        out = out @ matrix[:3, :3].T + matrix[:3, 3]
    return out


def begin(address: str, thing: bpy.types.Object | None = None, **options: object) -> live.LiveSession:
    """As the operator does, to be ticked here: without a window no timer does it."""
    session = live.LiveSession(LiveOptions(address, **options), "OBJECT", bpy.context.scene, thing)
    live.begin(session)
    return session


def tick_until(session: live.LiveSession, enough: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + 60
    while (going := session.tick()) and not enough() and time.monotonic() < end_s:
        time.sleep(0.005)
    return going


def gone(pid: int) -> bool:
    end_s = time.monotonic() + 15
    while time.monotonic() < end_s:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def main() -> None:
    lprnet_blender.register()

    @tells
    def follows_and_records() -> dict:
        take = OUT / "a.lprtake"
        with camera(PICTURES, count=10_000) as source:
            answer = run(camera=source.address, record=True, take=str(take), max_frames=20)
        recorded, thing = open_take(take), faces()[0]
        material = thing.data.materials[0]
        pictures = [n.image for n in material.node_tree.nodes if n.type == "TEX_IMAGE"]
        return {"answer": answer, "names": [t.name for t in faces()], "frames": len(recorded),
                "complete": recorded.complete, "active": bpy.context.view_layer.objects.active == thing,
                "moved": float(np.abs(points(thing) - 0.01 * TOPOLOGY.mean_canonical[:, [0, 2, 1]] * [1, -1, 1]).max()),
                "place": [list(row) for row in thing.matrix_basis] == [list(row) for row in Matrix()],
                "texture": [list(i.size) for i in pictures], "packed": [i.packed_file is not None for i in pictures]}

    @tells
    def its_take_is_baked_with_the_skin() -> list:
        baked = bake_take(OUT / "a.lprtake")
        nodes = baked.data.materials[0].node_tree.nodes
        images = [node.image for node in nodes if node.type == "TEX_IMAGE"]
        skin = np.array(images[0].pixels[:]).reshape(-1, 4)[:, :3].mean(0)
        seen = np.empty(len(baked.data.vertices), bool)
        baked.data.attributes["seen_in_photo"].data.foreach_get("value", seen)
        return [[*images[0].size], len(baked.data.shape_keys.key_blocks) > 15, bool(skin[0] > skin[2] + 0.05),
                bool(0.3 < seen.mean() < 1)]

    @tells
    def the_live_face_makes_room_for_its_bake() -> list:
        take, hidden = OUT / "room.lprtake", []
        with camera(PICTURES, count=10_000) as source:
            run(camera=source.address, record=True, take=str(take), max_frames=6, texture="0")
            thing = faces()[0]
            for step in ({"take": str(OUT / "a.lprtake")}, {"take": str(take)}):      # another's bake hides nothing
                bpy.ops.lprnet.bake_video(**step, texture="0")
                hidden.append([thing.hide_get(), thing.hide_render])
            run(camera=source.address, max_frames=4, texture="0")
        return [*hidden, [thing.hide_get(), thing.hide_render], [bpy.context.object.name, bpy.context.object.hide_get()]]

    @tells
    def mesh_is_that_of_the_core() -> dict:
        """Head motion in the object, in the vertices and left out, against the core's own placing of the same take."""
        path = OUT / "acted.lprtake"
        write_take(path, TOPOLOGY, (acted(TOPOLOGY, index) for index in range(0, 40, 7)))
        take, off = open_take(path), {}
        for head in ("OBJECT", "VERTICES", "NONE"):
            thing = live_face(bpy.context.scene, TOPOLOGY)
            thing.location = (0.5, -0.2, 1.0)
            place, worst = thing.matrix_basis.copy(), 0.0
            for row in range(len(take)):
                drive(thing, LiveResult(row, row, 0.0, 0.0, 0.0, 0, 0, take.header.size, 1.0, take.pose(row),
                                        take.canonical(row)), head, place)
                wanted = placed_metres(take, row, head != "NONE")[:, [0, 2, 1]] * [1, -1, 1] + [0.5, -0.2, 1.0]
                worst = max(worst, float(np.abs(points(thing, world=True) - wanted).max()))
                low, high = points(thing).min(0), points(thing).max(0)
                bounds = np.array([list(corner) for corner in thing.bound_box])
                worst = max(worst, float(np.abs([bounds.min(0) - low, bounds.max(0) - high]).max()))
            off[head] = worst
            thing.matrix_basis = place
        return off

    @tells
    def a_mirror_shows_the_other_side() -> float:
        pose = HeadPose(rotation_from_angles(25, 5, 10), 15.0, np.array([300.0, 200.0]), 0.015)
        thing = live_face(bpy.context.scene, TOPOLOGY)
        seen = []
        for p, v in ((pose, TOPOLOGY.mean_canonical),
                     (mirrored_pose(pose, 640), mirrored_vertices(TOPOLOGY.mean_canonical, TOPOLOGY))):
            drive(thing, LiveResult(0, 0, 0.0, 0.0, 0.0, 0, 0, (640, 480), 1.0, p, v), "OBJECT", Matrix())
            seen.append(points(thing, world=True))
        return float(np.abs(seen[1][TOPOLOGY.mirror] - seen[0] * [-1, 1, 1]).max())

    @tells
    def a_second_time_the_same_object_follows() -> list[str]:
        with camera(PICTURES, count=10_000) as source:
            for _ in range(2):
                run(camera=source.address, max_frames=4, texture="0")
        return [thing.name for thing in faces()]

    @tells
    def nothing_to_see() -> dict:
        answers = {"port": run(camera="http://127.0.0.1:1/x", duration_s=5),
                   "missing": run(camera="camera:98", duration_s=5),
                   "no_camera": run(camera="clip.mp4", duration_s=5), "endless": run(camera="camera:0"),
                   "ending": run(camera="camera:0", record=True, take=str(OUT / "take"), duration_s=5),
                   "taken": run(camera="camera:0", record=True, take=str(OUT / "a.lprtake"), duration_s=5)}
        bpy.ops.mesh.primitive_cube_add()
        answers["cube"] = run(camera="camera:0", use_active=True, duration_s=5)
        bpy.ops.object.mode_set(mode="EDIT")
        answers["edit"] = bpy.ops.lprnet.live_webcam.poll()
        return answers | {"left": [thing.name for thing in faces()], "going": live.current() is not None}

    @tells
    def breaks_off() -> dict:
        with camera(PICTURES, count=10, last=b"") as source:
            answer = run(camera=source.address, record=True, take=str(OUT / "broken.lprtake"), duration_s=60)
        return {"answer": answer, "frames": len(open_take(OUT / "broken.lprtake")), "names": [t.name for t in faces()]}

    @tells
    def one_at_a_time_and_stop() -> dict:
        with camera(PICTURES, count=10_000) as source:
            session = begin(source.address)
            polls = [bpy.ops.lprnet.live_webcam.poll(), bpy.ops.lprnet.live_stop.poll()]
            tick_until(session, lambda: session.applied > 2)
            status = session.status()
            bpy.ops.lprnet.live_stop()
            still = tick_until(session, lambda: False)
        live.end()
        return {"polls": polls, "after": [bpy.ops.lprnet.live_webcam.poll(), bpy.ops.lprnet.live_stop.poll()],
                "status": status, "still": still, "outcome": session.outcome(), "gone": gone(session._process.pid)}

    @tells
    def modal_with_esc() -> dict:
        """The operator's own modal function, given the events that a window would."""
        class Operator:
            modal, _finish = LPRNET_OT_live_webcam.modal, LPRNET_OT_live_webcam._finish
            _timer, _told_s = None, 0.0
            report = lambda self, kind, words: reports.append([*kind, words])       # noqa: E731

        reports, take, answers, operator = [], free_take(OUT, "modal"), [], Operator()
        event = lambda kind: SimpleNamespace(type=kind, value="PRESS")                # noqa: E731
        with camera(PICTURES, count=10_000) as source:
            operator._session = session = begin(source.address, take=str(take))
            end_s = time.monotonic() + 60
            while session.applied < 3 and time.monotonic() < end_s:
                answers.append(*operator.modal(bpy.context, event("TIMER")))
                time.sleep(0.01)
            other = operator.modal(bpy.context, event("MOUSEMOVE"))
            esc = operator.modal(bpy.context, event("ESC"))
            while (answer := operator.modal(bpy.context, event("TIMER"))) == {"PASS_THROUGH"}:
                assert time.monotonic() < end_s
                time.sleep(0.01)
        return {"before": sorted(set(answers)), "other": [*other], "esc": [*esc], "after": [*answer],
                "reports": reports, "current": live.current() is not None, "complete": open_take(take).complete,
                "panel": bpy.context.scene.lprnet.take == str(take),
                "again": [*operator.modal(bpy.context, event("TIMER"))]}

    def ended_by(deed: Callable[[live.LiveSession], object]) -> dict:
        take = free_take(OUT)
        with camera(PICTURES, count=10_000) as source:
            session = begin(source.address, take=str(take))
            tick_until(session, lambda: session.applied > 2)
            deed(session)
            still = tick_until(session, lambda: False)
            out = {"still": still, "outcome": session.outcome(), "gone": gone(session._process.pid)}
        return out | {"complete": open_take(take).complete}

    @tells
    def object_deleted() -> dict:
        return ended_by(lambda session: bpy.data.objects.remove(session.thing))

    @tells
    def object_renamed_goes_on() -> bool:
        with camera(PICTURES, count=10_000) as source:
            session = begin(source.address)
            tick_until(session, lambda: session.applied > 2)
            session.thing.name, before = "Somebody", session.applied
            return tick_until(session, lambda: session.applied > before + 2) and session.thing.name == "Somebody"

    @tells
    def scene_deleted() -> dict:
        old = bpy.context.scene
        bpy.data.scenes.new("Other")
        return ended_by(lambda session: bpy.data.scenes.remove(old))

    @tells
    def file_loaded() -> dict:
        return ended_by(lambda session: bpy.ops.wm.read_homefile(use_empty=True))

    @tells
    def undone() -> dict:
        bpy.ops.ed.undo_push(message="before")
        out = ended_by(lambda session: (bpy.ops.ed.undo_push(message="live"), bpy.ops.ed.undo()))
        return out | {"left": [thing.name for thing in faces()]}

    @tells
    def child_killed() -> dict:
        return ended_by(lambda session: os.kill(session._process.pid, 9))

    @tells
    def edit_mode_pauses() -> dict:
        with camera(PICTURES, count=10_000) as source:
            session = begin(source.address)
            tick_until(session, lambda: session.applied > 2)
            bpy.ops.object.mode_set(mode="EDIT")
            before, number = session.applied, session.state.frames
            tick_until(session, lambda: session.state.frames > number + 5)
            paused = session.applied == before
            bpy.ops.object.mode_set(mode="OBJECT")
            return {"paused": paused, "on": tick_until(session, lambda: session.applied > before)}

    @tells
    def add_on_off() -> dict:
        out = ended_by(lambda session: lprnet_blender.unregister())
        handlers = [handler.__name__ for handler in bpy.app.handlers.load_pre if "lprnet" in handler.__module__]
        lprnet_blender.register()
        return out | {"handlers": handlers, "current": live.current() is not None}

    @tells
    def cameras() -> list[str]:
        return sorted(bpy.ops.lprnet.find_cameras())

    @tells
    def same_frames() -> float:
        """The take that was recorded, against the capture of the pictures that it names."""
        take = open_take(OUT / "a.lprtake")
        seen = (Frame(decode_image(PICTURES[index % len(PICTURES)], "picture"), float(time_s), int(index))
                for index, time_s in zip(take.index, take.time_s))
        wanted = [take_frame(result).canonical for result in capture(seen, TrackOptions())]
        return max(float(np.abs(take.canonical(row) - wanted[row]).max()) for row in range(len(take)))


if __name__ == "__main__":
    main()
    print("TOLD " + json.dumps(TOLD))
    sys.stdout.flush()
    os._exit(0)
