"""The card of a run: what it says, what it keeps to itself, and that it leaves a person's words alone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

import gantool
from gantool.cli.common import spelled_flag
from gantool.errors import spelled
from gantool.report import card
from gantool.report.measures import Measured
from gantool.report.runlog import RunLog
from tests.runs import untrained


def spell(text: str) -> str:
    return spelled(text, spelled_flag)


def front(text: str) -> dict[str, object]:
    return yaml.safe_load(text.split("---\n")[1])


@pytest.fixture
def run(trained_tiny, tmp_path) -> Path:
    return Path(shutil.copytree(trained_tiny, tmp_path / "secret-place" / "run"))


def newest(run: Path) -> Path:
    return sorted(run.glob("checkpoints/*/weights.safetensors"))[-1]


def test_a_training_writes_a_card_that_makes_the_run_again(run, tmp_path):
    text = (run / "README.md").read_text()
    assert card.is_ours(text)
    assert front(text) == {
        "library_name": "gantool",
        "pipeline_tag": "image-to-image",
        "tags": ["gan", "cyclegan"],
    }
    assert "![Samples of step 2](samples/00000002.png)" in text
    assert (run / "samples/00000002.png").is_file()
    assert re.search(r"\| A \| \d+ \|\n\| B \| \d+ \|", text)
    assert card.write(run, newest(run), spell)
    text = (run / "README.md").read_text()
    assert f"gantool translate IN OUT --model {run}" in text
    stored = yaml.safe_load((run / "run.yaml").read_text())
    names = " ".join(Path(folder).name for folder in stored["data"])
    (made,) = re.findall("^gantool train .*$", text, re.M)
    assert made.startswith(f"gantool train cyclegan {names} ")
    for words in ("--steps 2", "--save-every 1", "--size 36", "--set width=4", "--set d_layers=1"):
        assert words in made
    assert stored["data"][0] not in text


def test_what_a_person_changed_stays(run, pictures, tmp_path):
    path = run / "README.md"
    changed = path.read_text().replace("# cyclegan", "# Horses")
    path.write_text(changed)
    assert not card.write(run, newest(run), spell)
    assert path.read_text() == changed
    path.write_bytes(b"\xff no text")
    assert not card.write(run, newest(run), spell)
    assert path.read_bytes() == b"\xff no text"
    path.unlink()
    assert card.write(run, newest(run), spell)


def test_no_path_is_in_it_beyond_its_last_name(run):
    settings = run / "run.yaml"
    stored = yaml.safe_load(settings.read_text())
    stored["validate"] = "/home/me/held back/val"
    stored["facts"]["sources"] |= {"validate": "validate", "options.init": "from_=/home/me/runs/first"}
    settings.write_text(yaml.safe_dump(stored))
    RunLog(run / "log.jsonl").append(
        2, {}, measured=Measured({"swd": 0.25}, {"swd": "lower"}, "/home/me/held (A: 4, B: 3)", "x", "swd").as_record()
    )
    text = card.text(run, newest(run), "hf://me/x", spell)
    assert "/home" not in text
    assert "held back/" not in text
    assert "--validate val" in text
    assert "--from first" in text
    assert "| swd | 0.25 | lower |" in text
    assert "held back: A: 4, B: 3." in text
    assert "by swd is that of step 2" in text


def test_licences_are_in_the_hubs_words_and_in_those_of_the_file(tmp_path):
    weights = untrained(tmp_path / "run", notes={"licence": "of its authors | <b>"})
    text = card.text(tmp_path / "run", weights, "M", spell)
    assert (front(text)["license"], front(text)["license_name"]) == ("other", "of-its-authors-b")
    assert "of its authors \\| \\<b\\>" in text
    text = card.text(tmp_path / "run", weights, "M", spell, licence="Apache-2.0")
    assert front(text)["license"] == "apache-2.0"
    assert "The weights file itself says: of its authors" in text


def test_names_cannot_leave_their_place(tmp_path):
    weights = untrained(tmp_path / "run", domains=("a`b", "[x](http:y)|<i>"))
    text = card.text(tmp_path / "run", weights, "runs/```", spell)
    assert "\\[x\\](http:y)\\|\\<i\\>" in text
    assert "````sh\ngantool translate IN OUT --model 'runs/```'\n````" in text


def test_models_of_noise_are_tagged_so(trained):
    run = trained("dcgan")
    text = card.text(run, newest(run), "M", spell)
    assert front(text)["pipeline_tag"] == "unconditional-image-generation"
    assert "gantool sample OUT --model M -n 16" in text


def test_python_reads_calls(tmp_path):
    weights = untrained(tmp_path / "run")
    text = card.text(tmp_path / "run", weights, "M", gantool.report.console.Console().words)
    assert "```python\ngantool.translate(inputs='IN', output='OUT', model='M')\n```" in text
