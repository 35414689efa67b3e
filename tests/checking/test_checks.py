"""Every check can fail: the plugin of docs/writing-a-plugin.md, or a sampler, with one mistake each."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import pytest

from gantool import registry
from gantool.checking.session import CHECKS
from gantool.checking.subject import Subject
from gantool.errors import GantoolError

from .conftest import PAGE
from .sampler import SAMPLER

pytestmark = pytest.mark.usefixtures("one_exporter")

CODE, PRESET, OFFICIAL = "__init__.py", "presets/smoke.yaml", "official.py"
LOG, ROLES = "run.log(gan=gan, cycle=cycle, d=d)", 'roles = Roles(training_only=("d",))'
D, INTO_D = "self.d = PatchDiscriminator(4, width=options.width)", "adam(self.options, self.d)"
RESULT = "return self.g(marked(images, target))"
CODED = "class Switch(Coded, Translates"
IMPORTS, CLASS = "from gantool.capabilities import Translates", "class Switch(Translates"
OF_D = PAGE[CODE].partition("run.backward(d)")[0].count("\n") + 1
RANGE = "(pictures[0].amax() - pictures[0].amin()"
AN_EXTRA = "self.extra = ResnetGenerator(3, 3, width=1, blocks=0)"

Edit = tuple[str, str, str]
"""File, what is written there ("" for a file that is not there yet), and what instead."""

MISTAKES: dict[str, list[tuple[list[Edit], str]]] = {
    "contract": [
        ([(CODE, "def training_step(", "def trainig_step(")], r"no training_step\. Did you mean trainig_step\?")
    ],
    "smoke": [
        ([(PRESET, "steps: 3", "steps: 300")], "a run with the preset smoke has 300 steps, not 20 at most"),
        ([(PRESET, "width: 4", "widht: 4")], "Did you mean width"),
    ],
    "training": [
        ([(CODE, 'run.phase("D")', 'run.phase("Dis")')], r'fails at \S+__init__\.py:\d+: ValueError: .*"Dis"')
    ],
    "presets": [
        ([("presets/paper.yaml", "", "steps: 9")], "the preset paper has no summary"),
        ([("presets/paper.yaml", "", "summary: all\nbacth: 9")], "bacth.*Did you mean batch"),
    ],
    "about": [([("about.yaml", "makes: ", "gives: ")], r"about\.yaml does not say: makes")],
    "options": [
        ([(CODE, '"residual blocks of the generator"', '""')], "options without a word of help: blocks"),
        ([(CODE, '"the example of gantool\'s documentation"', '""')], r"Switch\.paper is empty"),
    ],
    "official": [
        ([(OFFICIAL, "", "def recognise(files):\n    return files\n")], "takes a foreign file for one of its own")
    ],
    "losses": [
        ([(CODE, LOG, "pass")], r"nothing is given to run\.log"),
        (
            [(CODE, LOG, "run.log(gan=gan, cycle=cycle)")],
            rf"loss of run\.backward at \S+__init__\.py:{OF_D} is given to run\.log",
        ),
        ([(CODE, LOG, "run.log(gan=gan, cycle=cycle, d=d, odd=d / 0)")], "not finite: odd"),
    ],
    "optimizers": [
        ([(CODE, D, f"{D}\n        {AN_EXTRA}")], "no optimiser has extra: it stays as it began"),
        (
            [(CODE, INTO_D, "torch.optim.SGD([*self.d.parameters(), torch.nn.Parameter(torch.ones(1))])")],
            "the optimiser D has parameters that are not the model's",
        ),
    ],
    "learning": [
        (
            [(CODE, D, f"{D}\n        {AN_EXTRA}"), (CODE, INTO_D, INTO_D[:-1] + ", self.extra)")],
            "no loss reaches extra",
        ),
        ([(CODE, "return min(1.0,", "return min(0.0,")], "d, g has a gradient and does not move"),
        ([(CODE, "run.backward(d)", "d.backward()")], "d has gradients of another backward pass"),
    ],
    "blanks": [
        (
            [(CODE, "run.backward(d)", f"run.backward(d / {RANGE}))")],
            "in bf16, blank pictures make losses .* not finite",
        ),
        (
            [(CODE, "run.backward(d)", f"run.backward(d / ({RANGE}) + 1e-6))")],
            r"blank pictures make gradients \S+ times",
        ),
    ],
    "resume": [
        (
            [
                (
                    CODE,
                    "run.backward(d)",
                    "self.count = getattr(self, 'count', 0) + 1\n            run.backward(d * self.count)",
                )
            ],
            r"ends with another weights\.safetensors \(.*belongs into buffers",
        ),
        (
            [(CODE, "run.backward(d)", "run.backward(d * float(__import__('numpy').random.rand()))")],
            "every random draw",
        ),
        (
            [
                (
                    CODE,
                    "initialize(self.d)",
                    "initialize(self.d)\n        next(self.d.parameters()).data *= __import__('random').random()",
                )
            ],
            "the same seed gives other first weights .*torch's own generator",
        ),
    ],
    "samples": [
        (
            [
                (CODE, "run.backward(d)", "self.scale = 0.5; run.backward(d)"),
                (CODE, RESULT, f"{RESULT} * getattr(self, 'scale', 1.0)"),
            ],
            "the picture in the last sample is not what translate makes",
        ),
    ],
    "header": [
        (
            [
                (CODE, IMPORTS, "from gantool.capabilities import Attends, Translates"),
                (CODE, CLASS, "class Switch(Attends, Translates"),
                (
                    CODE,
                    ROLES,
                    f'{ROLES}\n    maps = ("g",)\n    def attention(self, *_, **__):\n        return {{}}',
                ),
                (CODE, "run.backward(d)", "self.maps = (); run.backward(d)"),
            ],
            "does not say that it can attend",
        ),
    ],
    "weights": [
        ([(CODE, ROLES, 'roles = Roles(training_only=("d", "g"))')], r"__init__\.py:\d+: TypeError: 'NoneType'")
    ],
    "roles": [([(CODE, ROLES, "")], r'no translation uses it: d\. roles = Roles\(training_only=\("d",\)\)$')],
    "sizes": [
        ([(CODE, "    sizes = Sizes(multiple=4, minimum=8)\n", "")], "the model fails on a picture of 5x3"),
        ([(CODE, "    sizes = Sizes(multiple=4, minimum=8)\n", "")], "which sizes translate takes"),
        ([(CODE, RESULT, f"{RESULT}[:, :1]")], "a result has 1 channels, and data says 3 of B"),
        ([(CODE, RESULT, f"{RESULT}[..., 1:]")], "the model makes 63x64 of a picture of 64x64"),
    ],
    "repeats": [
        (
            [(CODE, RESULT, RESULT.replace("images", "images.mul_(0.5)"))],
            "translate writes into the tensors that it is given",
        ),
        ([(CODE, RESULT, f"{RESULT} * 255")], r"results go from -\d+ to \d+, and pictures are in \[-1, 1\]"),
        (
            [(CODE, RESULT, f"{RESULT} * float(__import__('numpy').random.rand())")],
            "becomes another picture the second time",
        ),
        (
            [
                (CODE, D, f"{D}\n        self.register_buffer('seen', torch.zeros(1))"),
                (CODE, RESULT, f"self.seen += 1\n        {RESULT}"),
            ],
            "making pictures changes seen",
        ),
    ],
    "styles": [
        (
            [
                (CODE, IMPORTS, "from gantool.capabilities import Coded, Translates"),
                (CODE, CLASS, CODED),
                (CODE, ROLES, f"{ROLES}\n    code_size = 2"),
                (CODE, RESULT, "return (self.g(marked(images, target)) + code.mean()).tanh()"),
            ],
            "where others share its batch",
        ),
        (
            [
                (CODE, IMPORTS, "from gantool.capabilities import Coded, Translates"),
                (CODE, CLASS, CODED),
                (
                    CODE,
                    ROLES,
                    f"{ROLES}\n    code_size = 2\n    def random_code(self, *_):\n        return torch.ones(1, 2)",
                ),
            ],
            "the same code whatever its generator",
        ),
    ],
    "seeds": [
        ([(CODE, "    latent_size = 4", "    latent_size = 5")], r"latent is \(1, 5\)|mat1 and mat2|shapes"),
        (
            [(CODE, "return self.g(styles", "return self.g(__import__('numpy').random.rand() + styles")],
            "belongs into the latent",
        ),
        (
            [
                (CODE, "view(-1, 3, self.side, self.side)", "view(-1, 3, self.side, self.side)[:, :1]"),
                (CODE, "pictures.flatten(1)", "pictures.expand(-1, 3, -1, -1).flatten(1)"),
            ],
            "sample makes .* and data says pictures of 3 channels",
        ),
        (
            [(CODE, "return self.of_styles(self.styles(latents", "return self.of_styles(self.styles(latents.mul_(2)")],
            "sample writes into the tensors that it is given",
        ),
        ([(CODE, "return self.g(styles", "return self.g(0 * styles")], "every seed gives the same picture"),
        (
            [(CODE, "return self.g(styles.flatten(1))", "return self.g((styles - 9 * styles.mean(0)).flatten(1))")],
            "where others share its batch",
        ),
    ],
    "printing": [([(CODE, "class Switch(", "print('built')\n\n\nclass Switch(")], 'prints "built": standard')],
    "labels": [
        ([(CODE, "torch.cat([latents, labels], dim=1)", "torch.cat([latents, 0 * labels], dim=1)")], "same picture")
    ],
    "truncation": [([(CODE, "return truncation * self", "return self")], "a truncation of 0.1 changes nothing")],
    "mixing": [
        ([(CODE, "style_shape = (2, 5)", "style_shape = (5, 2)")], r"styles are \(1, 2, 5\), and style_shape says"),
        (
            [(CODE, "return self.of_styles(self.styles(", "return -self.of_styles(self.styles(")],
            "another picture than of_styles",
        ),
    ],
    "export": [
        ([(CODE, RESULT, f"{RESULT} if images.mean() > 2 else -images")], "cannot be exported as onnx"),
        (
            [(CODE, RESULT, f"{RESULT}.flatten(1).view(len(images), 3, *images.shape[2:])")],
            r"take a number of pictures or a side as fixed, as len\(x\).*: write x\.shape\[0\]",
        ),
    ],
}
"""For each check: what is written instead, and what the check then finds."""
OF_A_SAMPLER = ("seeds", "labels", "truncation", "mixing")
"""The checks whose mistakes are made in the sampler."""


@pytest.fixture
def subject(installed, pictures_of, tmp_path) -> Callable[[list[Edit]], Subject]:
    """A plugin with these edits: the page's, or the sampler."""

    def edited(edits: list[Edit], plugin: dict[str, str] = PAGE) -> Subject:
        files = {**plugin, **{name: "" for name, right, _ in edits if not right}}
        for name, right, wrong in edits:
            assert not right or files[name].count(right) == 1, right
            files[name] = files[name].replace(right, wrong) if right else wrong
        return Subject(installed(files), pictures_of, tmp_path)

    return edited


def test_the_sampler_itself_is_right(subject):
    whole = subject([], SAMPLER)
    found = {name: check(whole) for name, check in CHECKS.items()}
    assert found == dict.fromkeys(CHECKS, "")


def test_every_check_is_seen_to_fail():
    assert MISTAKES.keys() == CHECKS.keys()


CASES = [
    pytest.param(check, *case, id=f"{check}-{at}") for check, some in MISTAKES.items() for at, case in enumerate(some)
]


@pytest.mark.parametrize(("check", "edits", "said"), CASES)
def test_a_mistake_is_found(subject, check, edits, said):
    checked = subject(edits, SAMPLER if check in OF_A_SAMPLER else PAGE)
    try:
        if check == "printing":
            with contextlib.redirect_stdout(checked.printed):
                CHECKS["contract"](checked)
        found = CHECKS[check](checked)
    except GantoolError as error:
        found = str(error)
    except Exception as error:
        found = registry.mistake(error) or repr(error)
    assert re.search(said, found), found
