"""`lprnet import-weights`: the original's own weights become a weights folder."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_command(commands) -> None:
    parser = commands.add_parser(
        "import-weights", help="use the weights of the original L-PRNet, for those who have them",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Make a weights folder of the original's lprnet_128 and of PRNet's UV index files. The mesh is\n"
                    "theirs then, in every command and format. Whether you may use them is between you and their\n"
                    "authors. Needs TensorFlow; the folder then works without.",
        epilog="lprnet import-weights L-PRNet/model/lprnet_128 PRNet/Data/uv-data -o original\n"
               "lprnet image portrait.jpg -o portrait.glb --weights ./original")
    parser.add_argument("network", type=Path, metavar="LPRNET_128",
                        help="the SavedModel: a folder with variables/ in it; its graph is not run")
    parser.add_argument("uv_data", type=Path, metavar="UV_DATA",
                        help="a folder with face_ind.txt, triangles.txt, uv_kpt_ind.txt and, if at hand, "
                             "canonical_vertices.npy")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument("--map-side", type=int, default=256, metavar="TEXELS",
                        help="of the maps that UV_DATA is about (default: 256, as PRNet has it)")
    parser.add_argument("--map-scale", type=float, default=1.1, metavar="FACTOR",
                        help="what the training divided the maps by (default: 1.1, as PRNet has it)")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    from inference_core.engine import installed
    from inference_core.errors import EngineError
    from inference_core.original.checkpoint import read_lprnet_128
    from inference_core.original.index_files import read_index_files
    from inference_core.original.weights_folder import write_weights_folder
    from inference_core.weights import find_card

    if not installed("tensorflow") or not installed("litert"):
        raise EngineError("reading the original's weights needs both engines; run: pip install tensorflow-cpu "
                          "ai-edge-litert")
    files = read_index_files(options.uv_data, options.map_side)
    write_weights_folder(options.output, read_lprnet_128(options.network), files, options.map_scale)
    topology = find_card("default", options.output).topology
    print(f"{options.output}: {len(topology.cells)} vertices, {len(topology.faces)} faces; use it with --weights "
          f"{options.output.resolve()}")
    return 0
