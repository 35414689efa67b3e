"""Which pictures are translated and where results go, decided before any work is done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from gantool.direction import resolve, targets
from gantool.errors import DataError, UsageError
from gantool.inference.memory import available
from gantool.pictures.find import below
from gantool.spec import Direction, Pictures, Spec
from gantool.translation.distinct_names import folded, folds_names, named
from gantool.translation.inputs import Inputs, Source, find_inputs
from gantool.translation.naming import Naming, parted
from gantool.translation.outbox import Outbox, OutputRefusedError
from gantool.translation.outputs import find_outputs, parse_shard


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def found(*words: str, out: str | None = "out", stdin: bytes = b"") -> Inputs:
    return find_inputs(words, None if out is None else Path(out), lambda: stdin)


def planned(
    *words: str, out: str | None = "out", naming: Naming | None = None, stdin: bytes = b"", **more
) -> dict[str, str]:
    outputs = find_outputs(found(*words, out=out, stdin=stdin), out, naming or Naming(), **more)
    return {job.source.name: str(job.out) for job in outputs.jobs}


def test_a_folder_keeps_its_tree_its_names_and_the_extensions_that_can_be_written():
    touch("in/a.JPG", "in/x/y/b.c.png", "in/x/e.gif", "in/notes.txt", "in/.hidden.png")
    assert planned("in") == {
        "in/a.JPG": "out/a.JPG",
        "in/x/y/b.c.png": "out/x/y/b.c.png",
        "in/x/e.gif": "out/x/e.png",
    }
    assert planned("in", naming=Naming("webp", "_z"))["in/x/y/b.c.png"] == "out/x/y/b.c_z.webp"


def test_results_inside_the_input_folder_are_not_inputs():
    touch("in/a.png", "in/out/a.png", "in/outer/b.png")
    assert planned("in", out="in/out", existing="overwrite") == {
        "in/a.png": "in/out/a.png",
        "in/outer/b.png": "in/out/outer/b.png",
    }
    Path("link").symlink_to("in/out")
    assert len(planned("in", out="link", existing="overwrite")) == 2
    assert planned("in/outer", out="in") == {"in/outer/b.png": "in/b.png"}, (
        "results above the inputs are no reason to skip those"
    )


def test_the_input_folder_is_refused_as_output_unless_names_differ():
    touch("in/a.png", "in/b.png")
    with pytest.raises(UsageError, match="suffix"):
        planned("in", out="in")
    with pytest.raises(UsageError, match="suffix"):
        planned("in/a.png", out="in/../in")
    naming = Naming(suffix="_z")
    assert planned("in", out="in", naming=naming) == {"in/a.png": "in/a_z.png", "in/b.png": "in/b_z.png"}
    touch("in/a_z.png")
    outputs = find_outputs(found("in", out="in"), "in", naming)
    assert [job.source.name for job in outputs.jobs] == ["in/b.png"]
    assert (len(outputs.skipped), outputs.passed_over) == (1, 1)


def test_two_inputs_never_share_an_output():
    touch("in/a.gif", "in/a.jpg", "in/a.png", "in/b.psd.png", "x/a.jpg")
    assert planned("in") == {
        "in/a.gif": "out/a.gif.png",
        "in/a.jpg": "out/a.jpg",
        "in/a.png": "out/a.png",
        "in/b.psd.png": "out/b.psd.png",
    }
    assert planned("in", naming=Naming("png", "_z"), variants=["-1", "-2"], shard=(1, 1), existing="fail")  # no clash
    named = planned("in", naming=Naming("png", "_z"))
    assert [named[f"in/a.{ext}"] for ext in ("gif", "jpg", "png")] == [
        "out/a.gif_z.png",
        "out/a.jpg_z.png",
        "out/a_z.png",
    ]


@pytest.mark.parametrize("backwards", [False, True])
def test_names_go_on_until_one_is_free_whatever_the_order(backwards):
    touch("w/a.jpg", "w/a.png", "w/a.jpg.png", "w/a.gif", "w/a.gif.png", "x/w/a.jpg", "y/w/a.jpg")
    files = ["w/a.jpg", "w/a.png", "w/a.jpg.png", "w/a.gif", "w/a.gif.png"]
    if backwards:
        files.reverse()
    assert planned(*files, naming=Naming("png")) == {
        "w/a.png": "out/a.png",
        "w/a.jpg.png": "out/a.jpg.png",
        "w/a.gif.png": "out/a.gif.png",
        "w/a.jpg": "out/a.jpg.2.png",
        "w/a.gif": "out/a.gif.2.png",
    }
    places = ["w/a.jpg", "x/w/a.jpg", "y/w/a.jpg", os.path.abspath("w/a.jpg")]
    if backwards:
        places.reverse()
    found = planned(*places)
    assert sorted(map(str, found.values())) == sorted(
        [f"out/{Path.cwd().name}/w/a.jpg", "out/x/w/a.jpg", "out/y/w/a.jpg"]
    )


def test_names_differ_on_file_systems_that_do_not_see_case_or_composition():
    names = ["a.JPG", "a.jpg", "\u00e9.png", "e\u0301.png"]
    sources = [Source(Path("in") / name, name) for name in names]

    def stems(folds: bool) -> set[str]:
        given = named(
            sources, Naming(), [""], foreign=lambda source, name: False, blocked=lambda name: False, folds=folds
        )
        return {f"{given[source].stem}.{Naming().extension(source.relative)}" for source in sources}

    assert stems(False) == set(names)
    assert len({folded(name) for name in stems(True)}) == 4
    touch("Some.txt")
    assert folds_names(Path("new/er")) == Path("sOME.TXT").exists()


def test_variants_that_spell_each_others_names_are_told_apart():
    touch("in/x.png", "in/x.b.png")
    outputs = find_outputs(found("in"), "out", Naming(), variants=[".b.a", ".a"])
    outs = [str(job.out) for job in outputs.jobs]
    assert len(set(outs)) == 4


def test_results_with_the_inputs_extension_in_their_name_are_known_as_results():
    touch("in/a.gif", "in/a.png", "in/a.gif_z.png", "in/a_z.png")
    outputs = find_outputs(found("in", out="in"), "in", Naming(suffix="_z"))
    assert (len(outputs.jobs), len(outputs.skipped), outputs.passed_over) == (0, 2, 2)


def test_a_list_keeps_relative_paths_and_what_absolute_ones_do_not_share(tmp_path):
    touch("in/a.png", "in/x/b.png")
    Path("list.txt").write_text("in/a.png\r\n\nin/x/b.png\n")
    assert planned("@list.txt", "@list.txt") == planned("@list.txt"), "named twice is done once"
    assert list(planned("@list.txt").values()) == ["out/in/a.png", "out/in/x/b.png"]
    absolute = f"{tmp_path}/in/a.png\n{tmp_path}/in/x/b.png\n".encode()
    assert list(planned("@-", stdin=absolute).values()) == ["out/a.png", "out/x/b.png"]
    assert list(planned("@-", stdin=b"../in/a.png").values()) == ["out/a.png"]
    odd = os.fsdecode(b"in/\xff.png")
    assert planned("@-", stdin=b"in/\xff.png") == {odd: f"out/{odd}"}
    with pytest.raises(DataError, match="list on stdin is empty"):
        planned("@-", stdin=b"\n")
    with pytest.raises(DataError, match=r"missing\.txt"):
        planned("@missing.txt")


@pytest.mark.parametrize("path", ["a.png", "a", ".a", "..a", "a.", "a.b.png", "d.x/a", "d.x/.a", "d/a.b/c.d", "x/a..b"])
def test_extensions_are_what_pathlib_takes_for_them(path):
    stem, extension = parted(path)
    assert (stem, extension) == (str(PurePosixPath(path).with_suffix("")), PurePosixPath(path).suffix)


@pytest.mark.parametrize("folder", [".", "in", "./in/", "in/..", "/", "/tmp/in"])
def test_paths_below_a_folder_are_what_pathlib_says(folder):
    for path in ("a.png", "d/a.png"):
        assert below(Path(folder))(Path(folder) / path) == (Path(folder) / path).relative_to(folder).as_posix()


def test_one_picture():
    touch("y.jpg", "there.png")
    assert planned("y.jpg", out="new.png") == {"y.jpg": "new.png"}
    assert planned("y.jpg", out="new/") == planned("y.jpg", out="new") == {"y.jpg": "new/y.jpg"}
    assert planned("y.jpg", out=None) == {"y.jpg": "y.translated.png"}
    assert planned("y.jpg", out=None, naming=Naming("same", "_z")) == {"y.jpg": "y_z.jpg"}
    assert planned("y.jpg", out="-") == {"y.jpg": "None"}, "stdout has no path"
    assert planned("-", out=None) == planned("-", out="-") == {"stdin": "None"}
    assert planned("-", out="new.png") == {"stdin": "new.png"}
    assert planned("y.jpg", out="there.png", existing="overwrite") == {"y.jpg": "there.png"}
    assert planned("y.jpg", out="there.png", existing="skip") == {}
    for out, message in [("there.png", "overwrite replaces"), ("y.jpg", "input itself"), ("new.xyz", "choose one of")]:
        with pytest.raises(UsageError, match=message):
            planned("y.jpg", out=out)
    with pytest.raises(UsageError, match="names the file already"):
        planned("y.jpg", out="new.png", naming=Naming("jpg"))
    with pytest.raises(UsageError, match="has no name"):
        planned("-", out="folder/")
    with pytest.raises(UsageError, match=r", or gif with frames$"):
        Naming("xyz")
    with pytest.raises(UsageError, match=r", gif$"):
        Naming("xyz", frames=True)


def test_what_does_not_fit_together_is_refused():
    touch("in/a.png", "b.png", "c.png")
    for words, out, message in [
        (["in"], None, "need a folder"),
        (["in"], "-", "only one picture"),
        (["in"], "c.png", "is a file"),
        (["in/a.png", "b.png"], "new.png", "is a file"),
        (["-", "b.png"], "out", "stands alone"),
    ]:
        with pytest.raises(UsageError, match=message):
            planned(*words, out=out)
    with pytest.raises(DataError, match=r"nowhere.png does not exist"):
        planned("nowhere.png", "b.png")


def test_existing_results_are_skipped_replaced_or_refused():
    touch("in/a.png", "in/b.png", "out/a.png")
    assert list(planned("in")) == ["in/b.png"]
    assert len(planned("in", existing="overwrite")) == 2
    with pytest.raises(UsageError, match=r"out/a\.png exists already"):
        planned("in", existing="fail")


def test_shards_are_a_stable_partition():
    names = [f"in/{i // 7}/{i}.png" for i in range(60)]
    touch(*names)
    parts = [set(planned("in", shard=(i, 4))) for i in (1, 2, 3, 4)]
    assert set().union(*parts) == set(names)
    assert sum(map(len, parts)) == 60
    assert all(parts)
    touch("in/new.png")
    assert parts[0] <= set(planned("in", shard=(1, 4)))
    for wrong in ("0/4", "5/4", "1", "a/b", "1/0", "-1/3"):
        with pytest.raises(UsageError, match="shard wants i/n"):
            parse_shard(wrong)
    assert parse_shard("3/4") == (3, 4)


@dataclass(frozen=True)
class Weights:
    """What `resolve` asks of a model."""

    spec: Spec
    directions: tuple[Direction, ...]


def weights(*domains: str, only: tuple[str, str] | None = None, attributes: bool = False) -> Weights:
    """Weights that translate between all domains, or in `only` one direction."""
    pairs = [(one, other) for one in domains for other in domains if one != other] if only is None else [only]
    spec = Spec(domains, (Pictures(),) * len(domains), 32, attributes)
    return Weights(spec, tuple(Direction(*pair) for pair in pairs))


def test_domains_by_name_and_by_letter():
    two = weights("horses", "zebras")
    assert resolve(two) == resolve(two, "zebras") == resolve(two, "B") == resolve(two, "b") == ("horses", "zebras")
    assert resolve(two, "A") == resolve(two, "horses") == ("zebras", "horses")
    assert resolve(weights("b", "a"), "a") == ("b", "a"), "names come before letters"
    assert resolve(weights("x", "y", "z"), "z") == ("x", "z")
    assert resolve(weights("caf\u00e9", "bar"), "cafe\u0301") == ("bar", "caf\u00e9"), "accents in two spellings"
    with pytest.raises(
        UsageError, match=r'no domain "zebra"\. Did you mean zebras\? Domains: horses \(A\), zebras \(B\)'
    ):
        resolve(two, "zebra")


def test_a_domain_named_twice_is_one_target():
    three = weights("red", "green", "blue")
    assert targets(three, "red,red") == [("green", "red")]
    assert targets(three, "blue,A,red, C") == [("red", "blue"), ("green", "red")]


def test_all_is_one_result_a_domain():
    assert targets(weights("horses", "zebras"), "all") == [("zebras", "horses"), ("horses", "zebras")]
    assert targets(weights("horses", "zebras", only=("horses", "zebras")), "all") == [("horses", "zebras")]
    assert targets(weights("x", "y", "z"), "all") == [("y", "x"), ("x", "y"), ("x", "z")]


def test_among_more_than_two_domains_the_target_is_no_guess():
    for known in (weights("red", "green", "blue"), weights("Male", "Smiling", attributes=True)):
        with pytest.raises(UsageError) as found:
            targets(known, None)
        assert str(found.value) == f"say with to what the pictures shall become: {', '.join(known.spec.domains)}"
    assert targets(weights("red", "green", "blue", only=("red", "blue")), None) == [("red", "blue")]
    assert targets(weights("horses", "zebras"), None) == [("horses", "zebras")]


def test_weights_of_one_direction_say_so():
    back = weights("horses", "zebras", only=("zebras", "horses"))
    assert resolve(back) == resolve(back, "horses") == ("zebras", "horses")
    with pytest.raises(UsageError, match="only: zebras -> horses"):
        resolve(back, "zebras")


def test_some_memory_is_available():
    assert 10**7 < available("cpu") < 10**14


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_files_appear_whole_and_nothing_else_stays():
    out = Path("a/b")
    with Outbox(out) as outbox:
        outbox.write(out / "c/d.png", b"1")
        outbox.write(out / "c/d.png", b"2")
        with pytest.raises(DataError, match="cannot write a/b/c: Is a directory") as refused:
            outbox.write(out / "c", b"3")
        assert not isinstance(refused.value, OutputRefusedError)
    assert (out / "c/d.png").read_bytes() == b"2"
    assert hidden(out) == []


def test_results_may_be_taken_away_between_two_files():
    with Outbox(Path("out")) as outbox:
        for folder in ("out/c", "out"):
            outbox.write(Path("out/c/d.png"), b"1")
            shutil.rmtree(folder)
        outbox.write(Path("out/c/d.png"), b"2")
    assert Path("out/c/d.png").read_bytes() == b"2"
    assert hidden(Path("out")) == []


def test_what_a_killed_process_left_behind_is_removed_and_what_a_living_one_needs_is_not():
    child = (
        "import os, sys; from pathlib import Path; from gantool.translation.outbox import Outbox; Outbox(Path('out'))"
    )
    killed = subprocess.run([sys.executable, "-c", f"{child}; os.kill(os.getpid(), 9)"], check=False)
    assert killed.returncode == -9
    assert len(hidden(Path("out"))) == 1
    living = subprocess.Popen(
        [sys.executable, "-c", f"{child}; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with living:
        assert living.stdout is not None
        living.stdout.readline()
        with Outbox(Path("out")):
            assert sorted(name.rpartition("-")[2] for name in hidden(Path("out"))) == sorted(
                [str(living.pid), str(os.getpid())]
            )
        assert living.stdin is not None
        living.stdin.close()


def test_a_folder_that_cannot_be_written_is_refused_at_once():
    touch("file")
    for place in ("file", "file/below", "file/below/that"):
        with pytest.raises(OutputRefusedError, match=f"cannot write to {place}: file is a file"):
            Outbox(Path(place))
    with Outbox(Path("out")) as outbox:
        outbox.write(Path("out/a.png"), b"1")
        with pytest.raises(DataError, match=r"cannot write out/a.png/b.png: out/a.png is a file"):
            outbox.write(Path("out/a.png/b.png"), b"2")
    if os.getuid() != 0:
        Path("locked").mkdir(mode=0o500)
        with pytest.raises(OutputRefusedError, match="Permission denied"):
            Outbox(Path("locked"))
