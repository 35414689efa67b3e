"""A whole evaluation of arrays: which metrics there are, and whether the protocol is true."""

from __future__ import annotations

import json
import math
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from gantool.errors import DataError, UsageError
from gantool.evaluation import pixels
from gantool.evaluation.fid import fid
from gantool.evaluation.how import How
from gantool.evaluation.inception_score import inception_score
from gantool.evaluation.judges import load_judges
from gantool.evaluation.kid import kid
from gantool.evaluation.manifold import manifold
from gantool.evaluation.measure import measure
from gantool.evaluation.networks.inception import inception_features
from gantool.evaluation.pictures import Once
from gantool.evaluation.subsets import Subsets


def pictures(count: int, seed: int, height: int = 16, width: int = 16) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, height, width, 3)).astype(np.uint8))


def test_pairs_are_compared_by_their_indices():
    real, fake = pictures(4, seed=1), pictures(3, seed=2)
    pairs = [(3, 0), (0, 1), (1, 2)]
    result = measure(real, fake, pairs=pairs)
    expected = [pixels.psnr(real[i] / 255, fake[j] / 255) for i, j in pairs]
    assert result.metrics["psnr"] == pytest.approx(sum(expected) / 3)
    assert result.metrics["l1"] == pytest.approx(np.mean([pixels.l1(real[i] / 255, fake[j] / 255) for i, j in pairs]))
    assert result.metrics["ssim"] == pytest.approx(
        np.mean([pixels.ssim(real[i] / 255, fake[j] / 255) for i, j in pairs])
    )
    assert list(result.metrics) == ["psnr", "ssim", "l1", "swd", "swd_16x16"]
    assert result.protocol["paired"]["pairs"] == 3
    assert (result.protocol["real"]["pictures"], result.protocol["fake"]["pictures"]) == (4, 3)


def test_without_pairs_there_is_no_paired_metric():
    result = measure(pictures(4, seed=1), pictures(3, seed=2))
    assert list(result.metrics) == ["swd", "swd_16x16"]
    assert "paired" not in result.protocol


def test_equal_pictures_have_infinite_psnr_which_json_shows_as_null_and_means_leave_out():
    some = pictures(2, seed=1)
    result = measure(some, some, pairs=[(0, 0), (1, 1)])
    assert result.metrics["psnr"] == math.inf
    assert (result.metrics["ssim"], result.metrics["l1"], result.metrics["swd"]) == (pytest.approx(1), 0, 0)
    assert json.loads(json.dumps(result.as_dict(), allow_nan=False))["psnr"] is None
    assert ("PSNR", "inf dB", "higher is better") in result.rows()
    mixed = measure(some, [some[0], 255 - some[1]], pairs=[(0, 0), (1, 1)])
    assert mixed.metrics["psnr"] == pytest.approx(pixels.psnr(some[1] / 255, 1 - some[1] / 255))
    assert "1 of 2 pairs are equal: PSNR is the mean over the others" in mixed.notes


def test_depth_and_grey_do_not_change_the_figures_but_are_stated():
    real, fake = pictures(3, seed=1), pictures(3, seed=2)
    pairs = [(0, 0), (1, 1), (2, 2)]
    deep = measure([picture.astype(np.uint16) * 257 for picture in real], fake, pairs=pairs)
    for name, value in measure(real, fake, pairs=pairs).metrics.items():
        # The places of SWD's neighbourhoods follow from the stored values: others of the same three pictures give a
        # distance that is 6 % off.
        assert deep.metrics[name] == pytest.approx(value, rel=0.1 if name.startswith("swd") else 1e-9)
    assert (deep.protocol["real"]["16 bit"], deep.protocol["fake"]["16 bit"]) == (3, 0)
    grey = [picture[..., :1] for picture in real]
    result = measure([picture.repeat(3, axis=2) for picture in grey], grey, pairs=pairs)
    assert result.metrics["l1"] == 0
    assert (result.protocol["real"]["grey"], result.protocol["fake"]["grey"]) == (0, 3)


def test_fakes_of_another_size_take_the_size_of_the_real_picture():
    real = [np.full((24, 20, 3), 200, np.uint8), *pictures(2, seed=1)]
    fake = [np.full((12, 10, 3), 100, np.uint8), *pictures(2, seed=1)]
    result = measure(real, fake, pairs=[(0, 0), (1, 1), (2, 2)])
    assert result.metrics["l1"] == pytest.approx(100 / 255 / 3)
    assert result.protocol["paired"]["fakes resized"] == 1
    assert result.protocol["swd"]["size"] == "16x16"  # the commonest
    assert result.protocol["swd"]["resized"] == {"real": 1, "fake": 1}
    assert result.protocol["real"]["size"] == "16x16, 1 of other sizes"
    assert "anti-aliasing" in result.protocol["resize"]


def test_shrinking_averages_instead_of_picking_pixels():
    stripes = np.zeros((48, 48, 3), np.uint8)
    stripes[:, ::3] = 255
    result = measure([np.full((16, 16, 3), 85, np.uint8)], [stripes], pairs=[(0, 0)])
    assert result.metrics["l1"] < 0.03


def test_size_brings_all_pictures_to_one_square():
    real, fake = pictures(2, seed=1, height=20), pictures(2, seed=1, height=20)
    result = measure(real, fake, pairs=[(0, 0), (1, 1)], how=How(size=32))
    assert result.metrics["l1"] == 0
    assert (result.protocol["size"], result.protocol["paired"]["fakes resized"]) == ("32x32", 2)
    assert [name for name in result.metrics if name.startswith("swd_")] == ["swd_32x32", "swd_16x16"]


def test_small_pictures_are_measured_with_a_smaller_window_and_the_notes_say_so():
    result = measure(pictures(1, seed=1, height=8), pictures(1, seed=2, height=8), pairs=[(0, 0)])
    assert "window 7x7" in result.protocol["paired"]["ssim"]
    assert any("smaller than the SSIM window of 11" in note for note in result.notes)


def test_kid_and_fid_come_with_the_weights_and_their_protocol(weights_file: Path):
    real, fake = pictures(3, seed=1), pictures(2, seed=2)
    stages = []
    judges = load_judges(inception=weights_file)
    how = How(judges=judges, size=20, seed=5, progress=lambda *stage: stages.append(stage[0]))
    result = measure(real, fake, groups={"cats": ([1, 2], [0, 1])}, how=how)
    network = judges.inception
    features = [inception_features(each, network, size=(20, 20), device=torch.device("cpu")) for each in (real, fake)]
    mean, deviation = kid(*features, seed=5)
    # The same batches of the same pictures, so the same bytes.
    assert result.metrics["fid"] == fid(*features)
    assert (result.metrics["kid"], result.metrics["kid_std"]) == (mean, deviation)
    assert result.metrics["coverage"] == manifold(*features).coverage
    cats = {"fid": fid(features[0][1:], features[1]), **manifold(features[0][1:], features[1])._asdict()}
    assert {"real": 2, "fake": 2, **cats}.items() <= result.classes["cats"].items()
    # The Inception score of the 1008 classes that the file knows, without their bias.
    shares = (torch.from_numpy(features[1]).double() @ network.fc.weight.double().T).softmax(dim=1)
    assert result.metrics["is"] == pytest.approx(inception_score(shares.numpy()).score)
    assert result.protocol["inception score"]["classes"] == 1008
    assert "is_10" not in result.metrics  # of two pictures
    assert (result.protocol["kid"]["subsets"], result.protocol["kid"]["subset_size"]) == (100, 2)
    (reading,) = [row[2] for row in result.rows() if row[0] == "FID"]
    assert reading.startswith("of 3 and 2 pictures: ")
    asked = measure(real, fake, how=How(judges=judges, size=20, seed=5, kid=Subsets(2, 1)))
    assert asked.metrics["kid"] == kid(*features, subsets=Subsets(2, 1), seed=5)[0] != mean
    with pytest.raises(UsageError, match="cats has 2 real and 1 fake pictures"):
        measure(real, fake, groups={"cats": ([1, 2], [0])}, how=How(judges=judges, kid=Subsets(2, 1)))
    assert result.protocol["weights"] == {"inception": {"weights.pth": sha256(weights_file.read_bytes()).hexdigest()}}
    assert "299x299 without anti-aliasing" in result.protocol["inception"]["resize"]
    assert any("use KID" in note for note in result.notes)
    assert {"Inception, real", "Inception, fake", "SWD, real"} <= set(stages)
    rows = [row[0] for row in result.rows()]
    names = ["KID", "KID deviation", "FID", "Precision", "Recall", "Density", "Coverage", "Inception score"]
    assert rows[rows.index("KID") :][: len(names)] == names


def test_figures_repeat_and_the_hash_knows_the_pictures_not_their_order():
    real, fake = pictures(4, seed=1), pictures(3, seed=2)
    first, again, turned = measure(real, fake), measure(real, fake), measure(real[::-1], fake)
    assert first == again
    assert measure(real, fake, how=How(seed=1)).metrics["swd"] != first.metrics["swd"]
    assert turned.protocol["real"]["blake2b"] == first.protocol["real"]["blake2b"]
    # Equal here; the colours are normalised by means that are summed in the order of the pictures.
    assert turned.metrics["swd"] == pytest.approx(first.metrics["swd"], rel=1e-5)
    changed = [real[0] ^ 1, *real[1:]]
    assert measure(changed, fake).protocol["real"]["blake2b"] != first.protocol["real"]["blake2b"]


def test_rows_of_the_protocol_name_everything():
    rows = dict(measure(pictures(1, seed=1), pictures(1, seed=2), how=How(seed=7)).protocol_rows())
    assert rows["seed"] == "7"
    assert rows["swd.directions"] == "512"
    assert rows["swd.pictures.fake"] == "1"
    assert rows["versions.torch"] == torch.__version__


def test_what_cannot_be_measured_is_refused(weights_file: Path):
    some = pictures(2, seed=1)
    with pytest.raises(DataError, match="at least one picture"):
        measure(some, [])
    with pytest.raises(DataError, match="at least two pictures"):
        measure(some, some[:1], how=How(judges=load_judges(inception=weights_file)))
    with pytest.raises(UsageError, match="size is 1 to 65535 pixels, not 0"):
        measure(some, some, how=How(size=0))
    with pytest.raises(UsageError, match=r"seed is 0 to .*, not -1"):
        measure(some, some, how=How(seed=-1))


class Read(list):
    """Pictures, and how often each was read."""

    def __init__(self, some: list[np.ndarray]) -> None:
        super().__init__(some)
        self.times = [0] * len(some)

    def __getitem__(self, index: int) -> np.ndarray:
        self.times[index] += 1
        return super().__getitem__(index)


def test_a_picture_is_read_once_where_there_is_memory():
    real, fake = Read(pictures(3, seed=1)), Read(pictures(2, seed=2))
    measure(real, fake, pairs=[(0, 0), (1, 1)])
    assert (real.times, fake.times) == ([1, 1, 1], [1, 1])
    room = Read(pictures(3, seed=1))
    some = Once(room, 2 * room[0].nbytes)  # two of three fit
    assert all(np.array_equal(some[index], room[index]) for _ in range(3) for index in range(3))
    assert room.times == [1 + 1 + 3, 1 + 3, 3 + 3]  # with the reads of this test
