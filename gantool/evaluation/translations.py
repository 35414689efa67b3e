"""A model measured: its translations of one folder against the pictures of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gantool import direction
from gantool.errors import UsageError
from gantool.evaluation.accuracy import accuracy
from gantool.evaluation.consistency import consistency
from gantool.evaluation.folders import Folder, inputs_in, pairing
from gantool.evaluation.how import How
from gantool.evaluation.judge import Judge, expected
from gantool.evaluation.kept import Kept, translations
from gantool.evaluation.measure import PLAIN, measure
from gantool.evaluation.names import pair_by_name
from gantool.evaluation.part import Part
from gantool.evaluation.pictures import Pictures
from gantool.evaluation.report import Evaluation
from gantool.evaluation.request import results_of_each
from gantool.evaluation.segmentation import label_maps, places_in, segmentation
from gantool.evaluation.to_inputs import check_counts
from gantool.evaluation.variety import Variety
from gantool.inference.engine import Engine
from gantool.pictures.ids import of_domain, other_kinds
from gantool.runs.checkpoint import load_model
from gantool.spec import Direction, Facts
from gantool.translation.inputs import Source


def compare_translations(
    weights: Path,
    inputs: Path,
    real: Path | Folder,
    *,
    to: str | None = None,
    styles: int | None = None,
    how: How = PLAIN,
) -> Evaluation:
    """Translates the pictures below `inputs` to domain `to` (None: the second of two) and measures them against those
    below `real`.

    With a judge results are judged: a classifier says whether each is of the class of `to`; a judge of label maps
    takes the inputs for the truth, or the pictures in `real` where results are label maps themselves.

    A model with styles translates each picture `styles` times (None: 10), with the codes that `gantool translate`
    draws from `seed`: the first is measured against `real`, all among each other. Raises what `compare_folders` raises,
    CheckpointError for the weights, UsageError for the domain, for styles of a model that has none, or for subsets of
    KID that there are not.
    """
    facts, network = load_model(weights)
    engine = Engine(network, how.device, how.precision, can=facts.can)
    if to is None:
        direction.require_named(facts)
    way = direction.resolve(facts, to)
    count = results_of_each(facts, styles)
    side = facts.sizes.exact  # some models take pictures of one size only
    variety = Variety(how) if count > 1 else None
    # Raises before the long part where there is nothing to compare with.
    reals = real if isinstance(real, Folder) else Folder(real, how.find(real))
    there = how.find(inputs)
    files = of_domain(there, facts.spec.kind(way.source))
    check_counts(how, len(reals), len(files), len(files))
    sources = [Source(file, file.relative_to(inputs).as_posix()) for file in files]
    two = len(facts.spec.domains) == 2 and not facts.spec.attributes  # of more, or of attributes, a picture may be any
    size = None if side is None else (side, side)
    judge = how.judges.judge
    judged = None if judge is None else _judging(judge, way, facts, reals, inputs, files, how)
    with Kept() as fakes:
        translations(
            engine,
            sources,
            way,
            count=count,
            kept=fakes,
            every=False,
            variety=variety,
            size=size,
            seed=how.seed,
            progress=how.progress,
        )
        partners = pair_by_name(reals.names, fakes.names)
        found = measure(
            reals,
            fakes,
            pairs=partners if len(partners) == len(fakes) else None,
            inputs=inputs_in(inputs, files) if how.kid_source else None,
            scores=variety is None or how.judges.classifier is None,  # otherwise the classifier has seen all of them
            how=how,
        )
        if judged is not None:
            found.add(judged(fakes))
        if how.consistency:
            back = two and way.source != way.target and Direction(way.target, way.source) in facts.directions
            found.add(consistency(engine, way, back, sources, reals.files, fakes, size, how))
    pairing(found, partners, len(fakes))
    if others := other_kinds(there, files):
        found.notes.insert(0, others)
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


def _judging(
    judge: Judge, way: Direction, facts: Facts, reals: Folder, inputs: Path, files: Sequence[Path], how: How
) -> Callable[[Pictures], Part]:
    """What measures the translations of `files`, once they are there. Raises UsageError and DataError for whatever the
    judge lacks.
    """
    if judge.classifies:
        classes = expected(judge, [way.target])
        target = [way.target]
        return lambda fakes: accuracy(judge, reals, fakes, (target * len(reals), target * len(fakes)), classes, how)
    description = judge.description
    if judge.network is None and not description.drawn and facts.spec.kind(way.target).channels != 1:
        raise UsageError(f"{description.file}: results are label maps in colours, and the classes have no color")
    names = [file.relative_to(inputs).as_posix() for file in files]
    truths = label_maps(judge, inputs if judge.network is not None else reals.root)
    places = truths.of(names)
    if judge.labels is not None:  # by the name of the picture itself
        of_reals = truths.of_some(reals.names)
    else:  # by the name of the input that it belongs to
        of_reals = {real: places[number] for real, number in pair_by_name(reals.names, names)}
    return lambda fakes: segmentation(
        judge,
        reals,
        fakes,
        truths,
        (of_reals, places),
        how,
        lambda index: places_in(fakes[index], description),
    )
