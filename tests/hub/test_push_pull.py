"""Runs to the hub and back, against a stand-in of it on the loopback."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("huggingface_hub", reason='needs pip install "gantool[hub]"')

from huggingface_hub import get_session
from huggingface_hub.utils import http_backoff

import gantool
from gantool.errors import UsageError
from gantool.hub import connection
from gantool.runs import checkpoint, training_state
from gantool.runs.header import facts_of, read_facts
from gantool.runs.tensors import write_tensors
from tests.hub import stand_in
from tests.runs import TINY_CYCLEGAN


class Done(NamedTuple):
    stdout: str
    stderr: str


ALL = ("weights.safetensors", "state.safetensors")
REMEDY = "there: look at the network and at HF_ENDPOINT, and try again"


@pytest.fixture(scope="module")
def hub():
    with stand_in.running() as hub:
        yield hub


@pytest.fixture
def hubbed(hub, main, tmp_path, monkeypatch):
    """Runs a command beside the stand-in, with a cache of the test's own. `settings` are those of the hub's package."""
    from huggingface_hub import constants

    hub.repositories.clear()
    hub.requests.clear()
    hub.mute = ""
    ours = {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "HF_HUB_DISABLE_XET": True,
    }

    def run(*words, code=0, token=stand_in.TOKEN, **settings):
        monkeypatch.setenv("HF_TOKEN", token)
        for name, value in {**ours, "HF_HUB_OFFLINE": False, **settings}.items():
            monkeypatch.setattr(constants, name, value)
        _, out, err = main(*words, code=code)
        return Done(out, err)

    return run


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A run of a training, to be changed."""
    every = {"save_every": 1, "sample_every": 1}
    made = trained("cyclegan", preset=None, steps=2, **every, size=36, crop=32, set=TINY_CYCLEGAN)
    return Path(shutil.copytree(made, tmp_path / "run"))


def error(done) -> str:
    """The one line of an error."""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_a_run_goes_to_the_hub_and_comes_back_as_it_was(hubbed, hub, run, tmp_path):
    sent = hubbed("push", run, "me/horses", "--licence", "CC BY 4.0")
    assert sent.stdout == f"{hub.url}/me/horses\n"
    there = hub.repositories["me/horses"]
    assert set(there.files) == {"weights.safetensors", "README.md", "samples/00000002.png"}
    assert not there.private
    card = there.files["README.md"].decode()
    assert "license: cc-by-4.0\n" in card
    assert "--model hf://me/horses" in card
    assert str(tmp_path) not in card

    assert hubbed("pull", "me/horses", "back").stdout == "back\n"
    save = "checkpoints/00000002/weights.safetensors"
    assert (tmp_path / "back" / save).read_bytes() == (run / save).read_bytes()
    assert (tmp_path / "back/README.md").read_bytes() == there.files["README.md"]
    assert not list(tmp_path.glob(".back*"))
    hubbed("push", "back", "me/again")  # the card that came has more to say than what else is in the folder
    assert hub.repositories["me/again"].files["README.md"] == there.files["README.md"]


def test_python_sends_and_fetches_as_the_verbs_do(hubbed, hub, run, tmp_path):
    hubbed("push", run, "me/horses")
    assert gantool.push(run, "me/ponies", private=True, licence="MIT") == f"{hub.url}/me/ponies"
    there = hub.repositories["me/ponies"]
    assert there.private
    assert "license: mit\n" in there.files["README.md"].decode()
    assert gantool.pull("me/ponies", tmp_path / "back") == tmp_path / "back"
    assert gantool.pull("me/ponies") == "hf://me/ponies"
    translators = [gantool.load(name, device="cpu") for name in (run, tmp_path / "back", "hf://me/ponies")]
    assert len({translator.facts.sha256 for translator in translators}) == 1
    with pytest.raises(UsageError, match="USER/NAME"):
        gantool.push(run, "ponies")


def test_no_path_of_this_machine_goes_along_from_headers_that_hold_one(hubbed, hub, run):
    save = run / "checkpoints/00000002"
    header, tensors = checkpoint.read(save / "weights.safetensors")
    state = training_state.read(save / "state.safetensors", header)
    options = {**header.metadata["options"], "vgg": "/home/ann/secret/vgg19.pth"}
    facts = replace(facts_of(header), options=options, sha256="")
    sha256 = write_tensors(save / "weights.safetensors", tensors, facts.as_json())
    write_tensors(save / "state.safetensors", state, {"model": facts.model, "step": facts.step, "weights": sha256})
    before = (save / "weights.safetensors").read_bytes()
    assert "has the names of the files alone" in hubbed("push", run, "me/horses", "--with-training-state").stderr
    there = hub.repositories["me/horses"].files
    assert not [name for name, data in there.items() if b"/home/ann" in data or b"secret" in data]
    assert b"vgg19.pth" in there["weights.safetensors"]
    assert (save / "weights.safetensors").read_bytes() == before
    hubbed("pull", "me/horses", "back")  # checks that weights and state are whole, and of each other
    assert (
        read_facts(run.parent / "back/checkpoints/00000002/weights.safetensors").sha256 in there["README.md"].decode()
    )


def test_weights_are_fetched_once_and_only_where_a_person_names_them(hubbed, hub, run):
    hubbed("push", run, "me/horses", "--with-training-state")
    hub.repositories["me/horses"].files["evil.pkl"] = b"cos\nsystem\n"
    hub.requests.clear()
    first = hubbed("info", "hf://me/horses")
    (told,) = [line for line in first.stderr.splitlines() if line.startswith("fetching")]
    assert hub.url in told
    assert "kB" in told
    fetched = [one for one in hub.requests if one.startswith("GET /me/")]
    assert fetched == ["GET /me/horses/resolve/main/weights.safetensors"]
    hub.requests.clear()
    assert hubbed("info", "hf://me/horses").stdout == first.stdout
    assert not hub.requests
    hubbed("pull", "me/horses", "all")
    assert not any("evil" in one for one in hub.requests)
    assert not list((run.parent / "hub").rglob("*.pkl"))


@pytest.mark.usefixtures("hubbed")
def test_python_asks_no_network_but_by_pull(hub):
    from gantool.errors import CheckpointError
    from gantool.runs.find import find_weights

    with pytest.raises(CheckpointError, match=r"gantool.pull\(name='me/never-fetched@v1'\) fetches it"):
        find_weights("hf://me/never-fetched@v1")
    assert not hub.requests


def test_a_later_push_leaves_nothing_that_does_not_belong(hubbed, hub, run):
    earlier = run / "checkpoints/00000001"
    hubbed("push", earlier, "me/horses", "--with-training-state")
    there = hub.repositories["me/horses"]
    there.files["notes.txt"] = b"theirs"
    assert "state.safetensors" in there.files
    assert "samples/00000001.png" in there.files
    hubbed("push", run, "me/horses")
    assert set(there.files) == {"weights.safetensors", "README.md", "samples/00000002.png", "notes.txt"}


def test_no_card_that_a_person_changed_is_replaced(hubbed, hub, run):
    hubbed("push", run, "me/horses")
    there = hub.repositories["me/horses"]
    there.files["README.md"] = b"# Mine, of the web\n"
    assert "was changed on the hub, and stays" in hubbed("push", run, "me/horses").stderr
    assert there.files["README.md"] == b"# Mine, of the web\n"
    (run / "README.md").write_text("# Mine, of the disk\n")
    hubbed("push", run, "me/horses")
    assert there.files["README.md"] == b"# Mine, of the disk\n"
    assert "state the licence there" in error(hubbed("push", run, "me/horses", "--licence", "mit", code=2))


def test_no_card_that_changes_on_the_hub_while_a_push_is_on_its_way_is_replaced(hubbed, hub, run, monkeypatch):
    hubbed("push", run, "me/horses")
    there = hub.repositories["me/horses"]

    def edit(repository: stand_in.Repository) -> None:
        repository.files["README.md"], repository.commits = b"# Mine\n", repository.commits + 1

    monkeypatch.setattr(hub, "before_commit", edit)
    assert "error: me/horses was changed on the hub at" in hubbed("push", run, "me/horses", code=4).stderr
    assert there.files["README.md"] == b"# Mine\n"


def test_what_shall_be_private_is_never_public(hubbed, hub, run):
    hubbed("push", run, "me/open")
    before = dict(hub.repositories["me/open"].files)
    assert "public already" in error(hubbed("push", run / "checkpoints/00000001", "me/open", "--private", code=2))
    assert hub.repositories["me/open"].files == before
    hubbed("push", run, "me/closed", "--private")
    assert hub.repositories["me/closed"].private


@pytest.mark.parametrize(
    ("words", "settings", "code", "said"),
    [
        (("pull", "me/nothing"), {}, 4, "there is no me/nothing on the hub at http"),
        (("compare", "ours=hf://me/nothing", "a", "b"), {}, 4, "there is no me/nothing on the hub at http"),
        (("train", "cyclegan", "a", "--from", "hf://me/nothing"), {}, 4, "there is no me/nothing on the hub"),
        (("pull", "me/horses@v9"), {}, 4, "has no revision v9"),
        (("pull", "me/horses"), {"token": "hf_wrong"}, 4, "refuses your token"),
        (("push", "run", "me/horses"), {"token": "hf_wrong"}, 4, "refuses your token"),
        (("push", "run", "me/horses"), {"token": ""}, 4, "there is no token"),
        (("push", "run", "you/horses"), {}, 4, "does not let you write to you/horses"),
        (("pull", "me/kept"), {}, 4, "does not let you read me/kept"),
        (("pull", "me/horses"), {"ENDPOINT": "http://127.0.0.1:9"}, 4, f"http://127.0.0.1:9: nothing answers {REMEDY}"),
        (
            ("push", "run", "me/x"),
            {"ENDPOINT": "http://127.0.0.1:9"},
            4,
            f"http://127.0.0.1:9: nothing answers {REMEDY}",
        ),
        (
            ("pull", "me/horses"),
            {"ENDPOINT": "http://hub.invalid"},
            4,
            "the hub at http://hub.invalid: its name is not known: look",
        ),
        (("pull", "me/horses"), {"HF_HUB_OFFLINE": True}, 4, "HF_HUB_OFFLINE is set"),
        (("pull", "me/empty"), {}, 4, "holds no weights.safetensors"),
        (("pull", "../horses"), {}, 2, "is USER/NAME or USER/NAME@REVISION"),
        (("pull", "me/horses", "run"), {}, 2, "run exists already"),
        (("push", "hf://me/a", "me/b"), {}, 2, "is on the hub already"),
        (("push", "nowhere", "me/b"), {}, 4, "nowhere is no run folder"),
    ],
)
def test_what_goes_wrong_is_one_line(words, settings, code, said, hubbed, hub, run):
    hub.repositories["me/horses"] = stand_in.Repository(files={"weights.safetensors": b"x"})
    hub.repositories["me/empty"] = stand_in.Repository(files={"model.bin": b"x"})
    assert said in error(hubbed(*words, code=code, **settings))


@pytest.mark.parametrize("file", ALL)
def test_a_damaged_file_is_refused_and_not_kept(file, hubbed, hub, run, tmp_path):
    hubbed("push", run, "me/horses", "--with-training-state")
    whole = hub.repositories["me/horses"].files[file]
    hub.repositories["me/horses"].files[file] = whole[:-1] + bytes([whole[-1] ^ 1])
    done = hubbed("pull", "me/horses", "back", code=4)
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert f"hf://me/horses: {file} is damaged" in said
    assert "It is not kept" in said
    assert not (tmp_path / "back").exists()
    assert not list((tmp_path / "hub").rglob(file))
    hub.repositories["me/horses"].files[file] = whole
    hubbed("pull", "me/horses", "back")


def test_without_the_extra_it_is_said(main, run, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for words in (("pull", "me/x"), ("push", run, "me/x"), ("translate", "--model", "hf://me/x", "in", "out")):
        _, _, said = main(*words, code=2)
        assert said == 'error: runs on the hub need: pip install "gantool[hub]"\n'


@pytest.mark.parametrize("mute", ["/revision/main", "/repos/create", "/commit/main"])
def test_a_hub_that_accepts_and_never_answers_is_not_waited_for(hubbed, hub, run, monkeypatch, mute):
    hub.mute = mute
    monkeypatch.setattr(connection, "PATIENCE", 0.5)
    said = hubbed("push", run, "me/horses", code=4).stderr.splitlines()[-1]
    assert said.startswith(f"error: cannot reach the hub at {hub.url}: ")
    assert "it does not answer in time: look at the network" in said
    assert get_session().timeout.read is None, "as a caller had it"


def test_the_limit_holds_for_the_client_that_is_made_after_a_broken_connection():
    with connection.honest(connection.connect(), connection.Repository("me/horses")):
        begun = get_session()
        with pytest.raises(Exception, match="refused"):
            http_backoff("GET", "http://127.0.0.1:9", max_retries=0)
        assert get_session() is not begun
        assert get_session().timeout.read == connection.PATIENCE
    assert get_session().timeout.read is None
