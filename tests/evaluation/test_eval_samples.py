"""A model that makes pictures of noise measured: its pictures against real ones, by class, and along paths."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gantool.capabilities import Mixes, Reads, Samples, Translates
from gantool.data.layouts.captioned import captioned
from gantool.errors import DataError
from gantool.evaluation.attributes import classified, table_in
from gantool.evaluation.folders import compare_folders
from gantool.evaluation.samples import compare_samples
from gantool.model import Data, Model
from gantool.runs import checkpoint
from gantool.runs.find import find_weights
from gantool.spec import Pictures, Spec
from tests.conftest import draw
from tests.runs import save, untrained

SIDE = 32


class Noisy(Model, Samples):
    """Squares of the latent's colours: 4 x 4 of them, times `strength`."""

    contract = 2
    latent_size = 48
    truncates = "shrinks latents"

    @dataclass(frozen=True, kw_only=True)
    class Options:
        pass

    def __init__(self, options: object, spec: Spec) -> None:
        super().__init__(options, spec)
        self.strength = nn.Parameter(torch.tensor(0.25))

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        squares = (self.strength * truncation * latents).view(-1, 3, 4, 4)
        return squares.repeat_interleave(SIDE // 4, dim=2).repeat_interleave(SIDE // 4, dim=3).clamp(-1, 1)


class Plain(Noisy):
    """Without a truncation."""

    truncates = ""


class Both(Plain, Translates):
    """It translates, too."""

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        return images * self.strength


class Classy(Noisy):
    """Class number k makes pictures that are brighter by k / 4."""

    def __init__(self, options: object, spec: Spec) -> None:
        super().__init__(options, spec)
        self.label_size = len(spec.domains)

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        assert labels is not None
        brighter = labels @ torch.arange(float(self.label_size)) / 4
        return (super().sample(latents, truncation=truncation) + brighter.view(-1, 1, 1, 1)).clamp(-1, 1)


class Wordy(Noisy, Reads):
    """Longer words make brighter pictures."""

    label_size = 1

    @classmethod
    def data(cls, o: object) -> Data:
        return Data(captioned())

    def read(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor([[len(text) / 50] for text in texts])

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        assert labels is not None
        return (super().sample(latents) + labels[:, :, None, None]).clamp(-1, 1)


class Styled(Noisy, Mixes):
    """Styles are latents, each number squared: the last layer has them, the first has none."""

    style_shape = (2, 48)

    def styles(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        return torch.stack([torch.zeros_like(latents), latents.square()], dim=1)

    def of_styles(self, styles: Tensor) -> Tensor:
        return Noisy.sample(self, styles[:, 1])

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        return self.of_styles(self.styles(latents))


@pytest.fixture
def run(tmp_path, install_plugin):
    def saved(kind: type[Model] = Noisy, domains: tuple[str, ...] = ("pictures",)) -> Path:
        """A run of this model, whose plugin is called "noisy"."""
        install_plugin("noisy", f"{__name__}:{kind.__name__}")
        spec = Spec(domains, (Pictures(),) * len(domains), SIDE)
        save(tmp_path / "run", checkpoint.build_model(kind, kind.Options(), spec), "noisy")
        return tmp_path / "run"

    return saved


def test_the_pictures_measured_are_those_that_sample_writes(main, tmp_path, run):
    draw(tmp_path / "real", 5, seed=1, size=SIDE)
    words = ("-n", 4, "--seed", 3, "--truncation", 0.5)
    found = json.loads(main("eval", "-m", run(), "real", *words, "--json")[1])
    main("sample", "-m", "run", "made", *words)
    files = json.loads(main("eval", "real", "made", "--seed", 3, "--json")[1])
    assert {k: v for k, v in found.items() if "swd" in k} == {k: v for k, v in files.items() if "swd" in k}
    assert found["protocol"]["fake"]["blake2b"] == files["protocol"]["fake"]["blake2b"]
    assert found["protocol"]["fake"]["seeds"] == "3 to 6"
    assert found["protocol"]["fake"]["truncation"] == 0.5
    assert found["protocol"]["fake"]["pictures"] == 4


def test_as_many_are_made_as_there_are_real_ones_which_become_squares_of_the_models_size(main, tmp_path, run):
    run()
    main("sample", "-m", "run", "-n", 3, "real")
    for file in (tmp_path / "real").glob("*.png"):
        wide = Image.new("RGB", (2 * SIDE, SIDE), "red")
        wide.paste(Image.open(file), (SIDE // 2, 0))
        wide.save(file)
    found = compare_samples(find_weights("run"), [tmp_path / "real"])
    assert found.metrics["swd"] == 0
    assert found.protocol["real"]["blake2b"] == found.protocol["fake"]["blake2b"]
    draw(tmp_path / "real", 3, seed=1, size=100)
    found = compare_samples(find_weights("run"), [tmp_path / "real"])
    assert found.protocol["real"]["size"] == found.protocol["fake"]["size"] == "32x32"
    assert found.protocol["fake"]["pictures"] == 6
    assert found.protocol["real"]["prepared"] == "square, 32x32, from the middle, bicubic"


def test_what_is_not_measured_is_said_with_the_files_that_it_needs(main, tmp_path, run):
    draw(tmp_path / "real", 2, seed=1, size=SIDE)
    said = main("eval", "-m", run(), "real")[2]
    assert "FID, KID, precision, recall, density and coverage need --inception FILE" in said
    assert "path lengths need LPIPS of VGG-16, --lpips vgg16-397923af.pth,vgg.pth" in said
    noted = json.loads(main("eval", "-m", "run", "real", "--json")[1])["notes"]
    assert any("need --inception FILE" in note for note in noted)


def test_words_that_do_not_fit_are_answered(main, tmp_path, run):
    draw(tmp_path / "a", 2, seed=1, size=SIDE)
    run(Plain)
    untrained(tmp_path / "translator")

    def refused(*words: object) -> str:
        return main("eval", *words, code=2)[2]

    assert "noisy makes pictures of noise: name one folder, of real pictures, not 2" in refused("-m", "run", "a", "a")
    assert "noisy has no truncation: leave out --truncation" in refused("-m", "run", "a", "--truncation", 0.5)
    assert "with no choice of what it shows: leave out --to" in refused("-m", "run", "a", "--to", "cat")
    assert "-n is at least 2, not 1" in refused("-m", "run", "a", "-n", 1)
    assert "--faces is for path lengths, which need --lpips" in refused("-m", "run", "a", "--faces")
    assert "there is no file none.csv" in refused("-m", "run", "a", "--attributes", "none.csv")
    assert "takes a table (.csv), or classifiers (.onnx)" in refused("-m", "run", "a", "--attributes", "a/00.png")
    translator = "eval compares two folders, pictures to translate and real ones of what they become, not 1"
    assert translator in refused("-m", "translator", "a")
    noise = "cyclegan makes pictures of pictures, not of noise: leave out --faces"
    assert noise in refused("-m", "translator", "a", "a", "--faces")
    assert "--truncation goes with --model" in refused("a", "a", "--truncation", 0.5)


def test_one_that_can_do_both_translates_where_there_are_two_folders(main, tmp_path, run):
    draw(tmp_path / "a", 2, seed=1, size=SIDE)
    run(Both, ("A", "B"))
    assert "seeds" in json.loads(main("eval", "-m", "run", "a", "--json")[1])["protocol"]["fake"]
    assert json.loads(main("eval", "-m", "run", "a", "a", "--json")[1])["l1"] > 0


def test_each_class_is_measured_and_made_as_often_as_it_is_there(main, tmp_path, run):
    """Of three times as many dogs as cats three times as many are made."""
    run(Classy, ("cat", "dog", "owl"))
    main("sample", "-m", "run", "-n", 2, "--to", "cat", "real/cat")
    main("sample", "-m", "run", "-n", 6, "--to", "cat", "--seed", 10, "real/dog")  # as bright as cats, but dogs
    found = json.loads(main("eval", "-m", "run", "real", "--json")[1])
    assert list(found["classes"]) == ["cat", "dog"]
    assert [(found["classes"][name]["real"], found["classes"][name]["fake"]) for name in ("cat", "dog")] == [
        (2, 2),
        (6, 6),
    ]
    assert found["classes"]["cat"]["swd"] == 0  # the first seeds
    assert found["classes"]["dog"]["swd"] > 10
    assert "2 of 3" in found["protocol"]["fake"]["classes"]
    assert json.loads(main("eval", "-m", "run", "real", "-n", 4, "--json")[1])["classes"]["dog"]["fake"] == 3
    assert "too few pictures to measure by themselves: cat" in main("eval", "-m", "run", "real", "-n", 4)[2]
    table = main("eval", "-m", "run", "real")[1]
    assert any(line.split()[:3] == ["dog", "6", "6"] for line in table.splitlines())


def test_one_class_alone_and_all_in_turns(main, tmp_path, run):
    run(Classy, ("cat", "dog"))
    main("sample", "-m", "run", "-n", 4, "--to", "dog", "real/dog")
    draw(tmp_path / "real" / "cat", 3, seed=1, size=SIDE)
    for folder in ("real", "real/dog"):
        found = json.loads(main("eval", "-m", "run", folder, "--to", "dog", "--json")[1])
        assert found["swd"] == 0
        assert "classes" not in found
    main("sample", "-m", "run", "-n", 4, "mixed")
    found = json.loads(main("eval", "-m", "run", "mixed", "--json")[1])
    assert found["protocol"]["fake"]["classes"] == "all in turns"
    assert found["protocol"]["fake"]["blake2b"] == found["protocol"]["real"]["blake2b"]


def test_pictures_of_words_are_those_of_the_real_pictures_captions(main, tmp_path, run):
    """The first caption of the first picture with the first seed, and so on."""
    run(Wordy)
    draw(tmp_path / "real", 2, seed=1, size=SIDE)
    (tmp_path / "real" / "00.txt").write_text("a fish\na red fish\n")
    (tmp_path / "real" / "01.txt").write_text("one long and narrow bird\n")
    found = json.loads(main("eval", "-m", "run", "real", "-n", 3, "--json")[1])
    for seed, caption in enumerate(("a fish", "one long and narrow bird", "a red fish")):
        main("sample", "-m", "run", "--text", caption, "--seed", seed, f"made/{seed}.png")
    made = compare_folders(tmp_path / "made", tmp_path / "made")
    assert found["protocol"]["fake"]["blake2b"] == made.protocol["fake"]["blake2b"]
    assert found["protocol"]["fake"]["told by"] == "captions"
    np.save(tmp_path / "vectors.npy", np.zeros((2, 4), np.float32))
    assert "takes words, and vectors.npy describes" in main("eval", "-m", "run", "real", "vectors.npy", code=3)[2]


def test_path_lengths_come_with_lpips_of_vgg(main, tmp_path, run, vgg_file):
    draw(tmp_path / "real", 2, seed=1, size=SIDE)
    run(Styled)
    words = ("eval", "-m", "run", "real", "--lpips", vgg_file, "--json")
    found = json.loads(main(*words)[1])
    names = ("ppl_z_full", "ppl_z_end", "ppl_w_full", "ppl_w_end")
    assert all(found[name] > 0 for name in names)
    assert len({found[name] for name in names}) == 4
    assert found["protocol"]["path length"]["pairs"] == 2
    assert not any("path lengths" in note for note in found["notes"])
    middle = json.loads(main(*words, "--faces")[1])
    assert middle["protocol"]["path length"]["seen"].startswith("the face alone")
    assert middle["ppl_w_end"] != found["ppl_w_end"]


def table(path: Path, rows: dict[int, bool]) -> None:
    path.write_text("picture,bright\n" + "".join(f"seed{seed:04d}.png,{int(has)}\n" for seed, has in rows.items()))


def test_separability_by_a_table(main, tmp_path, run):
    """What is a plane in z costs nothing there; what is a plane among squares costs nothing in w."""
    draw(tmp_path / "real", 2, seed=1, size=SIDE)
    run(Styled)
    latents = {seed: np.random.RandomState(seed).standard_normal(48) for seed in range(400)}
    words = ("eval", "-m", "run", "real", "--attributes", "table.csv", "--json")
    table(tmp_path / "table.csv", {seed: z[0] > 0 for seed, z in latents.items()})
    found = json.loads(main(*words)[1])
    assert found["separability_z"] < 1.1 < 1.5 < found["separability_w"]
    table(tmp_path / "table.csv", {seed: z[0] ** 2 > 0.45 for seed, z in latents.items()})
    found = json.loads(main(*words)[1])
    assert found["separability_w"] < 1.1 < 1.5 < found["separability_z"]
    assert found["protocol"]["separability"]["pictures"] == 400


def test_a_table_that_is_none_is_told(tmp_path):
    for content, problem in [
        ("seed,bright\nfirst,1\n", '"first" is no seed'),
        ("seed,bright\n1,yes\n", "seed 1: there has to be a number for each attribute"),
        ("seed\n1\n", "holds no attributes"),
        ("", "no table of attributes"),
    ]:
        (tmp_path / "table.csv").write_text(content)
        with pytest.raises(DataError, match=problem):
            table_in(tmp_path / "table.csv")


def test_separability_by_a_classifier_counts_the_pictures_of_which_it_is_sure(main, tmp_path, run):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, "h", "w"])
    bright = helper.make_tensor_value_info("bright", TensorProto.FLOAT, ["n", 1, 1, 1])
    mean = helper.make_node("GlobalAveragePool", ["picture"], ["means"])
    red = helper.make_node("Conv", ["means", "red"], ["bright"])
    weight = helper.make_tensor("red", TensorProto.FLOAT, [1, 3, 1, 1], [1.0, 0.0, 0.0])
    graph = helper.make_graph([mean, red], "bright", [picture], [bright], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "red.onnx")
    draw(tmp_path / "real", 2, seed=1, size=SIDE)
    words = ("eval", "-m", run(), "real", "-n", 60, "--attributes", "red.onnx", "--json")
    found = json.loads(main(*words)[1])
    assert found["separability_z"] == pytest.approx(1)  # the mean of a picture's red is a plane in z
    assert "separability_w" not in found
    said = found["protocol"]["separability"]
    assert (said["attributes"], said["pictures"]) == ("red", 60)
    assert said["of these count"] == "the half of which the classifier is surest"
    pictures = list(np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype(np.uint8))
    one = classified(tmp_path / "red.onnx", pictures)
    red = np.array([picture[..., 0].mean() - 127.5 for picture in pictures])
    assert (one.has == (red > 0)).all()
    assert one.sure.sum() == 10
    assert np.abs(red[one.sure]).min() >= np.abs(red[~one.sure]).max()
    (tmp_path / "red.onnx").write_bytes(b"no")
    assert "red.onnx is no network in ONNX" in main(*words, code=4)[2]


def test_kid_over_subsets_that_there_are_not_is_refused_before_a_picture_is_made(main, tmp_path, run, weights_file):
    draw(tmp_path / "real", 2, seed=1, size=SIDE)
    run(Styled)
    words = ("eval", "-m", "run", "real", "--inception", weights_file)
    err = main(*words, "-n", 3, "--kid", "5x3", code=2)[2]
    assert "--kid 5x3: there are 2 real and 3 fake pictures. SIZE is at most 2 here" in err
    assert "sampling" not in err
    assert "--kid-source goes with --model of a translator" in main(*words, "--kid-source", code=2)[2]
    found = json.loads(main(*words, "--kid", "5x2", "-n", 3, "--json")[1])
    assert (found["protocol"]["kid"]["subsets"], found["protocol"]["kid"]["subset_size"]) == (5, 2)
    assert any("FID of fewer than 2048 pictures" in note for note in found["notes"])
