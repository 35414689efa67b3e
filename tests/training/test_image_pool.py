from __future__ import annotations

import torch
from torch import nn

from gantool.model import Progress
from gantool.training.image_pool import ImagePool
from gantool.training.run import TrainingRun


def run() -> TrainingRun:
    anybody = nn.Linear(1, 1)
    begun = TrainingRun(anybody, {"any": torch.optim.Adam(anybody.parameters())})
    begun.begin(Progress(0, 1), 1.0)
    return begun


def picture(value: float) -> torch.Tensor:
    return torch.full((1, 1, 2, 2), value)


def test_a_large_pool_keeps_its_order_in_a_save():
    pool = ImagePool(10_050)
    pool.images = [picture(float(i)) for i in range(10_050)]
    again = ImagePool(10_050)
    again.load_state_dict(dict(sorted(pool.state_dict().items())))  # a file has its keys in any order
    assert [image[0, 0, 0, 0].item() for image in again.images] == list(range(10_050))


def test_pictures_that_are_not_finite_come_out_and_never_come_back():
    pool, drawing = ImagePool(4), run()
    filling = pool(torch.cat([picture(1), picture(float("nan")), picture(2), picture(float("inf"))]), drawing)
    # They come out, so that the discriminator's loss is not finite either: that step is not applied.
    assert filling[1].isnan().all()
    assert filling[3].isinf().all()
    assert all(image.isfinite().all() for image in pool.images)
    for _ in range(40):
        pool(picture(float("nan")), drawing)
    assert {image[0, 0, 0, 0].item() for image in pool.images} == {1.0, 0.0, 2.0}
    for _ in range(40):
        pool(picture(3.0), drawing)
    assert {image[0, 0, 0, 0].item() for image in pool.images} == {3.0}
