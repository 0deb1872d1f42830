"""What a user does in Blender's window, step by step, and what must have happened then."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from desktop import Desktop
from mjpeg_server import camera, jpeg
from skimage import data

ADD_ON = "bl_ext.user_default.lprnet_blender"
TAB, TABS_WIDTH = "L-PRNet", 25
CLIP_FRAMES, LONG_FRAMES, FPS = 48, 2000, 24
SETTINGS = """
import bpy
view = bpy.context.preferences.view
view.show_splash, view.filebrowser_display_type = False, "SCREEN"
bpy.ops.wm.save_userpref()
"""
GOING_ON = f"import_module({ADD_ON + '.jobs'!r}).current() is not None"
PORTRAIT = data.astronaut()                         # NASA's, public domain


class Application:
    """Blender on its screen, with the add-on."""

    def __init__(self, screen: Desktop, zip_path: Path) -> None:
        self.screen, self.zip_path, self.prefix = screen, zip_path, ""

    def shot(self, name: str) -> None:
        self.screen.shot(f"{self.prefix}_{name}")

    def install(self) -> None:
        """From a shell, as the manual says."""
        folder = self.screen.folder
        shutil.copy(self.zip_path, folder / "addon.zip")
        done = self.screen.run("blender", "--command", "extension", "validate", "/exchange/addon.zip")
        assert done.returncode == 0, done.stdout + done.stderr
        done = self.screen.run("blender", "--command", "extension", "install-file", "-r", "user_default", "-e",
                               "/exchange/addon.zip", timeout_s=300)
        assert done.returncode == 0, done.stdout + done.stderr
        done = self.screen.run("blender", "-b", "--python-expr", SETTINGS)
        assert done.returncode == 0, done.stdout + done.stderr
        files = folder / "files"
        files.mkdir()
        cv2.imwrite(str(files / "astronaut.png"), PORTRAIT[..., ::-1])
        write_clip(files / "turning.mp4", CLIP_FRAMES)
        write_clip(files / "long.mp4", LONG_FRAMES)

    def open(self) -> None:
        """The sidebar with our tab, on an empty scene."""
        screen = self.screen
        assert screen.ask(f"{ADD_ON!r} in bpy.context.preferences.addons.keys()"), "the add-on is not switched on"
        screen.ask("clear()")
        screen.ask("show_sidebar()")
        self.open_tab()

    def open_tab(self) -> None:
        """Tabs stand on their side at the right edge: tried one after the other until ours is open."""
        screen = self.screen
        x, y, width, height = screen.sidebar()
        for place in range(60, min(height, 500), 30):
            if screen.ask("open_tab()") == TAB:
                return
            screen.click(x + width - 8, y + place)
        raise AssertionError(f"there is no tab {TAB}")

    def recover(self) -> None:
        """After a failed step: whatever is open is closed."""
        for _ in range(3):
            self.screen.key("Escape")

    def press(self, words: str, which: int = 0) -> None:
        """Click on a button of the sidebar."""
        x, y, width, height = self.screen.sidebar()
        self.screen.click_text(words, (x, y, width - TABS_WIDTH, height), which)

    def choose_file(self, name: str, title: str) -> None:
        """In the file browser that came up: the file's name, then the button."""
        screen = self.screen
        screen.until("any(a.type == 'FILE_BROWSER' for a in bpy.context.screen.areas)")
        screen.until("area('FILE_BROWSER').spaces.active.params is not None")
        screen.ask(f"name_file('/exchange/files', {name!r})")
        self.shot("file")
        screen.click_text(title, (1000, 700, 280, 100))
        screen.until("not any(a.type == 'FILE_BROWSER' for a in bpy.context.screen.areas)")

    def set(self, name: str, value: object) -> None:
        """A setting of the panel, typed in by hand in a real session."""
        assert self.screen.ask(f"{name!r} in bpy.context.scene.lprnet.bl_rna.properties"), f"no setting {name}"
        self.screen.ask(f"setattr(bpy.context.scene.lprnet, {name!r}, {value!r})")
        self.screen.ask("redraw()")

    def take_length(self, name: str) -> int:
        """How many frames a take holds."""
        module = f"import_module({ADD_ON + '.inference_core.take'!r})"
        return int(self.screen.ask(f"len({module}.open_take('/exchange/files/{name}'))"))


def write_clip(path: Path, frames: int) -> None:
    """The portrait, seen by a camera that swings about."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (360, 360))
    for frame in range(frames):
        writer.write(swung(frame)[..., ::-1])
    writer.release()


def swung(frame: int) -> np.ndarray:
    """(360, 360, 3) uint8 RGB."""
    angle = np.deg2rad(frame * 7.5)
    matrix = cv2.getRotationMatrix2D((226, 125), 12 * np.sin(angle), 1.2 + 0.1 * np.cos(angle))
    matrix[:, 2] += [180 - 226 + 30 * np.sin(angle), 150 - 125]
    return np.ascontiguousarray(cv2.warpAffine(PORTRAIT, matrix, (360, 360), borderMode=cv2.BORDER_REFLECT))


def capture_image(application: Application) -> None:
    screen = application.screen
    application.shot("before")
    application.press("Capture Face from Image")
    application.choose_file("astronaut.png", "Capture Face from")
    screen.until("'astronaut' in bpy.data.objects")
    screen.ask("look_at_active()")
    application.shot("after")
    assert len(screen.ask("vertices('astronaut')")) > 50
    screen.point(300, 400)
    screen.key("ctrl+z")
    screen.until("'astronaut' not in bpy.data.objects")
    left = screen.ask("[len(bpy.data.meshes), [i.name for i in bpy.data.images if i.name.startswith('astronaut')]]")
    application.shot("undone")
    assert left == [0, []], f"undo left {left}"
    screen.key("ctrl+shift+z")
    screen.until("'astronaut' in bpy.data.objects")


def bake_clip(application: Application) -> None:
    screen = application.screen
    screen.ask("clear()")
    application.press("Video")
    application.shot("source")
    application.set("clip", "/exchange/files/turning.mp4")
    application.press("Bake Video")
    screen.until("'turning' in bpy.data.objects and not " + GOING_ON)
    screen.ask("bpy.context.scene.frame_set(1)")
    first = np.array(screen.ask("vertices('turning')"))
    screen.ask(f"bpy.context.scene.frame_set({CLIP_FRAMES // 4})")
    screen.ask("look_at_active()")
    application.shot("baked")
    moved = np.abs(np.array(screen.ask("vertices('turning')")) - first).max()
    assert moved > 0.005, f"the baked face moves by {moved} m"
    screen.point(300, 300)
    screen.key("space")
    time.sleep(2)
    screen.key("space")
    application.shot("played")
    assert screen.ask("bpy.context.scene.frame_end") >= CLIP_FRAMES - 1


def bake_again(application: Application) -> None:
    """The active face, from its take, as a point cache."""
    screen = application.screen
    application.set("mode", "RELATIVE")
    screen.ask("scroll_down()")
    application.press("Bake Again")
    screen.until("bpy.data.objects['turning'].data.shape_keys.use_relative and not " + GOING_ON)
    application.shot("baked")


def cancel_halfway(application: Application) -> None:
    screen = application.screen
    screen.ask("scroll_up()")
    application.set("clip", "/exchange/files/long.mp4")
    application.press("Bake Video")
    screen.until(f"import_module({ADD_ON + '.jobs'!r}).current().progress.done > 60")
    application.shot("halfway")
    screen.point(300, 400)
    screen.key("Escape")
    screen.until("not " + GOING_ON)
    application.shot("cancelled")
    told = application.take_length("long.lprtake")
    assert 30 < told < LONG_FRAMES, f"{told} frames were kept"
    assert not screen.ask("'long' in bpy.data.objects"), "a cancelled bake left an object"


def live_webcam(application: Application) -> None:
    screen = application.screen
    pictures = [jpeg(swung(frame)) for frame in range(0, 48, 2)]
    with camera(pictures, count=100_000, fps=12) as stand_in:
        screen.ask("clear()")
        application.press("Camera")
        application.set("camera_from", "ADDRESS")
        application.set("camera_address", stand_in.address)
        application.set("record", True)
        application.set("take", "/exchange/files/live.lprtake")
        application.shot("source")
        before = set(screen.ask("list(bpy.data.objects.keys())"))
        application.press("Live Webcam")
        (name,) = screen.until(f"sorted(set(bpy.data.objects.keys()) - {before!r})")
        screen.ask("look_at_active()")
        first, deadline = np.array(screen.ask(f"vertices({name!r})")), time.monotonic() + 30
        while np.abs(np.array(screen.ask(f"vertices({name!r})")) - first).max() < 0.002:
            assert time.monotonic() < deadline, "the face does not follow the camera"
        for number in range(3):
            time.sleep(0.7)
            application.shot(f"follows_{number + 1}")
        application.press("Stop")
        screen.until(f"import_module({ADD_ON + '.live'!r}).current() is None")
        application.shot("stopped")
    told = application.take_length("live.lprtake")
    assert told > 5, f"{told} frames were recorded"


def export(application: Application) -> None:
    screen = application.screen
    application.set("export_format", "GLTF")
    screen.ask("scroll_down()")
    application.press("Export")
    screen.ask("scroll_down()")
    application.shot("panel")
    application.press("Export Face")
    application.choose_file("turning.glb", "Export Face")
    deadline = time.monotonic() + 60
    while not (screen.folder / "files" / "turning.glb").is_file():
        assert time.monotonic() < deadline, "no file was written"
        time.sleep(0.5)
    application.shot("written")


def preferences(application: Application) -> None:
    screen = application.screen
    screen.point(640, 300)
    screen.ask(f"show_preferences({ADD_ON!r})")
    time.sleep(3)
    application.shot("window")
    assert screen.find_text("Check Installation"), f"no button Check Installation, only {screen.read!r}"


def command_line(application: Application) -> None:
    """The installed add-on from a shell: a .blend, and a sentence for what cannot be read."""
    screen, image = application.screen, ("blender", "--command", "lprnet", "image")
    done = screen.run(*image, "/exchange/files/astronaut.png", "-o", "/exchange/files/command.blend")
    assert done.returncode == 0 and (screen.folder / "files" / "command.blend").is_file(), done.stdout + done.stderr
    done = screen.run(*image, "/exchange/files/nowhere.png", "-o", "/exchange/files/none.blend")
    assert done.returncode == 2 and "nowhere.png" in done.stderr and "Traceback" not in done.stderr, done.stderr


STEPS: dict[str, Callable[[Application], None]] = {
    step.__name__: step
    for step in (capture_image, bake_clip, bake_again, export, cancel_halfway, live_webcam, preferences,
                 command_line)}
