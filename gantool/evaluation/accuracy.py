"""How often a classifier takes results for the class that they shall be of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantool.errors import CheckpointError
from gantool.evaluation.how import How
from gantool.evaluation.judge import Judge
from gantool.evaluation.part import Part, Weights, averages
from gantool.evaluation.pictures import Pictures, Some

_SUMS_TO_ONE = 1e-3  # float16 within a network leaves more than float32 does


def accuracy(
    judge: Judge,
    real: Pictures,
    fake: Pictures,
    asked: tuple[Sequence[str | None], Sequence[str]],
    classes: Mapping[str, int],
    how: How,
) -> Part:
    """The share of the fakes that the judge takes for the class they shall be of (top 1), the mean probability that it
    gives that class, and as a yardstick the same of real pictures.

    `asked` are the names of what each real and each fake picture shall be, None where nobody knows; `classes` (of
    `gantool.evaluation.judge.expected`) the places of their classes. With several of them each is measured by itself.
    """
    metrics: dict[str, float] = {}
    rows: dict[str, dict[str, float]] = {}
    seen: list[tuple[str, NDArray[np.intp], dict[str, NDArray[np.float64]]]] = []
    rule = ""
    for end, pictures, names in (("", fake, asked[1]), ("_real", real, asked[0])):
        places = np.array([index for index, name in enumerate(names) if name is not None], dtype=np.intp)
        if not len(places):
            continue
        told = [name for name in names if name is not None]
        stage = f"judge, {'real' if end else 'fake'}"
        values, rule = _judged(judge, Some(pictures, places.tolist()), [classes[name] for name in told], how, stage)
        seen.append((end, places, values))
        metrics |= {f"{what}{end}": mean for what, mean in averages(values).items()}
        for name in dict.fromkeys(told) if len(classes) > 1 else ():
            of_class = np.array([one == name for one in told])
            row = rows.setdefault(name, {})
            row["real" if end else "fake"] = int(of_class.sum())
            row |= {f"{what}{end}": float(each[of_class].mean()) for what, each in values.items()}

    order = [f"{what}{end}" for what in ("accuracy", "probability") for end in ("", "_real")]
    metrics = {name: metrics[name] for name in order if name in metrics}

    def recount(real: Weights, fake: Weights) -> dict[str, float]:
        found = {}
        for end, places, values in seen:
            weights = (real if end else fake)[places]
            for what, each in values.items():
                found[f"{what}{end}"] = float(each @ weights / weights.sum()) if weights.any() else metrics[what + end]
        return found

    protocol: dict[str, Any] = {
        **judge.protocol(),
        "expected": ", ".join(f"{name} as {judge.description.classes[place].name}" for name, place in classes.items()),
        "probabilities": rule,
    }
    return Part(metrics, {"judge": protocol}, recount=recount, classes=rows)


def _judged(
    judge: Judge, pictures: Pictures, places: Sequence[int], how: How, stage: str
) -> tuple[dict[str, NDArray[np.float64]], str]:
    """For each picture whether its class is the likeliest, and its probability; and where that comes from."""
    right, given, softmax, sums = [], [], [], []
    answers = judge.answers(pictures, how.square, stage, how.progress)
    for place, answer in zip(places, answers, strict=True):
        row = np.asarray(answer, np.float64).reshape(-1)
        if len(row) != len(judge.description.classes):
            raise CheckpointError(
                f"{judge.description.network} tells {len(row)} classes apart, and {judge.description.file} names"
                f" {len(judge.description.classes)}"
            )
        right.append(float(row.argmax() == place))
        given.append(row[place])
        powers = np.exp(row - row.max())
        softmax.append(powers[place] / powers.sum())
        sums.append(row.min() >= 0 and abs(row.sum() - 1) < _SUMS_TO_ONE)
    probabilities = given if all(sums) else softmax
    rule = "the network's outputs, which sum to 1" if all(sums) else "softmax of the network's outputs"
    return {"accuracy": np.array(right), "probability": np.array(probabilities)}, rule
