"""Files that were changed at random are read, or refused in one line by an error of gantool's own: 20,000 of them."""

from __future__ import annotations

import copy
import json
import pickle
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gantool import direction, options
from gantool.data.layouts.captions import read_captions
from gantool.data.layouts.embeddings import read_embeddings
from gantool.data.layouts.tables import read_table
from gantool.errors import GantoolError
from gantool.report import runlog
from gantool.report.curves import curves
from gantool.report.text import to_json, words
from gantool.runs import checkpoint, training_state
from gantool.runs.header import KEY, facts_of, hashed, read_header
from gantool.training import sources
from gantool.training.settings import TrainSettings
from tests.old.records import HERE
from tests.runs import untrained
from tests.test_torch7 import written as torch7

SEED = 20_240_611

pytestmark = pytest.mark.parametrize(
    "share", [pytest.param(10, id="a tenth"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)

DEEP: Any = []
for _ in range(150):
    DEEP = [DEEP]

NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**63, 2**64, -(2**63), 10**400, 1e308, -1e308, 5e-324, 0.5),
    *(float("nan"), float("inf"), "", "x", "A", "/", "..", "../../x", "a\0b", "a\nb", "\x1b[2J", "\u2028", "\ud800"),
    *("\udcff", "x" * 300, "x" * 20_000, "1e5", "nan", "translate", "null"),
    *([], [[]], ["A"], ["A", "A"], ["A", "B", "C"], [1, 2], {}, {"A": 1}, {"": {}}, {"A": {"B": [None]}}, DEEP),
)


def nasty(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(NASTY))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (list or table, key) within a value."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from places(inner)


def changed(value: Any, rng: random.Random) -> Any:
    """A copy with one to three places replaced, removed, doubled or exchanged."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        found = list(places(value))
        if not found:
            return nasty(rng)
        inside, key = rng.choice(found)
        how = rng.random()
        if how < 0.6:
            inside[key] = nasty(rng)
        elif how < 0.75:
            del inside[key]
        elif how < 0.85:
            another, other = rng.choice(found)
            if other in another if isinstance(another, dict) else other < len(another):
                inside[key] = copy.deepcopy(another[other])
        elif isinstance(inside, dict):
            inside[rng.choice(("x", "A", "spec", "size", "\x00", "x" * 1000))] = nasty(rng)
        else:
            inside.insert(key, nasty(rng))
    return value


def flipped(data: bytes, rng: random.Random, within: int) -> bytes:
    """A copy with some of the first bytes changed, cut out, or doubled."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(min(within, len(found)))
        how = rng.random()
        if how < 0.6:
            found[place] ^= 1 << rng.randrange(8)
        elif how < 0.8:
            del found[place : place + rng.randrange(1, 9)]
        else:
            found[place:place] = rng.randbytes(rng.randrange(1, 9))
    return bytes(found)


def text_of(value: Any) -> str:
    """JSON of any depth; json.dumps stops at the interpreter's own."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {text_of(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(text_of, value)) + "]"
    return json.dumps(value)


def survives(read: Callable[[], object], case: object) -> bool:
    """Whether it could be read; fails for any error that is not gantool's own, or is no single short line as shown."""
    try:
        read()
    except GantoolError as error:
        said = str(error)
        assert len(said) < 3000, f"{case}: {said[:200]}"
        assert said.isprintable(), f"{case}: {said[:200]!r}"
        return False
    except BaseException as error:
        pytest.fail(f"{case!s:.300}: {type(error).__name__}: {error!s:.200}")
    return True


class File:
    """A safetensors file in parts."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        self.head = json.loads(data[8 : 8 + length])
        self.own = json.loads(self.head["__metadata__"][KEY])
        self.body = data[8 + length :]
        self.data = data

    def write(self, path: Path, own: Any, head: Any = None, body: bytes | None = None) -> None:
        """Writes it with another header of gantool's, whose hash is right, as an enemy would."""
        if isinstance(own, dict) and own.get("format") == 2:
            tensors = own.get("tensors_sha256", "")
            own = {key: value for key, value in own.items() if key not in ("sha256", "tensors_sha256")}
            own = hashed(own, tensors)
        head = {**(self.head if head is None else head), "__metadata__": {KEY: text_of(own)}}
        text = text_of(head).encode("ascii")
        path.write_bytes(struct.pack("<Q", len(text)) + text + (self.body if body is None else body))


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> list[File]:
    folder = tmp_path_factory.mktemp("fuzz")
    new = [
        untrained(folder / "cyclegan"),
        untrained(folder / "stargan", "stargan", ("a", "b", "c"), width=4, blocks=0, d_width=4, d_layers=1),
    ]
    old = [HERE / name / "checkpoints/00000002/weights.safetensors" for name in ("stargan-attributes", "pix2pixhd")]
    return [File(path) for path in [*new, *old]]


def test_headers(weights, tmp_path, share):
    rng, path = random.Random(SEED), tmp_path / "x.safetensors"

    def use() -> None:
        header = read_header(path)
        facts = facts_of(header)
        for to in (None, "all", "A", "B", "+A", *facts.spec.domains[:3]):
            for ask in (direction.resolve, direction.targets):
                survives(lambda ask=ask, to=to: ask(facts, to), facts)
        facts.sizes.fit(40, 30) if facts.sizes.exact is None else None
        to_json(header.metadata)
        words(header.metadata)

    read = 0
    for number in range(9_800 // share):
        file = weights[number % len(weights)]
        own = changed(file.own, rng)
        file.write(path, own, {}, b"")
        read += survives(use, own)
    assert 500 < read * share < 8000  # the changes are neither all fatal nor all harmless


def test_bytes_of_weights(weights, tmp_path, share):
    rng, path = random.Random(SEED + 1), tmp_path / "x.safetensors"
    read = 0
    for number in range(1500 // share):
        file = weights[number % len(weights)]
        within = (200, len(file.data) - len(file.body), len(file.data))[number % 3]
        path.write_bytes(flipped(file.data, rng, within))
        read += survives(lambda: checkpoint.read(path), number) and file.own["format"] == 2
    assert read < 5  # what the hash does not cover: how JSON is spelled


def test_tables_of_tensors(weights, tmp_path, share):
    rng, path = random.Random(SEED + 2), tmp_path / "x.safetensors"
    for number in range(1500 // share):
        file = weights[number % len(weights)]
        head = changed({key: value for key, value in file.head.items() if key != "__metadata__"}, rng)
        file.write(path, file.own, head if isinstance(head, dict) else {})
        survives(lambda: checkpoint.read(path), head)


def test_models_are_loaded_or_refused(weights, tmp_path, share):
    """Options, domains and crops that a header tells build a network, or none at all."""
    rng, path = random.Random(SEED + 3), tmp_path / "x.safetensors"
    for number in range(200 // share):
        file = weights[number % len(weights)]
        own = copy.deepcopy(file.own)
        part = rng.choice(("options", "spec", "can", "code_size", "missing", "condition_names"))
        own[part] = changed([own.get(part)], rng)
        own[part] = own[part][0] if isinstance(own[part], list) and own[part] else own[part]
        file.write(path, own)
        survives(lambda: checkpoint.load_model(path), own[part])


def test_states(trained_tiny, tmp_path, share):
    rng, path = random.Random(SEED + 4), tmp_path / "state.safetensors"
    save = next((trained_tiny / "checkpoints").glob("*1"))
    weights, file = read_header(save / "weights.safetensors"), File(save / "state.safetensors")
    for number in range(500 // share):
        if number % 2:
            file.write(path, changed(file.own, rng))
        else:
            path.write_bytes(flipped(file.data, rng, len(file.data) if number % 4 else 2000))
        survives(lambda: training_state.read(path, weights), number)


def test_logs(tmp_path, share):
    rng, path = random.Random(SEED + 5), tmp_path / "log.jsonl"
    base = [{"step": n, "losses": {"gan": 0.5 * n, "d": None}, "rate": 2e-4, "time": 3.5} for n in (1, 2, 30)]
    for number in range(4500 // share):
        lines = "\n".join(text_of(record) for record in changed(base, rng)) if number % 3 else None
        data = lines.encode() if lines else flipped("\n".join(map(json.dumps, base)).encode(), rng, 1000)
        path.write_bytes(data)

        def read(number: int = number) -> None:
            curves(runlog.read(path))
            if number % 50 == 0:  # this waits for the disk
                runlog.RunLog(path).truncate_after(2)
                assert all(record["step"] <= 2 for record in runlog.read(path))

        assert survives(read, data)


def test_yaml(trained_tiny, tmp_path, share):
    rng, path = random.Random(SEED + 6), tmp_path / "run.yaml"
    text = (trained_tiny / "run.yaml").read_text()
    base = yaml.safe_load(text)

    def read() -> None:
        values = options.read_yaml(path)
        inner = sources.options_in(values, "cyclegan", "run.yaml")
        options.resolve(TrainSettings, [("run.yaml", sources.settings_in(values))], where="train")
        words(inner)

    for number in range(500 // share):
        data = text_of(changed(base, rng)).encode() if number % 2 else flipped(text.encode(), rng, len(text))
        path.write_bytes(data)
        survives(read, data)


def test_attribute_tables(tmp_path, share):
    rng = random.Random(SEED + 7)
    rows = [["file", "Male", "Young"], *([f"{n}.png", "1", "-1"] for n in range(4))]
    for number in range(1500 // share):
        kind = ("csv", "txt", "jsonl")[number % 3]
        path = tmp_path / f"table.{kind}"
        if kind == "jsonl":
            lines = [
                text_of(row) for row in changed([{"file": f"{n}", "Male": 1, "labels": ["A"]} for n in "abc"], rng)
            ]
        else:
            lines = [("," if kind == "csv" else " ").join(row) for row in rows]
            lines = lines if kind == "csv" else ["4", lines[0].removeprefix("file "), *lines[1:]]
        data = "\n".join(lines).encode()
        path.write_bytes(flipped(data, rng, len(data)) if kind != "jsonl" else data)
        survives(lambda path=path: read_table(path), data)


def test_captions_and_vectors(tmp_path, share):
    rng = random.Random(SEED + 8)
    entries = [{"file": f"{n}.png", "captions": ["a bird", "small"]} for n in "abc"]
    coco = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "caption": "a bird"}]}
    vectors = np.arange(12.0).reshape(2, 2, 3)
    np.savez(tmp_path / "x.npz", vectors=vectors, files=["a.png", "b.png"])
    np.save(tmp_path / "x.npy", vectors)
    wholes = {
        "csv": b'file,caption\na.png,"a bird, small"\nb.png#1,a gull\n',
        "tsv": b"a.png\t1\t2\t3\nb.png\t4\t5\t6\n",
        "npy": (tmp_path / "x.npy").read_bytes(),
        "npz": (tmp_path / "x.npz").read_bytes(),
        "pickle": pickle.dumps(list(vectors), protocol=2),
        "t7": torch7({"raw_txt": ["a bird"], "fea_txt": list(vectors)}),
    }
    for number in range(1800 // share):
        kind = [*wholes, "jsonl", "json", "coco.json"][number % 9]
        path = tmp_path / f"captions.{kind}"
        if kind in wholes:
            data = flipped(wholes[kind], rng, len(wholes[kind]))
        elif kind == "jsonl":
            found = changed(entries, rng)
            data = "\n".join(map(text_of, found if isinstance(found, list) else [found])).encode()
        else:
            data = text_of(changed(entries if kind == "json" else coco, rng)).encode()
        path.write_bytes(data)
        words = kind in ("csv", "jsonl", "json", "coco.json")
        survives(lambda path=path, words=words: read_captions(path) if words else read_embeddings(path), data)
