"""gantool: translating and making pictures with GANs, one tool for all models.

From Python::

    import gantool

    run = gantool.train("cyclegan", ["trainA", "trainB"], steps=2000, out="runs/horses")
    gantool.translate(run, "in", "out")
    picture = gantool.load(run).translate(Image.open("horse.jpg"), to="B")
    pictures = gantool.load("stylegan").sample(n=4, seed=0)
    table = gantool.compare(["runs/a", "runs/b"], ["testA", "testB"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gantool.version import __version__

if TYPE_CHECKING:
    from gantool.api import Trained, compare, grid, load, pull, push, sample, train, translate

__all__ = ["Trained", "__version__", "compare", "grid", "load", "pull", "push", "sample", "train", "translate"]


def __getattr__(name: str) -> Any:
    """Imports torch only when it is used: `import gantool` and the help pages stay fast."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("gantool.api"), name)
    raise AttributeError(f"module 'gantool' has no attribute {name!r}")
