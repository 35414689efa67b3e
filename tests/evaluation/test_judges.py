"""The files of networks that measure: all of them are looked at before anything else is done."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gantool.errors import CheckpointError, DataError, UsageError
from gantool.evaluation.how import How
from gantool.evaluation.inception_score import inception_score
from gantool.evaluation.judges import load_judges
from gantool.evaluation.measure import measure
from gantool.evaluation.networks.classifier import class_probabilities, load_classifier
from tests.conftest import draw

CPU = torch.device("cpu")


def pictures(count: int, seed: int, side: int = 40) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, side, side, 3)).astype(np.uint8))


def test_a_file_that_is_not_there_is_told_with_what_to_do(tmp_path):
    nothing = tmp_path / "none.pth"
    for given, needed in [
        ({"inception": nothing}, "pt_inception-2015-12-05"),
        ({"lpips": (nothing, nothing)}, "alexnet-owt"),
        ({"classifier": nothing}, "Inception v3"),
    ]:
        with pytest.raises(UsageError, match=f"there is no file {nothing}: .*{needed}.* fetch it first"):
            load_judges(**given)


def test_the_command_looks_at_the_files_before_it_translates(main, tmp_path, lpips_file):
    draw(tmp_path / "a", 1, seed=1)  # too few for FID, which would be the next complaint
    (tmp_path / "empty").mkdir()
    assert main("eval", "a", "a", "--inception", "none.pth", code=2)[2].startswith("error: there is no file none.pth: ")
    assert "not the Inception weights of FID" in main("eval", "a", "a", "--inception", lpips_file, code=4)[2]
    assert "no Inception v3 classifier" in main("eval", "a", "a", "--classifier", lpips_file, code=4)[2]
    assert "there is no file b" in main("eval", "a", "a", "--lpips", f"{lpips_file},b", code=2)[2]
    assert "holds no picture" in main("eval", "a", "empty", "--lpips", lpips_file, code=3)[2]


def test_lpips_of_pairs(lpips_file):
    judges = load_judges(lpips=(lpips_file, lpips_file))
    real, fake = pictures(3, seed=1), pictures(2, seed=2)
    found = measure(real, fake, pairs=[(1, 0), (2, 1)], how=How(judges=judges))
    expected = [
        float(judges.lpips(*(torch.from_numpy(one).permute(2, 0, 1)[None] / 127.5 - 1 for one in pair)))
        for pair in ((real[1], fake[0]), (real[2], fake[1]))
    ]
    # Values are divided in another order: 1e-7 of differences of 0.1 and more.
    assert found.metrics["lpips"] == pytest.approx(sum(expected) / 2, rel=1e-5)
    assert found.metrics["lpips"] > 0.01
    assert "both.pth" in found.protocol["weights"]["lpips"]
    assert measure(real, real, pairs=[(0, 0)], how=How(judges=judges)).metrics["lpips"] == 0
    with pytest.raises(DataError, match=r"at least 31 pixels a side, not 30x30: enlarge them with size$"):
        measure(real, fake, pairs=[(1, 0)], how=How(judges=judges, size=30))


def test_inception_scores_need_a_classifier(classifier_file):
    network = load_classifier(classifier_file)
    fake = pictures(5, seed=2)
    table = class_probabilities(fake, network, device=CPU, batch=2)
    assert table.shape == (5, 3)
    np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-6)  # float32's rounding
    found = measure(pictures(2, seed=1), fake, how=How(judges=load_judges(classifier=classifier_file)))
    # Another batch: 1e-6 apart.
    assert found.metrics["is"] == pytest.approx(inception_score(table).score, rel=1e-4)
    assert found.metrics["is"] == pytest.approx(np.exp(found.metrics["is_kl"]))
    assert found.metrics["is"] > 1


def test_the_classifiers_average_counts_the_padding_and_its_last_block_averages(classifier_file):
    network = load_classifier(classifier_file)
    x = torch.rand(1, 2048, 5, 5, generator=torch.Generator().manual_seed(1))
    padded = F.pad(x, (1, 1, 1, 1))
    pooled = sum(padded[:, :, i : i + 5, j : j + 5] for i in range(3) for j in range(3)) / 9
    block = network.Mixed_7c
    with torch.inference_mode():
        expected = block.branch_pool(pooled)
        found = block(x)[:, -expected.shape[1] :]
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=0)  # nine values in another order: 1e-6 of up to 3


def test_a_file_of_other_networks_is_refused(tmp_path, state):
    torch.save({**state, "fc.weight": torch.zeros(7, 100)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"fc\.weight is not \(classes, 2048\)"):
        load_classifier(tmp_path / "other.pth")
