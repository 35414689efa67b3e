from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gantool.report.grids import BACKGROUND, GAP, HEADER, INK, grid, png


def flat(height: int, width: int, *color: int) -> np.ndarray:
    return np.full((height, width, len(color)), color, np.uint8)


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def test_cells_stand_pixel_for_pixel_with_gaps_between():
    rng = np.random.default_rng(0)
    cells = [[rng.integers(0, 256, (5, 7, 3), np.uint8) for _ in range(3)] for _ in range(2)]
    sheet = np.asarray(grid(cells))
    assert sheet.shape == (GAP + 2 * (5 + GAP), GAP + 3 * (7 + GAP), 3)
    for r in range(2):
        for c in range(3):
            top, left = GAP + r * (5 + GAP), GAP + c * (7 + GAP)
            assert (sheet[top : top + 5, left : left + 7] == cells[r][c]).all()
            sheet = sheet.copy()
            sheet[top : top + 5, left : left + 7] = BACKGROUND
    assert (sheet == BACKGROUND).all()


def test_smaller_pictures_stand_in_the_middle_of_their_cell():
    sheet = np.asarray(grid([[flat(8, 10, *RED), flat(4, 6, *GREEN)], [flat(2, 4, *BLUE)]]))
    assert sheet.shape == (GAP + 8 + GAP + 2 + GAP, GAP + 10 + GAP + 6 + GAP, 3)
    rows, columns = np.nonzero((sheet == GREEN).all(2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (GAP + 2, GAP + 5, 2 * GAP + 10, 2 * GAP + 15)
    rows, columns = np.nonzero((sheet == BLUE).all(2))
    assert (rows.min(), columns.min(), columns.max()) == (2 * GAP + 8, GAP + 3, GAP + 6)


def test_labels_stand_above_their_columns_and_widen_narrow_ones():
    cells = [[flat(20, 100, *RED), flat(20, 3, *GREEN)]]
    sheet = np.asarray(grid(cells, ["A", "a rather long label"]))
    assert sheet.shape[0] == GAP + HEADER + 20 + GAP
    assert sheet.shape[1] > 3 * GAP + 100 + 50
    ink = (np.abs(sheet[: GAP + HEADER].astype(int) - INK).sum(2) < 150).any(0)
    columns = np.nonzero(ink)[0]
    first, second = columns[columns < GAP + 100], columns[columns > GAP + 100]
    assert abs(first.mean() - (GAP + 50)) < 4, "the label is centred"
    assert second.max() < sheet.shape[1], "the label is not cut off"
    assert (sheet[GAP + HEADER :] == RED).all(2).sum() == 2000, "no label covers a picture"


def test_grey_and_transparent_pictures():
    half = np.concatenate([flat(2, 2, 10, 20, 30, 255), flat(2, 2, 10, 20, 30, 0)], axis=1)
    sheet = np.asarray(grid([[flat(2, 2, 77), half]]))
    assert tuple(sheet[GAP, GAP]) == (77, 77, 77)
    assert tuple(sheet[GAP, 2 * GAP + 2]) == (10, 20, 30)
    assert tuple(sheet[GAP, 2 * GAP + 5]) == BACKGROUND


def test_png_is_lossless():
    sheet = grid([[flat(3, 3, *RED)]], ["A"])
    assert (np.asarray(Image.open(BytesIO(png(sheet)))) == np.asarray(sheet)).all()


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        ([], None, "at least one"),
        ([[flat(2, 2, 1), flat(2, 2, 1)]], ["A"], "2 columns but 1 labels"),
        ([[np.zeros((2, 2, 3))]], None, "float64"),
        ([[np.zeros((2, 2), np.uint8)]], None, r"\(2, 2\)"),
    ],
)
def test_what_is_no_grid_is_refused(rows, header, words):
    with pytest.raises(ValueError, match=words):
        grid(rows, header)
