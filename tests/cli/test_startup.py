"""What the command line promises before any work: speed by not importing, few flags, completion, errors of one line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer.main

import gantool as package
from tests.conftest import TRAIN_TINY, draw
from tests.warm import REAL

HEAVY = ("torch", "numpy", "PIL", "safetensors.torch")

COMMANDS = [
    "--help",
    "--version",
    "train --help",
    "translate --help",
    "models",
    "models --json",
    "plugins",
    "plugins check cyclgan",
    "info run",
    "info run/checkpoints/00000002/weights.safetensors --json",
    "info nowhere",
    "train cyclegan a b --bathc 3",
]


@pytest.fixture
def run_folder(trained_tiny, tmp_path):
    """A folder with `run` in it."""
    (tmp_path / "run").symlink_to(trained_tiny)
    return tmp_path


def test_nothing_heavy_is_imported(run_folder):
    for line, (said, _, heavy) in zip(COMMANDS, answered(COMMANDS, run_folder), strict=True):
        assert heavy == "nothing", line
        assert "Traceback" not in said, line


WRONG = [
    "train cyclegan A B --device tpu",
    "train cyclegan A B --set device=cuda:x",
    "train cyclegan A B --time soon",
    "train cyclegan A B --preset no",
    "train cyclegan A B -o file/run",
    "train cyclegan A B --sweep lr=1,2",
    "train cyclegan A B -o sweep" + "".join(f" --sweep x{key}=0,1,2,3,4,5,6,7,8,9" for key in range(12)),
    "train cyclegan A B --sweep lr=1,2 -o run",
    "train cyclegan A B --sweep lr=1,2 -o sweep --shard 3/2",
    "translate --model run A out --device tpu",
    "translate --model run A out --to cats",
    "translate --model run A out --style random",
    "translate --model run A file/out",
    "translate --model run A/00.png file/out.png",
    "translate --model run A file/grid.png --grid",
    "data check --model cyclgan A B",
    "data check --model cyclegan A B --preset no",
    "data check --model cyclegan A B --set blokcs=3",
    "data check --model cyclegan A nowhere",
    "data check A B --aligned XY",
    "data pair A B out --format no",
    "data split A out --aligned XY",
    "eval A nowhere",
    "eval A empty",
    "eval --model run empty A",
    "eval A B --size 70000",
    "compare run nowhere B",
    "compare one=run two=run empty B",
    "sample interpolate --model noise --seeds 0 way.gif",
    "sample interpolate --model noise --seeds 0,1 file/way.gif",
    "sample mix --model noise --rows 0 --columns 1 m.png",
    "sample project --model noise nowhere.png x.npz",
    "sample project --model noise A/00.png x.txt",
    "eval A B --device tpu",
    "eval A B --inception nowhere",
    "eval A B --lpips nowhere",
    "eval A B --classifier nowhere",
    "eval A B -n 3",
    "eval --model run A B -n 3",
    "eval --model run A B --to cats",
    "export --model run m.onnx --to cats",
    "export --model run file/m.onnx",
    "import nowhere.pth -o new",
    "import file -o new",
    "import file -o run",
    "import file -o new --model cyclgan",
    "import file -o new --domains A,A",
    "demo -o run",
    "demo -o file/run",
]

LOOK_AT_EACH = f"""
import sys
from gantool.cli.main import main
for line in sys.stdin:
    try:
        main(line.split())
        code = 0
    except SystemExit as end:
        code = end.code
    heavy = ",".join(m for m in {HEAVY!r} if m in sys.modules) or "nothing"
    sys.stderr.write(f"\\nENDED {{code}} {{heavy}} {{line}}")
"""


def answered(lines: list[str], folder: Path, *, before: Sequence[str | Path] = ()) -> list[list[str]]:
    """[error, exit code, what is imported of `HEAVY`] of each command, all in one process. `before` starts that."""
    done = subprocess.run(
        [*before, sys.executable, "-c", LOOK_AT_EACH],
        input="\n".join(lines),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    parts = re.split(r"\nENDED (\w+) (\S+) (.*)\n?", done.stderr)
    found = [parts[i : i + 4] for i in range(0, len(parts) - 1, 4)]
    assert [line for *_, line in found] == lines, done.stderr
    return [[said.strip(), code, heavy] for said, code, heavy, _ in found]


def test_wrong_words_are_answered_without_torch(run_folder, pictures, trained):
    """In one process: once torch is imported, all commands behind have it."""
    (run_folder / "noise").symlink_to(trained("dcgan"))
    (run_folder / "empty").mkdir()
    for name, folder in zip("AB", pictures, strict=True):
        (run_folder / name).symlink_to(folder)
    (run_folder / "file").write_text("neither a folder nor a checkpoint")
    for line, (said, code, heavy) in zip(WRONG, answered(WRONG, run_folder), strict=True):
        assert ("torch" in heavy.split(","), code in ("2", "3", "4")) == (False, True), (line, said)
        assert said.startswith("error: "), (line, said)
        assert len(said.splitlines()) == 1, (line, said)


WRITING = [
    "translate --model run A {}/out",
    "translate --model run A {}/there",
    "translate --model run A/00.png {}/x.png",
    "translate --model run A {}/grid.png --grid",
    "train cyclegan A B -o {}/run",
    "data pair A B {}/pairs",
    "data split A {}/halves",
    "export --model run {}/m.pt2",
    "import weights.safetensors -o {}/run",
    "demo -o {}/run",
]


def refusals(folder: Path, place: str, before: Sequence[str | Path] = ()) -> list[str]:
    """What all verbs that write say of a place."""
    shutil.copy(next((folder / "run").glob("checkpoints/*/weights.safetensors")), folder)
    found = answered([line.format(place) for line in WRITING], folder, before=before)
    assert [code for _, code, _ in found] == ["3"] * len(WRITING), found
    assert not [heavy for *_, heavy in found if "torch" in heavy.split(",")], found
    return [said for said, *_ in found]


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system of its own")
def test_a_read_only_file_system_is_named_by_every_verb_that_writes(run_folder, pictures, tmp_path):
    for name, folder in zip("AB", pictures, strict=True):
        (run_folder / name).symlink_to(folder)
    (run_folder / "disk").mkdir()
    mount = "mount -t tmpfs none disk && mkdir disk/there && mount -o remount,ro disk"
    before = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    if subprocess.run([*before, "true"], cwd=run_folder, capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount")
    for line, said in zip(WRITING, refusals(run_folder, "disk", before), strict=True):
        assert said.startswith("error: cannot write "), (line, said)
        assert said.endswith(" is on a read-only file system"), (line, said)


@pytest.mark.skipif(sys.platform == "win32", reason="a folder's mode is POSIX")
def test_a_folder_without_permission_is_named_by_every_verb_that_writes(run_folder, pictures):
    for name, folder in zip("AB", pictures, strict=True):
        (run_folder / name).symlink_to(folder)
    (run_folder / "mine/there").mkdir(parents=True)
    for folder in ("mine/there", "mine"):
        (run_folder / folder).chmod(0o555)
    before: list[str] = []
    if os.access(run_folder / "mine", os.W_OK):  # root
        before = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
        if shutil.which("setpriv") is None or subprocess.run([*before, "true"], check=False).returncode:
            pytest.skip("root may write everywhere")
    for line, said in zip(WRITING, refusals(run_folder, "mine", before), strict=True):
        assert "no permission to write to " in said, (line, said)


COMPLETIONS = {
    "gantool train cyc": "cyclegan",
    "gantool train cyclegan --preset sm": "smoke",
    "gantool translate --model run": None,
    "gantool translate --model run --to ": "B",
    "gantool info cyc": "cyclegan",
    "gantool runs ": "show",
    "gantool runs s": "show",
    "gantool sample m": "mix",
    "gantool runs rm r": "runs/mine",
}
"""What a person has typed, and one of the words that Tab offers."""

COMPLETE_EACH = f"""
import os, sys
from gantool.cli.main import main
os.environ["_GANTOOL_COMPLETE"] = "complete_bash"
for line in sys.stdin.read().splitlines():
    os.environ.update(COMP_WORDS=line, COMP_CWORD=str(len(line.split(" ")) - 1))
    try:
        main([])
    except SystemExit:
        pass
    print("ENDED", *(m for m in {HEAVY!r} if m in sys.modules))
"""


def test_completion(run_folder):
    (run_folder / "runs").mkdir()
    (run_folder / "runs/mine").symlink_to(run_folder / "run")
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE_EACH],
        input="\n".join(COMPLETIONS),
        cwd=run_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.split(r"^ENDED(.*)\n", done.stdout, flags=re.M)
    assert len(found) == 2 * len(COMPLETIONS) + 1, done.stderr
    for (line, offered), words, heavy in zip(COMPLETIONS.items(), found[::2], found[1::2], strict=False):
        assert heavy == "", line
        assert offered is None or offered in words.split(), line


def flags() -> dict[str, list[str]]:
    from gantool.cli.main import app

    group = typer.main.get_command(app)
    found = {}
    for name, command in group.commands.items():
        for verb, leaf in getattr(command, "commands", {name: command}).items():
            found[verb] = sorted(
                p.opts[0] for p in leaf.params if p.param_type_name == "option" and p.name not in COMMON
            )
    return found


COMMON = ("json", "quiet", "verbose", "help")


def test_no_verb_has_more_than_25_flags():
    """Beside -q, -v, --json and --help, which all of them have. What a model can be told stays in --set."""
    for verb, names in flags().items():
        # translate has six for styles, four for odd files, four for films, and --exact, --jobs, --watch; train has five
        # on which save is best, two for sweeps, one for trackers
        limit = {"translate": 37, "train": 33}.get(verb, 25)
        assert len(names) <= limit, (verb, len(names), names)


def test_every_setting_has_its_flag():
    import dataclasses

    from gantool.training.settings import TrainSettings

    names = {name.lstrip("-").replace("-", "_") for name in flags()["train"]}
    assert {field.name for field in dataclasses.fields(TrainSettings)} - names == {"flip", "filter"}  # by --set


BUILD_EACH = """
import sys
from gantool import options, registry
from gantool.importing.table import imported
from gantool.runs.skeleton import skeleton
for name, entry in registry.plugins().items():
    kind = entry.load()
    chosen = options.restore(kind.Options, options.read_yaml(entry.presets()["smoke"])["options"], where=name)
    skeleton(kind, chosen, kind.data(chosen).spec(("A", "B"), 64), tensors=1000)
    print(name, "torch._dynamo" in sys.modules)
imported(registry.plugin("cyclegan").load(), (), {}, size=64)
print("imported", "torch._dynamo" in sys.modules)
"""


def test_no_weights_wait_for_torch_s_compiler():
    """It is imported in a second, by functions that nobody would take for it: here while networks are built."""
    done = subprocess.run([sys.executable, "-c", BUILD_EACH], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{name} False" for name in (*package.registry.plugins(), "imported")]


def test_version():
    """From a real start of the command."""
    done = subprocess.run([REAL / "gantool", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"gantool {package.__version__}\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "cyclgan", "trainA", "trainB"], 2, "cyclegan"),
        (["train", "cyclegan", "trainA", "trainB", "--track", "tensorbord"], 2, "Did you mean tensorboard?"),
        (["runs", "remove", "runs/mine"], 2, "It has: show, plot, diff, note, rm"),
        (["train", "cyclegan", "trainA", "nowhere"], 3, "nowhere"),
        (["train", "cyclegan", "trainA", "empty"], 3, "empty"),
        (["train", "cyclegan", "trainA"], 3, "trainA"),
        (["train", "cyclegan", "trainA", "trainB", "--set", "blokcs=3"], 2, "blocks"),
        (["train", "cyclegan", "trainA", "trainB", "-o", "file/run"], 3, "file/run"),
        (["train", "cyclegan", "trainA", "trainB", "--from", "foreign.safetensors"], 4, "foreign.safetensors"),
        (["train", "cyclegan", "trainA", "trainB", "--device", "tpu"], 2, "tpu"),
        (["translate", "--model", "nowhere", "trainA", "out"], 4, "nowhere"),
        (["translate", "--model", "foreign.safetensors", "trainA", "out"], 4, "foreign.safetensors"),
        (["info", "cut.safetensors"], 4, "cut.safetensors"),
        (["eval", "trainA", "nowhere"], 3, "nowhere"),
        (["eval", "trainA"], 2, "two folders"),
        (["export", "--model", "nowhere", "m.onnx"], 4, "nowhere"),
        (["import", "foreign.safetensors", "-o", "run"], 4, "foreign.safetensors"),
        (["import", "nowhere.pth", "-o", "run"], 4, "nowhere.pth"),
        (["data", "check", "trainA", "empty"], 3, "empty"),
        (["models", "cyclgan"], 2, "cyclegan"),
        (["plugins", "check", "cyclgan"], 2, "Did you mean cyclegan"),
        (["plugins", "check", "cyclegan", "nowhere"], 3, "nowhere"),
        (["plugins", "--json", "check", "cyclegan"], 2, "check NAME --json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_errors_are_one_line_with_a_code(main, pictures, tmp_path, words, code, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "foreign.safetensors").write_bytes(b'\x10\x00\x00\x00\x00\x00\x00\x00{"a": 1}        ')
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    _, out, err = main(*words, code=code)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, err
    assert said in lines[0]
    assert "Traceback" not in out + err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before, "something was written"


def test_verbose_errors_show_where(main, pictures):
    _, _, err = main("info", "nowhere", "-v", code=4)
    assert "Traceback" in err
    assert "error: " in err
    _, _, err = main("info", "nowhere", "-qq", code=4)
    assert err == ""


def test_json_lines_of_a_training(gantool, pictures):
    done = gantool("train", "cyclegan", "trainA", "trainB", "-o", "run", "--steps", "3", "--json", *TRAIN_TINY)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["event"] for event in events} == {"step", "sample", "saved", "done"}
    assert events[-1] == {"event": "done", "run": "run", "step": 3}
    losses = [event["losses"] for event in events if event["event"] == "step"]
    assert set(losses[-1]) >= {"gan_ab", "cycle_a", "d_b"}


@pytest.mark.parametrize("more", [[], ["--sweep", "lr=1e-4,2e-4"]], ids=["one run", "a sweep"])
def test_a_dry_run_refuses_a_folder_below_a_file_as_the_training_does(main, pictures, tmp_path, more):
    (tmp_path / "file").touch()
    line = ["train", "cyclegan", "trainA", "trainB", "-o", "file/run", *more]
    for words in (line, [*line, "--dry-run"]):
        assert main(*words, code=3)[2] == "error: cannot write to file/run: file is a file\n"


def test_a_dry_run_says_which_part_is_trained_on_and_measured(main, tmp_path):
    for seed, part in enumerate(("cat/train", "cat/test", "dog/train", "dog/test")):
        draw(tmp_path / "both" / part, 3, seed=seed)
    _, _, err = main("train", "dcgan", "both", "--preset", "smoke", "--validate", "both", "--dry-run")
    assert "of both 6 pictures are not trained on: cat/test, dog/test" in err
    assert "/both (both: 6)" in err
    assert "also trained on" not in err


def test_a_dry_run_says_where_each_value_is_from_and_writes_nothing(main, pictures, tmp_path):
    _, out, _ = main(
        "train", "cyclegan", "trainA", "trainB", "--preset", "smoke", "--batch", "2", "--set", "pool=9", "--dry-run"
    )
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert rows["steps"][-2:] == ["preset", "smoke"] or "20" in rows["steps"]
    assert rows["batch"] == ["2", "--batch"]
    assert rows["options.pool"] == ["9", "--set"]
    assert rows["options.cycle_a"] == ["10.0", "default"]
    assert not (tmp_path / "runs").exists()


def test_time_limit_ends_with_75_and_the_same_command_goes_on(main, pictures):
    command = ["train", "cyclegan", "trainA", "trainB", "-o", "run", "--resume", "--steps", "100000", *TRAIN_TINY]
    _, _, err = main(*command, "--time", "1s", code=75)
    assert "--resume" in err
    _, _, err = main(*command, "--time", "1s", code=75)
    assert "continuing run after step" in err
