"""From a run folder to the hub: `gantool push`. One commit, in which weights, card and sample grid belong together."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gantool import registry
from gantool.byte_sizes import bytes_in_words
from gantool.errors import CheckpointError, UsageError, argument
from gantool.hub.connection import SAMPLE, SMALL, Listing, connect, honest, listing
from gantool.options import without_places
from gantool.report import card
from gantool.report.console import Console
from gantool.report.progress import stages
from gantool.runs import folders, remote
from gantool.runs.find import find_weights
from gantool.runs.folders import SETTINGS, STATE, WEIGHTS
from gantool.runs.header import read_facts
from gantool.runs.remote import Repository
from gantool.spec import Facts
from gantool.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, kw_only=True)
class Request:
    """The words of a person."""

    run: str
    """A run folder (its newest save), a save, RUN/best, a weights file, or a model's name."""
    name: str
    """USER/NAME on the hub."""
    private: bool = False
    licence: str | None = None
    """For the card; None for the one that the weights state."""
    with_training_state: bool = False


@dataclass(frozen=True)
class Plan:
    """A push that may begin."""

    request: Request
    place: Repository
    weights: Path
    facts: Facts
    card: bytes | None
    """A person's own card; None: it is written for these weights."""
    files: dict[str, Path] = field(default_factory=dict)
    """Of the repository, by path, but for the card."""
    run: Path | None = None


@dataclass(frozen=True)
class Pushed:
    """What is there now."""

    url: str
    commit: str
    files: tuple[str, ...]
    bytes: int


def plan(request: Request) -> Plan:
    """Raises UsageError or CheckpointError for the first word that is wrong. Asks no network, imports no torch."""
    place = remote.repository(request.name)
    if place.revision != remote.MAIN:
        raise UsageError(f"a push goes to the main revision: name {place.name} alone")
    if remote.is_remote(request.run):
        raise UsageError(f"{request.run} is on the hub already: name a run folder")
    remote.need_hub()
    weights = find_weights(request.run, tuple(registry.plugins()))
    facts = read_facts(weights)
    run = folders.run_of(weights)
    files = {WEIGHTS: weights}
    if request.with_training_state:
        files[STATE] = weights.with_name(STATE)
        if not files[STATE].is_file():
            raise CheckpointError(
                f"{weights.parent} has no training state: leave out {argument('with_training_state')}"
            )
    if (picture := card.sample(run, facts.step)) is not None:
        files[f"{card.SAMPLES}/{picture.name}"] = picture
    own = None
    if run is not None and (run / card.CARD).is_file() and not _can_be_written(run, facts):
        own = (run / card.CARD).read_bytes()
        if request.licence is not None:
            raise UsageError(
                f"{run / card.CARD} is not written anew: state the licence there, and leave out {argument('licence')}"
            )
    return Plan(request, place, weights, facts, own, files, run)


def _can_be_written(run: Path, facts: Facts) -> bool:
    """Whether a card is as gantool wrote it, and what it says stands here: a run that was pulled has less."""
    return card.may_write(run) and ((run / SETTINGS).is_file() or bool(facts.source))


def start(plan: Plan, console: Console) -> Pushed:
    """Checks the files and sends them. Raises CheckpointError for a damaged save, and for what the hub refuses."""
    place, api = plan.place, connect()
    with honest(api, place):
        return _sent(plan, api, console)


def _checked(plan: Plan, folder: Path, console: Console) -> Plan:
    """The plan with files that may leave the machine: where a header has whole paths, as those of 0.1 had, copies in
    `folder` whose header has the names of the files.

    Raises CheckpointError for files that are not as they were written.
    """
    from gantool.runs import checkpoint, training_state
    from gantool.runs.tensors import write_tensors

    header, tensors = checkpoint.read(plan.weights)
    state = training_state.read(plan.files[STATE], header) if STATE in plan.files else None
    options = without_places(plan.facts.options)
    if options == plan.facts.options:
        return plan
    console.note("the header of the weights holds whole paths: what goes to the hub has the names of the files alone")
    files = {**plan.files, WEIGHTS: folder / WEIGHTS}
    facts = replace(plan.facts, options=options, sha256="")
    sha256 = write_tensors(files[WEIGHTS], tensors, facts.as_json())
    if state is not None:
        files[STATE] = folder / STATE
        write_tensors(files[STATE], state, {"model": facts.model, "step": facts.step, "weights": sha256})
    return replace(plan, files=files, weights=files[WEIGHTS])


def _sent(plan: Plan, api: HfApi, console: Console) -> Pushed:
    before = _repository(plan, api)
    with tempfile.TemporaryDirectory(prefix="gantool-push-") as folder:
        return _committed(_checked(plan, Path(folder), console), before, api, console)


def _committed(plan: Plan, before: Listing, api: HfApi, console: Console) -> Pushed:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    place = plan.place
    if not before.commit:
        api.create_repo(place.name, private=plan.request.private or None)
    contents: dict[str, Path | bytes] = dict(plan.files)
    theirs = plan.card is not None and not card.is_ours(plan.card.decode(errors="replace"))
    if theirs or _may_write_card(api, place, before):
        contents[card.CARD] = (
            plan.card or card.text(plan.run, plan.weights, str(place), console.words, plan.request.licence).encode()
        )
    else:
        console.warn(f"the card of {place.name} was changed on the hub, and stays as it is")
    lengths = {path: len(data) if isinstance(data, bytes) else data.stat().st_size for path, data in contents.items()}
    total = sum(lengths.values())
    seen = "private" if before.private else "public"
    console.note(f"pushing {bytes_in_words(total)} to {api.endpoint}/{place.name} ({seen}): {', '.join(contents)}")
    adding = [CommitOperationAdd(path, data) for path, data in contents.items()]
    with stages(console) as progress:
        done = 0
        for one in adding:
            progress("push kB", done // 1000, max(1, total // 1000))
            api.preupload_lfs_files(place.name, [one], free_memory=False)
            done += lengths[one.path_in_repo]
    # A state or a grid of another save would not belong to these weights.
    stale = [path for path in before.sizes if (path == STATE or SAMPLE.fullmatch(path)) and path not in contents]
    commit = api.create_commit(
        place.name,
        [*adding, *(CommitOperationDelete(path) for path in stale)],
        commit_message=f"{plan.facts.model} after {plan.facts.step} steps, by gantool {__version__}",
        parent_commit=before.commit or None,  # of what was looked at: the hub refuses where there is a newer one
    )
    return Pushed(f"{api.endpoint}/{place.name}", commit.oid, tuple(contents), total)


def _repository(plan: Plan, api: HfApi) -> Listing:
    """What is in the repository; without a commit where there is none. Raises UsageError and CheckpointError."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    place = plan.place
    if get_token() is None:
        raise CheckpointError(f"there is no token for {api.endpoint}: hf auth login stores one, or HF_TOKEN holds it")
    try:
        found = listing(api, place)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return Listing("", plan.request.private, {})
    if plan.request.private and not found.private:
        raise UsageError(
            f"{place.name} is public already: make it private on the hub, or leave out {argument('private')}"
        )
    return found


def _may_write_card(api: HfApi, place: Repository, before: Listing) -> bool:
    """Whether the hub's card is as gantool wrote it, or there is none."""
    if card.CARD not in before.sizes:
        return True
    if before.sizes[card.CARD] > SMALL:
        return False
    there = Path(api.hf_hub_download(place.name, card.CARD, revision=before.commit))
    return card.is_ours(there.read_bytes().decode(errors="replace"))
