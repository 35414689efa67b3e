"""Our figures against those of independent implementations, on the same features and pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gantool.evaluation import pixels
from gantool.evaluation.fid import fid
from gantool.evaluation.inception_score import inception_score, split_score
from gantool.evaluation.kid import _drawn, kid
from gantool.evaluation.manifold import manifold
from gantool.evaluation.networks import lpips as ours_lpips
from gantool.evaluation.networks.inception import Inception, load_inception
from gantool.evaluation.separability import decision, linear_svm
from gantool.evaluation.subsets import Subsets
from gantool.evaluation.swd import wasserstein_1d


def sets(real: int, fake: int, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of features that correlate, as those of networks do."""
    rng = np.random.default_rng(real * fake)
    mixed = rng.standard_normal((size, size)) / size**0.5
    first, second = (np.abs(rng.standard_normal((count, size)) @ mixed) for count in (real, fake))
    return first.astype(np.float32), (1.1 * second + 0.1).astype(np.float32)


@pytest.mark.parametrize(("real", "fake"), [(300, 200), (40, 50)])  # of fewer than 65 the covariances are singular
def test_fid_is_that_of_torch_fidelity_and_of_scipy(real, fake):
    from scipy.linalg import sqrtm
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    first, second = sets(real, fake)
    found = fid(first, second)
    each = [fid_features_to_statistics(torch.from_numpy(features).double()) for features in (first, second)]
    (theirs,) = fid_statistics_to_metric(*each, verbose=False).values()
    # Singular covariances: roots of eigenvalues that are rounding errors (1e-16) are 1e-8 each, in theirs.
    assert found == pytest.approx(theirs, rel=1e-9 if real > 64 else 1e-5)
    c1, c2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    mean = np.square(first.mean(0, np.float64) - second.mean(0, np.float64)).sum()
    assert found == pytest.approx(mean + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real), rel=1e-9 if real > 64 else 1e-5)


def test_kid_of_whole_sets_is_that_of_torch_fidelity():
    from torch_fidelity.metric_kid import kid_features_to_metric

    first, second = sets(120, 120)
    settings = {"kid_subsets": 1, "kid_subset_size": 120, "rng_seed": 0, "verbose": False}
    in_double = (torch.from_numpy(each).double() for each in (first, second))
    theirs = kid_features_to_metric(*in_double, **settings)
    mean, deviation = kid(first, second, subsets=Subsets(120, 1))
    assert mean == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert deviation is None


@pytest.mark.parametrize("subsets", [Subsets(30, 50), Subsets(10)])
def test_kid_over_subsets_and_blocks_is_that_of_torch_fidelity_over_the_same(subsets):
    from torch_fidelity.metric_kid import kernel_poly, mmd2

    first, second = (each.astype(np.float64) for each in sets(120, 120))  # theirs takes subsets of equal size
    theirs = []
    for some, others in _drawn(subsets, 120, 120, seed=5):
        x, y = first[some], second[others]
        theirs.append(mmd2(kernel_poly(x, x), kernel_poly(x, y), kernel_poly(y, y)))
    mean, deviation = kid(first, second, subsets=subsets, seed=5)
    assert mean == pytest.approx(np.mean(theirs), rel=1e-9)
    assert deviation == pytest.approx(np.std(theirs), rel=1e-9)


def test_kid_scatters_over_subsets_as_that_of_torch_fidelity():
    """Its own subsets are others: the means agree as far as chance has it, the deviations in kind."""
    from torch_fidelity.metric_kid import kid_features_to_metric

    first, second = sets(300, 250)
    settings = {"kid_subsets": 400, "kid_subset_size": 50, "rng_seed": 0, "verbose": False}
    theirs = kid_features_to_metric(torch.from_numpy(first), torch.from_numpy(second), **settings)
    mean, deviation = kid(first, second, subsets=Subsets(50, 400))
    error = deviation * (2 / 400) ** 0.5
    assert mean == pytest.approx(theirs["kernel_inception_distance_mean"], abs=4 * error)
    assert deviation == pytest.approx(theirs["kernel_inception_distance_std"], rel=0.2)


def test_inception_scores_are_those_of_torch_fidelity():
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = np.random.default_rng(0).standard_normal((200, 30)) * 3
    shares = torch.from_numpy(logits).softmax(dim=1).numpy()
    for parts in (1, 10):
        theirs = isc_features_to_metric(torch.from_numpy(logits), splits=parts, shuffle=False)
        mine = split_score(shares, parts)
        assert mine.mean == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
        assert mine.deviation == pytest.approx(theirs["inception_score_std"], rel=1e-6, abs=1e-12)
    assert inception_score(shares).score == pytest.approx(split_score(shares, 1).mean)


def test_precision_and_recall_are_those_of_torch_fidelity_and_of_prdc():
    from prdc import compute_prdc
    from torch_fidelity.metric_prc import prc_features_to_metric

    first, second = sets(120, 90, size=6)
    mine = manifold(first, second)
    settings = {"prc_neighborhood": 3, "prc_batch_size": 32, "verbose": False}
    theirs = prc_features_to_metric(torch.from_numpy(second), torch.from_numpy(first), **settings)  # fakes first
    assert mine.precision == pytest.approx(theirs["precision"])
    assert mine.recall == pytest.approx(theirs["recall"])
    assert 0.2 < mine.precision < 1
    three, five = (compute_prdc(first, second, nearest_k=k) for k in (3, 5))
    assert (mine.precision, mine.recall) == (pytest.approx(three["precision"]), pytest.approx(three["recall"]))
    assert (mine.density, mine.coverage) == (pytest.approx(five["density"]), pytest.approx(five["coverage"]))


@pytest.mark.parametrize("shape", [(40, 33, 3), (40, 33, 1), (11, 11, 3)])
def test_psnr_and_ssim_are_those_of_scikit_image(shape):
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    rng = np.random.default_rng(0)
    first = rng.random(shape)
    second = (first + rng.normal(0, 0.1, shape)).clip(0, 1)
    assert pixels.psnr(first, second) == pytest.approx(peak_signal_noise_ratio(first, second, data_range=1), rel=1e-12)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    theirs = structural_similarity(first, second, channel_axis=2, **settings)
    assert pixels.ssim(first, second) == pytest.approx(theirs, rel=1e-9)


def test_lpips_is_that_of_its_package(tmp_path):
    """With the package's heads; AlexNet's own weights, which would be downloaded, are random."""
    import lpips

    torch.manual_seed(0)
    theirs = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    content = {
        f"features.{name.split('.', 2)[2]}" if name.startswith("net.") else name: value
        for name, value in theirs.state_dict().items()
        if name.startswith(("net.", "lin"))
    }
    torch.save(content, tmp_path / "both.pth")
    mine = ours_lpips.load(tmp_path / "both.pth", tmp_path / "both.pth")
    first, second = torch.rand(2, 3, 3, 64, 48) * 2 - 1
    assert torch.allclose(mine(first, second), theirs(first, second).flatten(), rtol=1e-5)


def test_inception_features_and_classes_are_those_of_torch_fidelity(tmp_path):
    """Of pictures of 299 pixels: resizing is another matter, on which tools differ."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    torch.manual_seed(0)
    weights = {
        name: torch.randn_like(value) * (2 / value[0].numel()) ** 0.5 if name.endswith("conv.weight") else value
        for name, value in Inception().state_dict().items()
    }
    torch.save(weights, tmp_path / "weights.pth")
    wanted = ["2048", "logits_unbiased"]
    theirs = FeatureExtractorInceptionV3("inception", wanted, feature_extractor_weights_path=tmp_path / "weights.pth")
    pictures = torch.randint(0, 256, (2, 3, 299, 299), dtype=torch.uint8)
    features, logits = theirs(pictures)
    mine = load_inception(tmp_path / "weights.pth")
    with torch.inference_mode():
        found = mine((pictures.float() - 128) / 128)  # they take 0 to 255 as -1 to 0.992, we as -1 to 1
    assert torch.allclose(found, features, rtol=1e-4, atol=1e-4 * float(features.std()))
    assert torch.allclose(found @ mine.fc.weight.T, logits, rtol=1e-4, atol=1e-4 * float(logits.std()))


def test_one_line_s_distance_is_that_of_scipy():
    from scipy.stats import wasserstein_distance

    rng = np.random.default_rng(0)
    for counts in ((50, 50), (50, 35)):
        first, second = (rng.standard_normal((4, count)).astype(np.float32) for count in counts)
        theirs = [wasserstein_distance(one, other) for one, other in zip(first, second, strict=True)]
        assert wasserstein_1d(first, second) == pytest.approx(theirs, rel=1e-5)  # they add in single precision


def test_the_linear_machine_is_that_of_scikit_learn():
    from sklearn.svm import LinearSVC

    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 10))
    y = x @ rng.standard_normal(10) + rng.standard_normal(400) > 0.3
    theirs = LinearSVC(tol=1e-8, max_iter=100_000, dual=False).fit(x, y)
    assert decision(linear_svm(x, y), x) == pytest.approx(theirs.decision_function(x), rel=1e-4, abs=1e-5)
