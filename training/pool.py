"""A pool of samples on disk: made once, read by every training run through memory maps.

A pool is a folder: pool.json, images.npy (N, 208, 208, 3) uint8, canonical.npy (N, 6706, 3) int16 in 1/1000 cm,
pose.npy (N, 13) float64 [rotation row by row, scale, shift x, shift y, inverse distance], landmarks.npy (N, 68, 2)
float32 pixels. pool.json is written last: a folder without it is unfinished.

    python -m training.pool -o build/pool --portraits DIR --textures DIR --face-model FILE --facemesh FILE \
        --portrait-count 30000 --render-count 8000
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_core.pose import HeadPose, compose
from inference_core.topology import Topology, load_topology
from training.face_model import NARROW_VERTICES, load_face_model
from training.labels import label_mesh
from training.progress import Progress
from training.sample import SAMPLE_SIZE, Sample, SampleSource
