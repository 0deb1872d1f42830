"""Run by the Python of `make facemesh-environment`, never imported: pictures -> the points of MediaPipe FaceMesh.

    .venv-facemesh/bin/python training/mediapipe_points.py FOLDER

FOLDER holds 0.png, 1.png, ...; written beside them: points.npy (n, 478, 3) float32, x and y in pixels ((0, 0) = centre
of the top-left pixel), z in the same unit towards the camera; NaN where MediaPipe finds no face. With attention, that
is with the refined lids, lips and irises, each picture on its own, the largest face of it.
"""

import sys
from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np

POINTS = 478


def main(folder: Path) -> None:
    count = len(list(folder.glob("*.png")))
    out = np.full((count, POINTS, 3), np.nan, np.float32)
    with mp.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True) as mesh:
        for number in range(count):
            # not cv2.imread: on Windows it opens no path with letters outside its code page
            file = np.frombuffer((folder / f"{number}.png").read_bytes(), np.uint8)
            picture = cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            height, width = picture.shape[:2]
            faces = mesh.process(picture).multi_face_landmarks
            if faces:
                points = np.array([[p.x, p.y, p.z] for p in faces[0].landmark])
                out[number] = points * [width, height, -width] - [0.5, 0.5, 0]
            print(number + 1, flush=True)           # so that the caller can show progress
    np.save(folder / "points.npy", out, allow_pickle=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
