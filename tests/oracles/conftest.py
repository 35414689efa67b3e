"""Independent implementations of the metrics, from the extra `oracles`.

torch-fidelity and lpips import torchvision at their top, for data sets and for networks with weights that they would
download; nothing of that is used here. Where torchvision is missing, or does not fit the torch that is installed, a
stand-in takes its place: empty, but for the layers of AlexNet, whose weights come from the tests in any case.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace


def _stand_in() -> None:
    from gantool.evaluation.networks.lpips import _alexnet

    names = ("", ".datasets", ".models", ".transforms", ".transforms.functional")
    modules = {name: ModuleType(f"torchvision{name}") for name in names}
    for module in modules.values():
        module.__path__ = []
    vars(modules[".datasets"]).update(CIFAR10=object, CIFAR100=object, STL10=object)
    vars(modules[".models"]).update(alexnet=lambda **_: SimpleNamespace(features=_alexnet()))
    vars(modules[".transforms"]).update(functional=modules[".transforms.functional"])
    vars(modules[""]).update(models=modules[".models"], transforms=modules[".transforms"])
    sys.modules.update({module.__name__: module for module in modules.values()})


try:
    import torchvision  # noqa: F401
except Exception:  # one that was built for another torch fails in many ways
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    _stand_in()
