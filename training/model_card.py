"""Puts measured scores on a network's card, and the cards' tables into MODEL_CARD.md.

    python -m training.model_card --network lprnet2 --photos photos.json --captured captured.json \
        --accuracy accuracy.json --renders renders.json --glasses glasses.json --acting acting.json \
        --other-head other_head.json --speed speed.json

photos and captured: --json of training.evaluate, with --crop truth and --crop detector; accuracy: of benchmarks.accuracy;
renders and glasses: of training.render_check, without and with --glasses; acting: of benchmarks.acting; other-head: of
training.other_head; speed: of benchmarks.speed. Scores left out stay as they are. Without --network the tables alone
are written anew; they are all that this program changes in MODEL_CARD.md, between its marks.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from inference_core.errors import InputError, LPRNetError
from inference_core.files import read_json, write_bytes
from inference_core.paths import weights_dir
from inference_core.weights import WeightsCard, find_card, load_cards

BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"
MAX_BYTES = 1 << 22
OPENINGS = ("lip_corr", "lip_slope", "eye_corr", "eye_slope", "width_corr", "width_slope")
HEADS = ("lip r", "slope", "eye r", "slope", "width r", "slope")
KINDS = ("photos", "captured", "accuracy", "renders", "glasses", "acting", "other_head", "speed")
FEW = 3                             # photos: their mean says nothing
SEEN = ("nme68", "nme51", "found", "nme68_band_mean", "nme68_3d_band_mean")      # of a way of seeing, beside others


def tables(cards: dict[str, WeightsCard]) -> str:
    """Markdown: a section for each network, a table for each kind of score that its card holds."""
    return "\n\n".join(part for card in cards.values() for part in _section(card)) + "\n"


def _section(card: WeightsCard):
    megabytes = ", ".join(f"{role} {file.bytes / 1e6:.1f} MB" for role, file in card.files.items())
    start = "random weights" if card.trained.get("cold") or card.kind == "position_map" else "FaceMesh's weights"
    yield (f"### {card.name}\n\n{card.input_size} px, {card.license}; {megabytes}. Trained for "
           f"{card.trained.get('minutes', 0):.0f} minutes on {card.trained.get('samples', 0):,} samples, from {start}.")
    scores = card.scores
    if "photos" in scores:
        rows = {name: row for name, row in scores["photos"].items() if row.get("nme68") is not None}
        yield _table("photos, crop from the annotation", ("68 points", "inner 51", "> 10 %", "three bands", *HEADS),
                     rows, ("nme68", "nme51", "over10", "nme68_band_mean", *OPENINGS))
    if "captured" in scores:
        yield _table("photos, the whole capture", ("n", "found %", "68 points", "inner 51", "false alarms"),
                     scores["captured"], ("n", "found", "nme68", "nme51", "false_alarms"))
    if "beside" in scores:
        yield from _beside(scores["beside"])
    if "groups" in scores:
        yield _table("photos by age, gender and race label", ("n", "found %", "from FaceMesh's points %", "times the mean"),
                     scores["groups"], ("n", "found", "distance", "worse"))
    for kind, title in (("renders", "held-out renders, by yaw"), ("glasses", "the same, all in glasses")):
        if kind in scores:
            yield _table(title, ("n", "68 points", "inner 51", *HEADS, "shut eyes: left %", "in truth", "winks", "left %"),
                         scores[kind], ("n", "nme68", "nme51", *OPENINGS, "shut_left", "shut_true", "wink_n", "wink_left"))
    if "acting" in scores:
        mean, worst = (scores["acting"][name] for name in ("mean", "worst"))
        rows = {name: {way: f"{of[name]:.2f} ({worst[way][name]:.2f})" for way, of in mean.items()} for name in next(iter(mean.values()))}
        yield _table(f"clips of {scores['acting']['people']} rendered people, frame by frame: mean (worst)", tuple(mean), rows, tuple(mean))
    if "other_head" in scores:
        measures = [name for name in next(iter(scores["other_head"].values())) if name != "n"]
        yield _table("MakeHuman's head, by yaw, %", ("n", *measures), scores["other_head"], ("n", *measures))
    if "speed" in scores:
        rows = {row: values for row, values in scores["speed"]["rows"].items()
                if row.startswith(("FaceMesh", f"{card.name} "))}
        yield _table("LiteRT, one thread", ("ms", "times FaceMesh"), rows, ("ms", "times_facemesh"))


def _beside(ways: dict[str, dict]):
    """{way of seeing: {source: scores}} -> tables of all sources, and of the bands of yaw."""
    sources = list(next(iter(ways.values())))
    both = lambda row: None if row["nme68"] is None else f"{row['nme68']:.2f} / {row['nme51']:.2f}" + (  # noqa: E731
        f", {100 - row['found']:.0f} % not found" if row["found"] < 100 else "")
    yield _table("68 points / inner 51, %", tuple(sources), {way: {source: both(row) for source, row in of.items()}
                                                            for way, of in ways.items()}, tuple(sources))
    for source in sources:
        bands = list(next(iter(ways.values()))[source]["bands"])
        if len(bands) > 1:
            rows = {way: of[source]["bands"] | {name: of[source][name] for name in SEEN[3:]} for way, of in ways.items()}
            yield _table(f"{source}, by yaw", (*bands, "mean of bands", "in 3D"), rows, (*bands, *SEEN[3:]))


def _table(title: str, heads: tuple[str, ...], rows: dict[str, dict], keys: tuple[str, ...]) -> str:
    lines = [f"| {title} | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    lines += [f"| {name} | " + " | ".join(_cell(row.get(key)) for key in keys) + " |" for name, row in rows.items()]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def with_tables(text: str, cards: dict[str, WeightsCard]) -> str:
    """MODEL_CARD.md with what stands between its marks written anew. ValueError where the marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"lacks the marks {BEGIN} and {END}")
    return f"{before}{begin}\n\n{tables(cards)}\n{end}{after}"


def put_scores(folder: Path, network: str, scores: dict[str, dict]) -> None:
    """Write scores of the given kinds onto the network's card in weights.json."""
    card = find_card(network, folder)
    path = folder / "weights.json"
    data = json.loads(path.read_bytes())
    entry = next(entry for entry in data["networks"] if entry["name"] == card.name)
    entry["scores"] = {**entry["scores"], **scores}
    write_bytes(path, (json.dumps(data, indent=1) + "\n").encode())


def of_reports(reports: dict[str, dict], network: str) -> dict[str, dict]:
    """{kind: report as --json has written it} -> the scores of that network that its card keeps. KeyError, TypeError,
    AttributeError or ValueError where a report is of something else."""
    scores = {}
    for kind, report in reports.items():
        if kind == "accuracy":
            ways = {way: of for way, of in report["points"].items() if way == network or way not in load_cards()}
            scores["beside"] = {way: {source: {name: row[name] for name in SEEN} | {
                "bands": {band: of_band["nme68"] for band, of_band in row["bands"].items()}}
                for source, row in of.items() if row["n"] > FEW} for way, of in ways.items()}
            (scores["groups"],) = [of[network] for of in report["groups"].values()]
        elif kind == "acting":
            if report["network"] != network:
                raise ValueError("of another network")
            scores[kind] = {name: report[name] for name in ("people", "mean", "worst")}
        elif kind == "other_head":
            scores[kind] = {name: row for name, row in report.items() if isinstance(row, dict)}
        else:
            scores[kind] = report
            if not all(isinstance(row, dict) for row in report.get("rows", report).values()):
                raise ValueError("no rows")
        if not scores.get(kind, True):
            raise ValueError("nothing measured")
    return scores


def _read(path: Path, kind: str, network: str) -> dict[str, dict]:
    advice = f"give a file that --json has written for --{kind.replace('_', '-')}"
    report = read_json(path, MAX_BYTES, advice)
    try:
        return of_reports({kind: report}, network)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: not such a report; {advice}") from error


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", metavar="NAME", help="whose scores these are")
    for kind in KINDS:
        parser.add_argument(f"--{kind.replace('_', '-')}", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    files = {kind: path for kind in KINDS if (path := getattr(options, kind))}
    if files and not options.network:
        parser.error("say with --network whose scores these are")
    folder = weights_dir()
    try:
        if options.network:
            name, scores = find_card(options.network, folder).name, {}
            for kind, file in files.items():
                scores |= _read(file, kind, name)
            put_scores(folder, options.network, scores)
        path = folder / "MODEL_CARD.md"
        try:
            write_bytes(path, with_tables(path.read_text(encoding="utf-8"), load_cards(folder)).encode())
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot take the scores ({error}); fetch the file again") from error
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{path}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
