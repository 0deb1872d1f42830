# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be chosen: the items of enums, in one place, for the panel, the preferences and the operators."""

from __future__ import annotations

Item = tuple[str, str, str] | tuple[str, str, str, str, int]

SOURCES: list[Item] = [
    ("IMAGE", "Image", "A photo becomes a head that stands still", "IMAGE_DATA", 0),
    ("VIDEO", "Video", "A video or image sequence becomes a take, and the take an animation", "FILE_MOVIE", 1),
    ("CAMERA", "Camera", "The head follows a webcam, which can be recorded into a take", "OUTLINER_OB_CAMERA", 2)]
PHOTO_PLACES: list[Item] = [
    ("FILE", "Picture File", "A picture file"),
    ("BLENDER", "Open Image", "An image that is open in Blender, saved or not")]
CAMERA_PLACES: list[Item] = [
    ("DEVICE", "This Computer", "A camera of this computer, by its number"),
    ("ADDRESS", "Address", "A network camera or phone that sends an MJPEG stream")]
TEXTURE_SIZES: list[Item] = [(str(size), f"{size} px", "") for size in (512, 1024, 2048, 4096)]
BAKE_TEXTURES: list[Item] = [
    ("0", "None", "No skin texture"), *((str(size), f"{size} px", "") for size in (512, 1024, 2048))]
BAKE_MODES: list[Item] = [
    ("ABSOLUTE", "Absolute Keys", "A shape key for each frame, passed through in time. Light to play, all in the "
                                        ".blend", "SHAPEKEY_DATA", 0),
    ("RELATIVE", "Relative Keys", "A shape key for each frame with a value of its own. What glTF and most exporters "
                                        "carry", "KEY_HLT", 1),
    ("POINT_CACHE", "Point Cache", "A .pc2 file beside the .blend and a Mesh Cache modifier. For long takes",
     "MOD_MESHDEFORM", 2)]
HEADS: list[Item] = [
    ("OBJECT", "Object", "The object moves and turns as the head did, the mesh holds the expression"),
    ("VERTICES", "Vertices", "The object stands still, the vertices move and turn as well"),
    ("NONE", "None", "The head is held still, the expression alone remains")]
TIMINGS: list[Item] = [
    ("MATCH_SCENE", "Keep Time", "As long in seconds as the clip, at the scene's frame rate"),
    ("SET_SCENE_FPS", "Match Scene FPS", "As long in seconds as the clip, and the scene gets the clip's frame rate"),
    ("RETIME", "Frame by Frame", "Each frame of the clip on a frame of the scene, slower or faster than it was")]
CAREFUL = "Look at the face six times in every frame and take the mean: truer and calmer, a third as fast"
ENGINES: list[Item] = [
    ("litert", "LiteRT", "Comes with the add-on, fast on every processor"),
    ("tensorflow", "TensorFlow", "Where it is installed in Blender's Python or in the packages folder")]
