"""A model measured: its translations of one folder against the pictures of another."""

from __future__ import annotations

from pathlib import Path

from gantool import direction
from gantool.evaluation.compare import PLAIN, compare
from gantool.evaluation.folders import Folder, pair_by_name, pairing
from gantool.evaluation.how import How
from gantool.evaluation.kept import Kept, translations
from gantool.evaluation.report import Evaluation
from gantool.evaluation.request import results_of_each
from gantool.evaluation.variety import Variety
from gantool.inference.engine import Engine
from gantool.pictures.find import find_pictures
from gantool.pictures.ids import of_domain, other_kinds
from gantool.runs.checkpoint import load_model
from gantool.translation.inputs import Source


def compare_translations(
    weights: Path,
    inputs: Path,
    real: Path,
    *,
    to: str | None = None,
    styles: int | None = None,
    how: How = PLAIN,
) -> Evaluation:
    """Translates the pictures below `inputs` to domain `to` (None: the second of two) and measures them against those
    below `real`.

    A model with styles translates each picture `styles` times (None: 10), with the codes that `gantool translate`
    draws from `seed`: the first is measured against `real`, all among each other. Raises what `compare_folders` raises,
    CheckpointError for the weights, UsageError for the domain or for styles of a model that has none.
    """
    facts, network = load_model(weights)
    engine = Engine(network, how.device, how.precision, can=facts.can)
    if to is None:
        direction.require_named(facts)
    way = direction.resolve(facts, to)
    count = results_of_each(facts, styles)
    side = facts.sizes.exact  # some models take pictures of one size only
    variety = Variety(how) if count > 1 else None
    reals = Folder(real)  # raises before the long part where there is nothing to compare with
    there = find_pictures(inputs)
    files = of_domain(there, facts.spec.kind(way.source))
    sources = [Source(file, file.relative_to(inputs).as_posix()) for file in files]
    with Kept() as fakes:
        translations(
            engine,
            sources,
            way,
            count=count,
            kept=fakes,
            every=False,
            variety=variety,
            size=None if side is None else (side, side),
            seed=how.seed,
            stage="translating",
            progress=how.progress,
        )
        partners = pair_by_name(reals.names, fakes.names)
        found = compare(
            reals,
            fakes,
            pairs=partners if len(partners) == len(fakes) else None,
            scores=variety is None or how.judges.classifier is None,  # otherwise the classifier has seen all of them
            how=how,
        )
    pairing(found, partners, len(fakes))
    if others := other_kinds(there, files):
        found.notes.insert(0, others)
    two = len(facts.spec.domains) == 2 and not facts.spec.attributes  # of more, or of attributes, a picture may be any
    found.protocol["real"] |= {"path": str(reals.root), **reals.described()}
    path = f"{f'{way.source} ' if two else ''}to {way.target} of {inputs}"
    found.protocol["fake"] |= {"path": path, **fakes.described()}
    if variety is not None:
        found.add(variety.part())
    found.protocol["model"] = {
        "weights": str(weights),
        "sha256": facts.sha256,
        "model": facts.model,
        "step": facts.step,
        "precision": how.precision,
        "translates": "pictures as stored" if side is None else f"pictures resized to {side}x{side}",
    }
    return found
