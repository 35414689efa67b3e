"""The ways to prepare a training picture, by name. Imports nothing, so that settings and flags can name them."""

PREPROCESS = (
    "resize_and_crop",
    "crop",
    "scale_width",
    "scale_width_and_crop",
    "shorter_side_and_crop",
    "center_crop_and_resize",
    "random_resized_crop",
    "square",
    "none",
)
"""Ways to prepare a training picture.

resize_and_crop         to size x size (the aspect is lost), then a random crop x crop square
crop                    a random crop x crop square of the picture as it is
scale_width             width = size, the height follows but is at least crop; no crop
scale_width_and_crop    the same, then a random crop x crop square
shorter_side_and_crop   shorter side = size, the longer follows; then a random crop x crop square
center_crop_and_resize  the size x size square in the middle (of a smaller picture the largest there is), to crop x crop
random_resized_crop     to size x size; then half of the time a random part of it, with 0.8 to 1 of its area and an
                        aspect from 0.9 to 1.1, else the whole of it, to crop x crop
square                  the largest square in the middle, to crop x crop
none                    each side to the nearest multiple of 4
"""

FILTERS = ("bicubic", "bilinear")
"""How pictures are resized: Pillow's filters, which average over all pixels that a smaller picture leaves out."""
