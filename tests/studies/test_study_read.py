"""What is read from the answers of people."""

from __future__ import annotations

import base64
import json
import os
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantool.studies.chance import alpha, holm, more_than_chance, percentile_interval

NAMES = ["cat", "dog", "owl", "fox"]


def key(kind: str, methods: tuple[str, ...] = ("A", "B <b>")) -> str:
    said = {"kind": kind, "title": "Which?", "question": "Which is it?", "methods": methods, "names": NAMES}
    return base64.b64encode(json.dumps(said).encode()).decode()


def trial(shown: str, chosen: int, name: int = 0, part: str = "scored", ms: int = 900) -> dict[str, Any]:
    sides = shown.split()
    return {"part": part, "shown": sides, "pictures": [name] * len(sides), "chosen": chosen, "ms": ms}


GOOD, BAD = trial("distorted whole", 1, part="check"), trial("whole distorted", 1, part="check")


def person(name: str, *trials: dict[str, Any], kind: str = "pairs", **more: Any) -> dict[str, Any]:
    said = {"format": "gantool study answers", "version": 1, "study": "abc123", "person": name, "key": key(kind)}
    return {**said, "trials": list(trials), **more}


@pytest.fixture
def answers(tmp_path):
    """Writes people's answers into a folder, and gives it."""

    def write(*people: dict[str, Any]) -> Path:
        (tmp_path / "answers").mkdir(exist_ok=True)
        for number, one in enumerate(people):
            (tmp_path / "answers" / f"{number}.json").write_text(json.dumps(one))
        return tmp_path / "answers"

    return write


def read(main, *words: str | Path, code: int = 0) -> dict[str, Any]:
    return json.loads(main("study", "read", "--json", *words, code=code)[1])


def test_fooled_is_who_takes_a_fake_picture_for_real(answers, main):
    people = [
        person("p1", trial("real m0", 1, 0), trial("m0 real", 1, 1), trial("m1 real", 1, 2), GOOD, kind="fake"),
        person("p2", trial("m0 real", 0, 0), trial("real m0", 1, 3), trial("real m1", 0, 1), GOOD, kind="fake"),
    ]
    practice = trial("real m1", 1, part="practice")
    people[0]["trials"].insert(0, practice)
    found = read(main, answers(*people))
    assert (found["people"], found["trials"], found["chance"]) == (2, 6, 0.5)
    a, b = found["methods"]
    assert (a["name"], a["trials"], a["chosen"], a["share"]) == ("A", 4, 3, 0.75)
    assert a["by_person"] == [0.5, 1.0], "the one was fooled by half, the other by all"
    assert (b["name"], b["trials"], b["share"], b["by_person"]) == ("B <b>", 2, 0.0, [0.0, 0.0])
    assert found["comparisons"] == []


def test_wins_of_pairs_and_whether_they_are_more_than_chance(answers, main):
    everybody = [person(f"p{number}", *(trial("m0 m1", 0, name) for name in range(4)), GOOD) for number in range(6)]
    found = read(main, answers(*everybody))
    (both,) = found["comparisons"]
    assert (both["first"], both["second"], both["result"]["chosen"], both["result"]["trials"]) == ("A", "B <b>", 24, 24)
    assert both["p"] == 2 / 2**6, "six people of one mind: all signs alike"
    assert found["alpha"] is None, "nothing differs: agreement by chance is unknown"
    divided = [person(f"p{n}", *(trial("m1 m0", n % 2, name) for name in range(4)), GOOD) for n in range(6)]
    found = read(main, answers(*divided))
    assert found["comparisons"][0]["p"] == 1.0
    assert found["methods"][0]["share"] == 0.5
    assert found["methods"][0]["by_picture"] == [0.5, 0.5], "every picture divides people alike"


def test_preference_counts_what_was_chosen_of_all(answers, main):
    three = {"kind": "preference", "key": key("preference", ("A", "B", "C"))}
    people = [person(f"p{n}", trial("m0 m2 m1", 0, n), trial("m2 m1 m0", n % 2, 3), GOOD, **three) for n in range(3)]
    found = read(main, answers(*people))
    assert found["chance"] == pytest.approx(1 / 3)
    assert [one["chosen"] for one in found["methods"]] == [3, 1, 2]
    assert [(one["first"], one["second"], one["result"]["trials"]) for one in found["comparisons"]] == [
        ("A", "B", 4),
        ("A", "C", 5),
        ("B", "C", 3),
    ]


def test_who_fails_a_check_or_is_too_fast_is_left_out_and_named(answers, main):
    good = person("good", trial("m0 m1", 0), GOOD, GOOD)
    failed = person("failed", trial("m0 m1", 1), GOOD, BAD)
    hasty = person("hasty", trial("m0 m1", 1, ms=80), trial("m0 m1", 1, 1, ms=90), trial("m0 m1", 1, 2), GOOD)
    folder = answers(good, failed, hasty)
    found = read(main, folder)
    assert (found["people"], found["trials"]) == (1, 1)
    assert found["excluded"]["failed"] == "failed 1 of 2 attention checks"
    assert found["excluded"]["hasty"].startswith("answered in 0.09 s (median)")
    found = read(main, folder, "--keep-all")
    assert (found["people"], found["trials"], found["excluded"], set(found["doubtful"])) == (
        3,
        5,
        {},
        {"failed", "hasty"},
    )
    err = main("study", "read", folder / "1.json", code=3)[2]
    assert "nobody's answers count (person failed: failed 1 of 2 attention checks): --keep-all" in err


def test_the_longer_of_two_files_of_a_person_counts(answers, main):
    half, whole = person("p", trial("m0 m1", 1)), person("p", trial("m0 m1", 1), trial("m0 m1", 0, 1))
    found = read(main, answers(half, whole))
    assert (found["people"], found["trials"]) == (1, 2)
    assert "0.json: 1 answers of person p, of whom " in found["notes"][0]
    assert "the same answers" in read(main, answers(whole, whole))["notes"][0]


def test_several_studies_are_not_mixed(answers, main):
    folder = answers(person("p", trial("m0 m1", 1)), person("q", trial("m0 m1", 1), study="def456"))
    err = main("study", "read", folder, code=3)[2]
    assert "answers of 2 studies (abc123: " in err
    assert err.count("\n") == 1


DAMAGED = {
    "no JSON": b"[" * 9,
    "too deep": b"[" * 5000,
    "other JSON": b'{"a": 1}',
    "newer": json.dumps(person("p", version=2)).encode(),
    "no key": json.dumps(person("p", trial("m0 m1", 0), key="&&")).encode(),
    "chosen beyond": json.dumps(person("p", trial("m0 m1", 2))).encode(),
    "unknown method": json.dumps(person("p", trial("m0 m7", 0))).encode(),
    "unknown picture": json.dumps(person("p", trial("m0 m1", 0, 9))).encode(),
    "one side twice": json.dumps(person("p", trial("m0 m0", 0))).encode(),
    "no side": json.dumps(person("p", trial("m0 <b>", 0))).encode(),
    "a check that is scored": json.dumps(person("p", trial("m0 whole", 0))).encode(),
    "an odd id": json.dumps(person("../p", trial("m0 m1", 0))).encode(),
    "no text": b"\xff\xfe",
}


def test_damaged_files_are_named_and_the_others_are_read(answers, main):
    folder = answers(person("p", trial("m0 m1", 1)))
    for name, content in DAMAGED.items():
        (folder / f"{name}.json").write_bytes(content)
    _, out, err = main("study", "read", folder, "--json", code=1)
    found = json.loads(out)
    assert found["people"] == 1
    assert found["failed"].keys() == {str(folder / f"{name}.json") for name in DAMAGED}
    few, *lines, last = err.splitlines()
    assert few.startswith("the intervals are unreliable")
    assert len(lines) == len(DAMAGED)
    assert all(line.startswith(f"error: cannot read {folder}") for line in lines)
    assert last == f"error: {len(DAMAGED)} files could not be read, the others are counted"
    assert main("study", "read", folder / "newer.json", code=3)[2].count("\n") == 1
    (folder / "empty").mkdir()
    assert "no file whose name ends with .json or .txt" in main("study", "read", folder / "empty", code=3)[2]


PLAIN = {
    "it holds no answers to a study": b"Dear all, {thank you}",
    "its answers came damaged or cut off: ask for the file again": json.dumps(person("p")).encode()[:-9],
    "the key of its answers came damaged or cut off: ask for the file again": json.dumps(person("p", key="&")).encode(),
}


@pytest.mark.parametrize("why", PLAIN)
def test_what_is_no_answers_file_gets_one_plain_sentence(why, tmp_path, main):
    (tmp_path / "a.json").write_bytes(PLAIN[why])
    assert main("study", "read", "a.json", code=3)[2] == f"error: cannot read a.json: {why}\n"
    (tmp_path / "b.json").write_bytes(PLAIN[why])
    err = main("study", "read", ".", code=3)[2]
    assert err == f"error: cannot read a.json: {why}; 1 other file cannot be read either\n"


def test_answers_are_read_as_people_send_them(answers, main):
    folder = answers(person("p", trial("m0 m1", 1)))
    text = json.dumps(person("q", trial("m0 m1", 1)), indent=1)
    (folder / "copied.TXT").write_bytes(text.encode("utf-8-sig"))
    mail = folder / "mail.eml"
    mail.write_bytes("Schöne Grüße:\r\n".encode("latin-1") + text.replace('"q"', '"r"').encode() + b"\r\n-- \r\nR")
    (folder / "unicode.txt").write_bytes(text.replace('"q"', '"s"').encode("utf-16"))
    for name in ("photo.png", ".DS_Store"):
        (folder / name).touch()
    found = read(main, folder)
    assert found["people"] == 3
    assert f"{folder}: 2 other files were not read, as their names end with neither .json nor .txt" in found["notes"]
    assert read(main, folder, mail)["people"] == 4, "a file that is named is read whatever its ending"


def test_a_page_that_a_person_wrote_stays(answers, main, tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    folder = answers(person("p0", trial("m0 m1", 0, 0)))
    assert (
        "mine.html exists, and gantool did not write it" in main("study", "read", folder, "-o", "mine.html", code=2)[2]
    )


def test_of_few_people_or_trials_intervals_are_called_unreliable(answers, main, tmp_path):
    def people(count: int, trials: int) -> Path:
        return answers(*(person(f"p{n}", *(trial("m0 m1", 0, at % 4) for at in range(trials))) for n in range(count)))

    words = "the intervals are unreliable, and may be far too narrow: "
    found = read(main, people(1, 1))
    assert {(one["by_person"], one["by_picture"]) for one in found["methods"]} == {(None, None)}
    assert found["notes"] == [f"{words}fewer than 5 people (1) and fewer than 20 trials of A (1), B <b> (1)"]
    assert read(main, people(4, 5))["notes"] == [f"{words}fewer than 5 people (4)"]
    _, out, err = main("study", "read", people(5, 3), "-o", "few.html")
    assert f"{words}fewer than 20 trials of A (15)" in " ".join((out + err).split())
    assert f"<p>{words}fewer than 20 trials of A (15)" in (tmp_path / "few.html").read_text()
    assert read(main, people(5, 4))["notes"] == []
    one = answers(person("p0", *(trial("m0 m1", 0, at % 4) for at in range(20))))
    for file in sorted(one.iterdir())[1:]:
        file.unlink()
    lines = main("study", "read", one)[1].splitlines()
    assert lines[1].split() == ["A", "20", "100.0", "%", "100.0", "to", "100.0", "%"], "by person there is none"


def test_a_page_and_a_figure(answers, main, tmp_path):
    people = [person(f"p{n}", *(trial("m0 m1", int(n == name), name) for name in range(4)), GOOD) for n in range(4)]
    folder = answers(*people, person("<i>", BAD), person("x", trial("m0 m1", 0), BAD))
    main("study", "read", folder, "-o", "found.html", code=1)  # "<i>" is no id
    text = (tmp_path / "found.html").read_text()
    assert "failed 1 of 1 attention checks" in text
    assert "B &lt;b&gt;" in text
    assert "<b>" not in text
    _, out, _ = main("study", "read", folder, "-o", "found.svg", code=1)
    assert "75.0 %" in out
    svg = ElementTree.parse(tmp_path / "found.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(one.get("width")) for one in svg.iter(f"{space}rect")]
    assert widths[0] == pytest.approx(3 * widths[1], abs=0.2), "bars are as long as the shares, 75 and 25 %"
    ticks = {one.text: float(one.get("x")) for one in svg.iter(f"{space}text")}
    assert ticks["60 %"] < float(next(svg.iter(f"{space}rect")).get("x")) + widths[0] < ticks["80 %"]
    assert "A 75.0 %; B <b> 25.0 %; by chance 50.0 %" in svg.get("aria-label")
    assert "name a file .html" in main("study", "read", folder, "-o", "found.pdf", code=2)[2]


def test_alpha_is_that_of_krippendorffs_example():
    # Computing Krippendorff's Alpha-Reliability (2011), section C: four observers, twelve units, 0.743.
    observers = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    units = [
        [value for value in unit if value != "."] for unit in zip(*(row.split() for row in observers), strict=True)
    ]
    assert alpha([units]) == pytest.approx(0.743, abs=0.0005)
    assert alpha([[["a", "a"], ["b", "b"]]]) == 1
    assert alpha([[["a"], ["b"]]]) is None
    assert alpha([units, units, [["a"]]]) == alpha([units])


@pytest.mark.parametrize("kind", ["fake", "pairs"])
def test_people_who_guess_do_not_agree_however_many_methods_there_are(answers, main, kind):
    rng = np.random.default_rng(0)
    shown = {"fake": ["real m0", "real m1", "real m2"], "pairs": ["m0 m1", "m0 m2", "m1 m2"]}[kind]
    people = []
    for number in range(60):
        trials = [trial(sides, int(rng.integers(2)), name) for sides in shown for name in range(4)]
        people.append(person(f"p{number}", *trials, GOOD, kind=kind))
        people[-1]["key"] = key(kind, ("A", "B", "C"))
    found = read(main, answers(*people))["alpha"]
    assert abs(found) < 0.05, "as chance would have it"  # 0.25 where chance may name a method that is not shown


def test_intervals_are_as_wide_as_theory_says():
    rng = np.random.default_rng(0)
    chosen = (rng.random(400) < 0.3).astype(int)
    low, high = percentile_interval(chosen.tolist(), [1] * 400, 0)
    deviation = (chosen.mean() * (1 - chosen.mean()) / 400) ** 0.5
    # 10,000 draws know an end of the interval to about 0.03 deviations.
    assert (high - low) / (2 * 1.96 * deviation) == pytest.approx(1, abs=0.05)
    assert percentile_interval([3], [4], 0) is None
    # Ten trials of one person are no ten people: where people are of one piece, their number counts.
    low, high = percentile_interval((10 * chosen[:40]).tolist(), [10] * 40, 0)
    deviation = (chosen[:40].mean() * (1 - chosen[:40].mean()) / 40) ** 0.5
    assert (high - low) / (2 * 1.96 * deviation) == pytest.approx(1, abs=0.1)


def test_p_values():
    assert more_than_chance([1, 1, 1, -1], 0) == 10 / 16, "2 or more away from 0: 4 + 4 + 1 + 1 of 16"
    assert more_than_chance([], 0) == 1
    many = more_than_chance([1] * 18 + [-1] * 7, 0)
    # Of 25 signs: twice the binomial's tail from 18 on, 0.0433; 10,000 draws have a deviation of 0.002.
    assert many == pytest.approx(0.0433, abs=0.008)
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_the_page_is_written_where_nobody_reads_the_table(answers, tmp_path, monkeypatch):
    from gantool.cli.main import main as gantool

    folder = answers(person("p1", trial("m0 m1", 0, 1), GOOD), person("p2", trial("m0 m1", 0, 2), GOOD))
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as gone:
        monkeypatch.setattr("sys.stdout", gone)
        monkeypatch.setattr("os.dup2", lambda *streams: None)  # it would close the tests' own stdout
        with pytest.raises(SystemExit) as ended:
            gantool(["study", "read", str(folder), "-o", str(tmp_path / "x.html")])
        monkeypatch.undo()
        with suppress(BrokenPipeError):
            gone.close()
    assert ended.value.code == 141
    assert "<svg" in (tmp_path / "x.html").read_text()
