"""What the answers to a study say of the methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import median
from typing import Any

from gantool.errors import DataError, argument
from gantool.inference.seeds import check_seed
from gantool.studies.answers import Answer, Gathered, Person
from gantool.studies.chance import DRAWS, Interval, alpha, holm, more_than_chance, percentile_interval
from gantool.studies.plan import WHOLE
from gantool.version import __version__

FAST = 0.3
"""Seconds: who answers half of the scored trials sooner does not count. Our own rule: to press one of two keys at one
of two lights takes people about as long, and here they have to look first."""

FEW_PEOPLE, FEW_TRIALS = 5, 20
"""With fewer people, or trials of a method, a note warns of the intervals. Our own rule: the bootstrap knows no person
but those who answered, and the more alike these few are, the narrower it gets, down to no width."""


@dataclass(frozen=True)
class Share:
    """How often a method was chosen where it was shown."""

    name: str
    trials: int
    chosen: int
    share: float
    by_person: Interval | None
    """95 %, of people drawn again; None for fewer than two."""
    by_picture: Interval | None
    """95 %, of names drawn again; None for fewer than two."""


@dataclass(frozen=True)
class Comparison:
    """Two methods, by the trials that showed both and in which one of them was chosen."""

    first: str
    second: str
    result: Share
    """Of the first."""
    p: float
    """Of no preference, adjusted for the number of comparisons."""


@dataclass(frozen=True)
class Findings:
    """All that is read from the answers."""

    study: str
    kind: str
    title: str
    question: str
    people: int
    excluded: Mapping[str, str]
    """Why a person does not count, by id."""
    doubtful: Mapping[str, str]
    """Of people who would be excluded, but are kept."""
    trials: int
    chance: float
    """The share of a method that is chosen by chance."""
    methods: tuple[Share, ...]
    comparisons: tuple[Comparison, ...]
    alpha: float | None
    """Krippendorff's, of the people's answers to the same question."""
    protocol: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def measure(self) -> str:
        """What a method's share is."""
        return "taken for real" if self.kind == "fake" else "preferred"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def find(gathered: Gathered, *, keep_all: bool = False, seed: int = 0) -> Findings:
    """The findings of a study. Raises UsageError for a wrong seed, and DataError where nobody's answers count."""
    check_seed(seed)
    why = {person.id: reason for person in gathered.people if (reason := _doubt(person))}
    kept = [person for person in gathered.people if keep_all or person.id not in why]
    scored = [(person.id, answer) for person in kept for answer in person.answers if answer.part == "scored"]
    if not scored:
        reasons = "; ".join(f"person {person}: {reason}" for person, reason in why.items())
        ways = f" ({reasons}): {argument('keep_all')} counts them all the same" if reasons else ""
        raise DataError(f"nobody's answers count{ways}")
    study = gathered.study
    methods = {f"m{number}": name for number, name in enumerate(study.methods)}
    shares = [
        _share(name, code, [one for one in scored if code in one[1].shown], seed) for code, name in methods.items()
    ]
    shown = tuple(share for share in shares if share is not None)
    comparisons = [] if study.kind == "fake" else _comparisons(methods, scored, seed)
    questions: dict[frozenset[str], dict[str, list[str]]] = {}
    for _, answer in scored:
        questions.setdefault(frozenset(answer.shown), {}).setdefault(answer.name, []).append(answer.chosen)
    return Findings(
        study=study.id,
        kind=study.kind,
        title=study.title,
        question=study.question,
        people=len(kept),
        excluded={} if keep_all else why,
        doubtful=why if keep_all else {},
        trials=len(scored),
        chance=1 / len(study.methods) if study.kind == "preference" else 0.5,
        methods=shown,
        comparisons=tuple(comparisons),
        alpha=alpha(named.values() for named in questions.values()),
        protocol=_protocol(study.kind, seed, keep_all),
        notes=(*gathered.notes, *_few(len({person for person, _ in scored}), shown)),
    )


def _few(people: int, shares: Sequence[Share]) -> Iterator[str]:
    """Why the intervals say little."""
    rare = [f"{share.name} ({share.trials})" for share in shares if share.trials < FEW_TRIALS]
    few = [f"fewer than {FEW_PEOPLE} people ({people})"] if people < FEW_PEOPLE else []
    few += [f"fewer than {FEW_TRIALS} trials of {', '.join(rare)}"] if rare else []
    if few:
        yield f"the intervals are unreliable, and may be far too narrow: {' and '.join(few)}"


def _doubt(person: Person) -> str:
    """Why a person's answers should not count; empty where nothing is against it."""
    checks = [answer for answer in person.answers if answer.part == "check"]
    failed = sum(answer.chosen != WHOLE for answer in checks)
    if failed:
        return f"failed {failed} of {len(checks)} attention checks"
    times = [answer.seconds for answer in person.answers if answer.part == "scored"]
    if times and median(times) < FAST:
        return f"answered in {median(times):.2g} s (median), faster than people who look"
    return "" if times else "answered no scored trial"


Scored = Sequence[tuple[str, Answer]]
"""Answers with the person's id."""


def _share(name: str, code: str, scored: Scored, seed: int) -> Share | None:
    """How often a method was chosen in these trials, which show it; None where there are none."""
    if not scored:
        return None
    chosen = [int(answer.chosen == code) for _, answer in scored]
    by_person = _clusters([person for person, _ in scored], chosen)
    by_picture = _clusters([answer.name for _, answer in scored], chosen)
    return Share(
        name=name,
        trials=len(chosen),
        chosen=sum(chosen),
        share=sum(chosen) / len(chosen),
        by_person=percentile_interval(*by_person, seed),
        by_picture=percentile_interval(*by_picture, seed + 1),
    )


def _clusters(of: Sequence[str], chosen: Sequence[int]) -> tuple[list[int], list[int]]:
    """(chosen, shown) of each cluster, in the order of their names: the order of files does not matter."""
    sums = {cluster: [0, 0] for cluster in sorted(set(of))}
    for cluster, one in zip(of, chosen, strict=True):
        sums[cluster][0] += one
        sums[cluster][1] += 1
    return [one for one, _ in sums.values()], [shown for _, shown in sums.values()]


def _comparisons(methods: Mapping[str, str], scored: Scored, seed: int) -> list[Comparison]:
    found = []
    for one, other in combinations(methods, 2):
        both = [each for each in scored if {one, other} <= set(each[1].shown) and each[1].chosen in (one, other)]
        share = _share(methods[one], one, both, seed)
        if share is not None:
            wins, shown = _clusters([person for person, _ in both], [int(each.chosen == one) for _, each in both])
            p = more_than_chance([2 * win - all_ for win, all_ in zip(wins, shown, strict=True)], seed)
            found.append((methods[other], share, p))
    adjusted = holm([p for _, _, p in found])
    return [Comparison(share.name, other, share, p) for (other, share, _), p in zip(found, adjusted, strict=True)]


def _protocol(kind: str, seed: int, keep_all: bool) -> dict[str, str]:
    """How it was measured."""
    rule = f"left out: who fails an attention check, or answers half of the scored trials in less than {FAST} s"
    said = {
        "trials": "scored ones, of all people together; neither practice nor attention checks",
        "intervals": f"95 %, percentiles of {DRAWS} draws of the bootstrap: of people, and of pictures; seed {seed}",
        "people": "all are kept" if keep_all else rule,
        "agreement": "Krippendorff's alpha, nominal: 1 all agree, 0 as by chance among the methods that a trial shows",
        "gantool": __version__,
    }
    if kind != "fake":
        said["p"] = "of no preference: randomization of signs by person, two-sided, adjusted after Holm"
    return said
