"""Official UNIT files become runs that translate as the authors' networks do; those of its first code are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gantool.runs import checkpoint

from .imports import import_files
from .test_munit import Discriminator, assert_judges, assert_same, content_encoder, decoder, picture, refused, write
from .test_munit import Generator as MunitGenerator


class Generator(nn.Module):
    def __init__(
        self, channels: int = 3, width: int = 4, down: int = 2, count: int = 2, act: str = "relu", norm: str = "in"
    ) -> None:
        super().__init__()
        self.enc = content_encoder(channels, width, down, count, act, norm)
        self.dec = decoder(channels, width, down, count, act, norm)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("settings", "dropped"),
    [
        ({}, 0),
        ({"down": 1, "count": 3, "act": "prelu"}, 0),
        # Three statistics of 3 + 4 norms in the encoder and 4 in the decoder, in both domains.
        ({"norm": "in with statistics"}, 2 * 3 * 11),
        ({"norm": "in with statistics", "down": 1, "count": 1}, 2 * 3 * 6),
    ],
)
def test_generators(tmp_path: Path, settings: dict, dropped: int) -> None:
    a, b = Generator(**settings), Generator(**settings)
    report = import_files([write(tmp_path, "gen", a, b)], tmp_path / "run")
    assert report.model == "unit"
    assert (report.options.downsample, report.options.blocks) == (settings.get("down", 2), settings.get("count", 2))
    assert report.options.activation == settings.get("act", "relu")
    assert len(report.dropped) == dropped
    _, model = checkpoint.load_model(report.weights)
    x = picture()
    with torch.no_grad():
        assert_same(model.translate(x, source=0, target=1), b.dec(a.enc(x)))
        assert_same(model.translate(x, source=1, target=0), a.dec(b.enc(x)))


def test_discriminators_come_along_for_further_training(tmp_path: Path) -> None:
    a, b = Discriminator(norm="ln"), Discriminator(norm="ln")
    files = [write(tmp_path, "gen", Generator(), Generator()), write(tmp_path, "dis", a, b)]
    report = import_files(files, tmp_path / "run", domains=("game", "street"))
    assert (report.model, report.options.d_norm) == ("unit", "layer")
    assert report.spec.domains == ("game", "street")
    assert_judges(report, a, b)


def test_munits_files_are_not_units(tmp_path: Path) -> None:
    file = write(tmp_path, "gen", MunitGenerator(), MunitGenerator())
    refused([file], tmp_path / "run", "no files of unit", model="unit")
    assert import_files([file], tmp_path / "run").model == "munit"


def test_files_of_the_first_code_are_refused(tmp_path: Path) -> None:
    parts = ("encode_A", "encode_B", "enc_shared", "dec_shared", "decode_A", "decode_B")
    old: dict[str, Tensor] = {f"{part}.0.model.0.weight": torch.zeros(4, 3, 5, 5) for part in parts}
    file = tmp_path / "cat2tiger_gen_00500000.pkl"
    torch.save(old, file)
    refused([file], tmp_path / "run", str(file), "UNIT's first code", "version_02")
