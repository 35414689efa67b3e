"""Does a model of many domains learn? Trains it on three drawing styles, and translates pictures into each of them.

    python benchmarks/learning_domains.py --model stargan \\
        --data noto=emoji/trainA twemoji=emoji/trainB openmoji=outline2color/train/color \\
        --test noto=emoji/testA twemoji=emoji/testB openmoji=outline2color/test/color

`NAME=FOLDER` is a domain. `--run RUN` measures a run that is there. A small classifier, trained here on the real
training pictures alone, says which style a picture is in; the table has the share of unseen real pictures that it
knows, and of translations that it takes for the style that was asked for. Beside it stands the sliced Wasserstein
distance (x1000) to unseen real pictures of that style, before and after translation: lower is better.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from learned import SIDE, Pixels, diversity, folder, swd, taken_for, train_classifier, translated

import gantool
from gantool.report.grids import grid

STYLES = 5
_EACH = 60  # unseen pictures of each domain


def domains(words: list[str]) -> dict[str, Path]:
    """Folders by name, of NAME=FOLDER."""
    return {name: Path(path) for name, _, path in (word.partition("=") for word in words)}


def draw_rows(path: Path, unseen: dict[str, list[Pixels]], made: dict[tuple[str, str], list[Pixels]]) -> None:
    """A row for each of four pictures of every domain, a column for each target."""
    rows = []
    for source in unseen:
        for index in (0, 14, 28, 42):
            in_each = [unseen[source][index] if t == source else made[source, t][index] for t in unseen]
            rows.append([unseen[source][index], *in_each])
    path.parent.mkdir(parents=True, exist_ok=True)
    grid(rows, ["input", *unseen]).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--test", nargs="+", required=True)
    parser.add_argument("--model", default="stargan")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--links", type=Path, help="where a folder of links to the domains is made (default: here)")
    parser.add_argument("--run", type=Path, help="measure this run instead of training one")
    parser.add_argument("--picture", type=Path, help="where to draw a sheet of examples")
    arguments = parser.parse_args()

    places, names = domains(arguments.data), list(domains(arguments.data))
    real = {name: list(folder(path).values()) for name, path in places.items()}
    unseen: dict[str, list[Pixels]] = {}
    for name, path in domains(arguments.test).items():
        pictures = list(folder(path).values())
        unseen[name] = [pictures[index * len(pictures) // _EACH] for index in range(_EACH)]
    run = arguments.run
    if run is None:
        root = arguments.links or Path("domains")
        root.mkdir(parents=True, exist_ok=True)
        for name, path in places.items():
            if not (root / name).exists():
                (root / name).symlink_to(path.resolve())
        run = gantool.train(
            arguments.model,
            [root],
            preset=arguments.preset,
            device=arguments.device,
            **({"steps": arguments.steps} if arguments.steps else {}),
        )
    translator = gantool.load(run, device=arguments.device)
    classifier = train_classifier([real[name] for name in names])

    write = sys.stdout.write
    write(f"{arguments.model}, {run}, {_EACH} unseen pictures of each style, {SIDE} pixels\n\n")
    taken_columns = [f"taken for {name}" for name in names]
    columns = ["", "SWD x1000, as it is", "translated", *taken_columns]
    write(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n")
    hits = []
    translations: dict[tuple[str, str], list[Pixels]] = {}

    def row(name: str, pictures: list[Pixels], *distances: float) -> list[float]:
        shares = [taken_for(classifier, pictures, style) for style in range(len(names))]
        cells = [f"{distance:.1f}" for distance in distances] or ["", ""]
        write(f"| {' | '.join([name, *cells, *(f'{share:.1%}' for share in shares)])} |\n")
        return shares

    for source in names:
        row(f"{source} as it is", unseen[source])
        for target in names:
            if target != source:
                made = translations[source, target] = translated(translator, unseen[source], target)
                before, after = (swd(unseen[target], pictures) for pictures in (unseen[source], made))
                hits.append(row(f"{source} to {target}", made, before, after)[names.index(target)])
    write(f"\nof all translations, {np.mean(hits):.1%} are taken for the style that was asked for\n")
    if "code" in translator.facts.can:
        ways = [(s, t) for s in names for t in names if s != t]
        spread = [
            diversity([translated(translator, unseen[s][:12], t, seed) for seed in range(STYLES)]) for s, t in ways
        ]
        write(f"diversity: {np.mean(spread):.4f} (mean absolute difference of two styles, in [-1, 1])\n")
    if arguments.picture:
        draw_rows(arguments.picture, unseen, translations)
        write(f"examples: {arguments.picture}\n")


if __name__ == "__main__":
    main()
