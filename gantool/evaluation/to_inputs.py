"""KID of translations to the pictures that they were made of, as U-GAT-IT's table 1 has it."""

from __future__ import annotations

from collections.abc import Mapping

from gantool.evaluation.features import Features, kernel_distance
from gantool.evaluation.how import How
from gantool.evaluation.kid import MOST_AT_ONCE, Kernels
from gantool.evaluation.part import Part, Weights
from gantool.evaluation.subsets import check, described, fitting

SOURCE = "the source domain"
"""How these sets are called where they do not have the subsets."""


def check_counts(how: How, real: int, inputs: int, fake: int, name: str = "") -> None:
    """Raises UsageError for subsets of KID that so many pictures do not have, before any is translated; `name` says
    which direction it is.
    """
    check(how.kid, real, fake, name)
    if how.kid_source:
        check(how.kid, inputs, fake, SOURCE)


def distance_to_inputs(found: Mapping[str, float], real: Features, fake: Features, inputs: Features, how: How) -> Part:
    """KID to the inputs, and the plain mean of it and of the KID `found`; of the deviations likewise. Kim et al., ICLR
    2020, arXiv 1907.10830, table 1, prints that mean.

    `inputs` are in the order of the fakes, each of len(fake) / len(inputs) in a row.
    """
    source = kernel_distance("kid_source", inputs, fake, how.kid, how.seed)
    both = {"kid_mean": (found["kid"] + source["kid_source"]) / 2}
    if "kid_std" in found and "kid_source_std" in source:
        both["kid_mean_std"] = (found["kid_std"] + source["kid_source_std"]) / 2
    protocol = {
        "kid, source": {
            "pictures": f"the {len(inputs)} that were translated",
            **described(fitting(how.kid, len(inputs), len(fake)), len(inputs), len(fake)),
            "mean": "of the KID to the target and of that to the source, and of both deviations",
        }
    }
    if not how.recounted:
        return Part({**source, **both}, protocol)
    to_reals, to_inputs = (Kernels(each[:MOST_AT_ONCE], fake[:MOST_AT_ONCE]) for each in (real, inputs))
    together = len(fake) // len(inputs)

    def recount(real: Weights, fake: Weights) -> dict[str, float]:
        of_inputs = fake[::together]  # an input weighs what the fakes do that were made of it
        some = fake[:MOST_AT_ONCE]
        target = to_reals.squared_mmd(real[:MOST_AT_ONCE], some)
        source = to_inputs.squared_mmd(of_inputs[:MOST_AT_ONCE], some)
        return {"kid_source": source, "kid_mean": (target + source) / 2}

    return Part({**source, **both}, protocol, recount=recount)
