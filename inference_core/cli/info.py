"""`lprnet info`: engines, weights and licences; `lprnet info TAKE`: what is in a take."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("lprnet-blender", "numpy", "opencv-python-headless", "dlib-bin")
ENGINE_PACKAGES = {"litert": ("ai-edge-litert",), "tensorflow": ("tensorflow-cpu", "tensorflow")}
LICENCES = ("inference_core, training, benchmarks: MIT", "lprnet_blender: GPL-3.0-or-later",
            "topology: MIT (derived from ICT-FaceKit)",
            "detectors: MediaPipe's short-range one, Apache-2.0; dlib's, Boost Software License 1.0")
SPREADS = (("yaw", "yaw_deg", "degrees"), ("pitch", "pitch_deg", "degrees"), ("roll", "roll_deg", "degrees"),
           ("mouth open", "mouth_opening_mm", "mm"), ("left eye open", "left_eye_opening_mm", "mm"),
           ("right eye open", "right_eye_opening_mm", "mm"))
MOST_LISTED = 12
# of a card's scores, what tells most: heading, where it is, unit
KEY_SCORES = (("HELEN", ("photos", "helen", "nme68"), " %"), ("LFPW", ("photos", "lfpw", "nme68"), " %"),
              ("AFW", ("photos", "afw", "nme68"), " %"),
              ("AFLW2000-3D over all turns", ("photos", "aflw2000", "nme68_band_mean"), " %"),
              ("lips follow", ("photos", "helen", "lip_corr"), ""),
              ("lids follow", ("photos", "helen", "eye_corr"), ""))


def add_command(commands) -> None:
    parser = commands.add_parser(
        "info", help="engines, weights and licences, or what is in a take",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Print which engines and weights are installed, and their licences; of a take what was captured:\n"
                    "frames lost, trembling, how the head turns, how far mouth and eyes open, blinks.",
        epilog="lprnet info\nlprnet info --all\n"
               "lprnet info clip.lprtake --plot clip.png\nlprnet info clip.lprtake --json")
    parser.add_argument("take", type=Path, nargs="?", metavar="TAKE", help="a folder that `lprnet video` has written")
    parser.add_argument("--json", action="store_true", help="the report of the take, or the networks' cards, as JSON")
    parser.add_argument("--all", action="store_true", help="every score of every network")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the take over time into a .png")
    parser.add_argument("--smooth", type=float, default=0.0, metavar="STRENGTH",
                        help="look at the take as smoothed, as `lprnet export` does with 1 (default: 0, as captured)")
    parser.add_argument("--up-to-damage", action="store_true", help="read what comes before damage in a take")
    parser.set_defaults(run=run, parser=parser, raw=False)


def run(options: argparse.Namespace) -> int:
    if options.take is not None:
        if options.all:
            options.parser.error("--all is about the networks, not about a take; leave one of them out")
        return run_take(options)
    if options.plot or options.smooth or options.up_to_damage:
        options.parser.error("--plot, --smooth and --up-to-damage are about a take; name one")
    return run_cards() if options.json else run_installation(options.all)


def run_cards() -> int:
    from inference_core.weights import load_cards

    cards = [{"name": card.name, "kind": card.kind, "input_size": card.input_size, "license": card.license,
              "attribution": card.attribution, "scores": card.scores,
              "files": {role: {"path": str(file.path), "sha256": file.sha256, "bytes": file.bytes}
                        for role, file in card.files.items()}} for card in load_cards().values()]
    print(json.dumps(cards, indent=1))
    return 0


def run_take(options: argparse.Namespace) -> int:
    from inference_core.cli.export import keep_clip, keep_take, read_take
    from inference_core.cli.progress import ProgressLine
    from inference_core.files import check_writable
    from inference_core.images import write_image
    from inference_core.take_measures import measure
    from inference_core.take_report import plot, report

    if options.plot is not None:
        if options.plot.suffix.lower() != ".png":
            options.parser.error(f"--plot {options.plot}: pictures are written as .png; give such a name")
        check_writable(options.plot)
        keep_take(options.take, [options.plot])
    take, line, calls = read_take(options), ProgressLine(), 0
    if options.plot is not None:            # a picture may be one of a sequence
        keep_clip(take, options.take, [options.plot], read=take.header.source.get("kind") == "images")

    def on_frame() -> None:
        nonlocal calls
        calls += 1
        line.tell(calls, len(take))

    try:
        measures = measure(take, on_frame)
    finally:
        line.close()
    if options.plot is not None:
        write_image(options.plot, plot(take, measures))
    found = report(take, measures)
    print(json.dumps(found, indent=1) if options.json else "\n".join(report_lines(found)))
    return 0


def report_lines(found: dict) -> Iterator[str]:
    """A report as a person reads it."""
    width, height = found["size"]
    rate = "" if found["fps"] is None else f" at {found['fps']:.4g} a second"
    name = "".join(letter if letter.isprintable() else "?" for letter in found["source"]) or "take"
    yield f"{name}: {found['frames']} frames{rate}, {found['duration_s']:.2f} s, {width} x {height} pixels"
    if not found["complete"]:
        yield "  not captured to the end"
    gaps = [f"{gap['start_s']:.2f} s (for {gap['duration_s']:.2f} s)" for gap in found["gaps"][:MOST_LISTED]]
    more = f" and {len(found['gaps']) - MOST_LISTED} more" if len(found["gaps"]) > MOST_LISTED else ""
    yield f"  frames without a face: {found['frames_lost']}" + (f", at {', '.join(gaps)}{more}" if gaps else "")
    if found["confidence"] is None:
        return
    yield f"  confidence: {found['confidence']:.3f}, in all but 5 % at least {found['confidence_low']:.3f}"
    if found["jitter"] is not None:
        yield f"  trembling: {found['jitter']:.3f} % of the distance between the eyes' outer corners"
    for what, key, unit in SPREADS:
        spread = found[key]
        yield f"  {what}: {spread['least']:z.1f} to {spread['most']:z.1f} {unit}, mean {spread['mean']:z.1f}"
    blinks = [f"{blink['start_s']:.2f}" for blink in found["blinks"][:MOST_LISTED]]
    more = f" and {len(found['blinks']) - MOST_LISTED} more" if len(found["blinks"]) > MOST_LISTED else ""
    yield f"  blinks: {found['blink_count']}" + (f", at {', '.join(blinks)} s{more}" if blinks else "")


def run_installation(all_scores: bool = False) -> int:
    from inference_core.engine import ENGINES, installed
    from inference_core.paths import weights_dir
    from inference_core.weights import load_cards

    print("packages")
    for package in PACKAGES:
        print(f"  {package}: {_version(package) or 'not installed as a package'}")
    print("engines")
    for name, (_, package) in ENGINES.items():
        found = next((v for p in ENGINE_PACKAGES[name] if (v := _version(p))), "version unknown")
        print(f"  {name}: {found if installed(name) else f'not installed; pip install {package}'}")
    print("licences")
    for line in LICENCES:
        print(f"  {line}")
    print(f"weights in {weights_dir()}")
    for number, card in enumerate(load_cards().values()):
        print(f"  {card.name}{' (default)' if number == 0 else ''}: {card.input_size} px, {card.license}")
        sizes = [f"{role} {file.bytes / 1e6:.1f} MB" for role, file in card.files.items()]
        print(f"    files: {', '.join(sizes)}")
        for credit in card.attribution:
            print(f"    {credit}")
        for line in score_lines(card.scores) if all_scores else [key_scores(card.scores)]:
            print(f"    {line}")
    if not all_scores:
        print("landmarks off by so many % of the face's size, openings followed with such a correlation; "
              "every score: lprnet info --all")
    return 0


def key_scores(scores: dict) -> str:
    """Those that tell most, in one line."""
    told = []
    for heading, path, unit in KEY_SCORES:
        value: object = scores
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, (int, float)):
            told.append(f"{heading} {value:.2f}{unit}")
    return ", ".join(told) or ("scores: others, see lprnet info --all" if scores else "no scores")


def score_lines(scores: dict, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The card's scores, however deep: one line for every group of numbers."""
    numbers = [f"{key} {value:g}" for key, value in scores.items() if isinstance(value, (int, float))]
    if numbers:
        yield f"{' '.join(path) or 'scores'}: {', '.join(numbers)}"
    for key, value in scores.items():
        if isinstance(value, dict) and len(path) < 4:
            yield from score_lines(value, (*path, str(key)))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
