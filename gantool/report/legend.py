"""The meaning of a loss's name, and how to read its curve."""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    """The meaning of a kind of losses."""

    title: str
    """A heading."""
    reading: str
    """How to read its curve, one or two sentences."""


_KNOWN: dict[tuple[str, ...], Meaning] = {
    ("penalty", "gp", "r1", "r2"): Meaning(
        "Gradient penalty",
        "Keeps the discriminator smooth. Small with single spikes is normal; steady growth announces divergence.",
    ),
    ("gan", "adv", "adversarial"): Meaning(
        "Adversarial loss of the generator",
        "How far the generator is from fooling the discriminator. It oscillates: neither rising nor falling says that "
        "pictures get better or worse. Look at the samples.",
    ),
    ("wasserstein",): Meaning(
        "Wasserstein estimate",
        "How much higher the critic scores real pictures than generated ones: up to a factor, how far they are apart. "
        "It rises while the critic learns; then it falls as pictures get better. Compare it within a run only.",
    ),
    ("d", "dis", "disc", "discriminator"): Meaning(
        "Loss of the discriminator",
        "How badly it tells real pictures from generated ones. It should hover; close to zero for long means that it "
        "has won and the generator learns little more.",
    ),
    ("cycle", "cyc"): Meaning(
        "Cycle consistency",
        "A picture translated there and back, compared with itself. It should fall quickly at first, then flatten.",
    ),
    ("identity", "idt", "id"): Meaning(
        "Identity",
        "A picture that already belongs to the target domain should come out unchanged. It should fall and flatten; if "
        "it stays high, expect shifted colours.",
    ),
    ("l1", "l2", "pixel", "rec", "recon", "reconstruction"): Meaning(
        "Reconstruction",
        "The difference to the picture that was asked for. It should fall and flatten; with few pictures it goes on "
        "falling after new pictures have stopped improving.",
    ),
    ("kl",): Meaning(
        "Kullback-Leibler divergence of codes",
        "How far codes are from a standard normal distribution. It should settle above zero: at zero the codes carry "
        "nothing, and all styles look alike.",
    ),
    ("content",): Meaning(
        "Content",
        "What a picture shows, compared with what is made of it. It falls quickly at first; it may rise a little when "
        "style begins to count.",
    ),
    ("style", "latent", "code"): Meaning(
        "Recovery of codes",
        "A code put into a picture and read back from it. It should fall and flatten; if it stays high, codes are "
        "ignored.",
    ),
    ("perceptual", "vgg", "lpips", "feat", "feature", "features", "matching", "fm"): Meaning(
        "Feature distance",
        "The difference between pictures as a network's features see it. It should fall slowly and flatten.",
    ),
    ("nce", "patchnce"): Meaning(
        "Patch contrast",
        "Whether an output patch is recognisably that of the same place in the input. It should fall and flatten.",
    ),
    ("cls", "class", "classification", "domain"): Meaning(
        "Domain classification",
        "Whether pictures are recognised as their domain. It should fall close to zero.",
    ),
    ("diversity", "ds", "div"): Meaning(
        "Diversity",
        "How much two styles differ on the same picture: more is better here. Near zero means that styles are ignored.",
    ),
    ("cam",): Meaning(
        "Attention classifier",
        "Whether the attention map tells the two domains apart. It should fall and flatten.",
    ),
    ("scores",): Meaning(
        "Scores",
        "What the discriminator says of real and of made pictures: above zero means real. They should stay within "
        "reach of each other.",
    ),
    ("path",): Meaning(
        "Path length",
        "How far a small step in the space of styles changes a picture. It should settle: then steps everywhere count "
        "alike.",
    ),
    ("p",): Meaning(
        "Probability of augmentation",
        "How often the discriminator sees pictures transformed. It rises while real pictures are too easily told, and "
        "should settle well below 1.",
    ),
    ("mask",): Meaning(
        "Mean of the masks",
        "The share of a picture that is replaced. It should settle between the ends: at 0 nothing is translated, at 1 "
        "the background is translated, too.",
    ),
    ("tv",): Meaning("Total variation", "How rough the output is. It should stay low and steady."),
    ("total",): Meaning("Total", "A sum of other losses: read its parts instead."),
}
_BY_TOKEN = {token: meaning for tokens, meaning in _KNOWN.items() for token in tokens}
_PENALTY = next(iter(_KNOWN.values()))
_UNKNOWN = Meaning("Other losses", "Nothing general can be said about this name: see the model's own page.")


def meaning(name: str) -> Meaning:
    """How to read the loss `name` (`gan_ab`, `d_a`), from what such names commonly mean."""
    found = [_BY_TOKEN[token] for token in name.lower().split("_") if token in _BY_TOKEN]
    # `d_gp` is a penalty before it is a discriminator's loss; elsewhere the first word says what it is.
    return _PENALTY if _PENALTY in found else next(iter(found), _UNKNOWN)
