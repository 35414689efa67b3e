"""A page translates in a browser, from disk and without a network, as `gantool translate` does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from gantool.errors import UsageError
from gantool.export import runtime
from tests.export import small
from tests.export.small import exported, noise
from tests.runs import untrained

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.usefixtures("one_exporter")


@pytest.fixture
def fetched() -> None:
    """onnxruntime-web, where it has been fetched: `gantool export NAME.html` says how."""
    try:
        runtime.check()
    except UsageError as error:
        pytest.skip(str(error))


def saved_by(page: Page, folder: Path) -> Image.Image:
    """The result that the page shows, as a person saves it."""
    page.wait_for_selector("#save:visible")
    with page.expect_download() as download:
        page.click("#save")
    path = folder / f"page {download.value.suggested_filename}"
    download.value.save_as(path)
    return Image.open(path)


def apart(one: Image.Image, other: Image.Image) -> int:
    """By how many levels two pictures of one size and mode differ."""
    assert (one.size, one.mode) == (other.size, other.mode)
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other)).max())


def test_a_page_is_one_file_that_has_the_checked_network(saved, main, tmp_path, fetched):
    weights = saved(small.Told)
    _, out, err = main("export", "--model", weights, "a/page.html")
    assert out == "a/page.html\n"
    assert "painting, photo" in err
    assert "compared with the model at 1x1x1, " in err
    text = (tmp_path / "a" / "page.html").read_text()
    assert not re.search(r"(src|href)=.?(https?:|//)", text), "it asks nothing of a network"
    assert "default-src 'none'" in text
    (first,) = json.loads(re.search(r'id="page">(.*?)</script>', text)[1])["networks"]
    assert [target["label"] for target in first["targets"]] == [[0, 1, 0, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--image-io"], "leave out --part and --image-io"),
        (["--to", "painting"], "leave out --to"),
    ],
)
def test_a_page_refuses_what_it_cannot_take(saved, main, fetched, words, said):
    _, out, err = main("export", "--model", saved(small.Told), "page.html", *words, code=2)
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_without_the_runtime_the_line_that_fetches_it(saved, main, tmp_path, monkeypatch):
    weights = saved(small.Small)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    place = tmp_path / "data" / "gantool" / runtime.FILE
    for content in (None, b"another file"):
        if content:
            place.parent.mkdir(parents=True)
            place.write_bytes(content)
        _, _, err = main("export", "--model", weights, "page.html", code=2)
        assert err.endswith(runtime.fetching(place.parent) + "\n")
        assert ("its hash is another one" in err) == bool(content)
        assert not (tmp_path / "page.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["RGB", "RGBA", "L"])
def test_cyclegan_in_a_browser(fetched, opened, main, tmp_path, kind):
    weights = untrained(tmp_path / "run", domains=("horse", "zebra"), seed=1, init_gain=0.2)
    report = exported(weights, tmp_path / "page.html")
    assert (report.networks, report.source) == (("horse to zebra", "zebra to horse"), None)
    assert report.bytes == (tmp_path / "page.html").stat().st_size
    pixels = noise(29, 43, 4)
    pixels[..., 3][pixels[..., 3] < 128] = 255  # half of it
    Image.fromarray(pixels).convert(kind).save(tmp_path / "odd.png")
    page = opened(tmp_path / "page.html")
    page.set_input_files("#files", [tmp_path / "odd.png"])
    for target, way in (("zebra", None), ("horse", "zebra to horse")):
        if way:
            page.select_option("#way", label=way)
        found = saved_by(page, tmp_path)
        main("translate", "--model", weights, "--to", target, "odd.png", f"{target}.png")
        assert apart(found, Image.open(tmp_path / f"{target}.png")) <= 1


@pytest.mark.slow
def test_munit_by_seed_and_like_a_picture(fetched, opened, main, tmp_path, trained):
    run = trained("munit")
    exported(run / "checkpoints" / "00000004" / "weights.safetensors", tmp_path / "page.html", to="B")
    for name, shape in (("odd", (37, 50, 3)), ("like", (40, 33, 3))):
        Image.fromarray(noise(*shape)).save(tmp_path / f"{name}.png")
    page = opened(tmp_path / "page.html")
    page.set_input_files("#files", [tmp_path / "odd.png"])
    found = []
    for seed in (0, 7):
        page.fill("#seed", str(seed))
        found.append(saved_by(page, tmp_path))
        main("translate", "-m", run, "--to", "B", "--seed", str(seed), "--sync", "odd.png", f"{seed}.png")
        assert apart(found[-1], Image.open(tmp_path / f"{seed}.png")) <= 1
    assert apart(*found) > 2, "styles differ, so the right one was compared"
    page.select_option("#style", "picture")
    assert "Choose the picture" in page.inner_text("#status")
    page.set_input_files("#pattern", [tmp_path / "like.png"])
    found.append(saved_by(page, tmp_path))
    main("translate", "-m", run, "--to", "B", "--style", "like.png", "odd.png", "styled.png")
    assert apart(found[-1], Image.open(tmp_path / "styled.png")) <= 1
    assert apart(*found[1:]) > 2


@pytest.mark.slow
def test_stargan_by_domain_and_one_size_of_pictures(fetched, opened, main, tmp_path, saved, trained):
    run = trained("stargan")
    Image.fromarray(noise(37, 50, 3)).save(tmp_path / "odd.png")
    exported(run / "checkpoints" / "00000004" / "weights.safetensors", tmp_path / "page.html")
    page = opened(tmp_path / "page.html")
    names = [option.inner_text().strip() for option in page.query_selector_all("#way option")]
    page.set_input_files("#files", [tmp_path / "odd.png"])
    for name in names[1:]:
        page.select_option("#way", label=name)
        found = saved_by(page, tmp_path)
        main("translate", "-m", run, "--to", name, "odd.png", f"{name}.png")
        assert apart(found, Image.open(tmp_path / f"{name}.png")) <= 1
    exported(saved(small.OneSize), tmp_path / "24.html")
    page = opened(tmp_path / "24.html")
    assert "resized to 24 x 24" in page.inner_text("#settings")
    page.set_input_files("#files", [tmp_path / "odd.png"])
    assert saved_by(page, tmp_path).size == (24, 24)


@pytest.mark.slow
def test_a_label_by_name(fetched, opened, main, tmp_path, saved):
    """Of a model whose targets differ: a StarGAN's do not after a few steps."""
    weights = saved(small.Told)
    Image.fromarray(noise(9, 13, 3)).save(tmp_path / "odd.png")
    exported(weights, tmp_path / "page.html")
    page = opened(tmp_path / "page.html")
    page.set_input_files("#files", [tmp_path / "odd.png"])
    found = []
    for name in ("photo", "painting"):
        page.select_option("#way", label=name)
        found.append(saved_by(page, tmp_path))
        main("translate", "-m", weights, "--to", name, "odd.png", f"{name}.png")
        assert apart(found[-1], Image.open(tmp_path / f"{name}.png")) <= 1
    assert apart(*found) > 2


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dcgan", "small"])
def test_pictures_of_noise_are_those_of_their_seeds(fetched, opened, main, tmp_path, saved, trained, model):
    run = trained("dcgan") / "checkpoints" / "00000004" / "weights.safetensors"
    weights = run if model == "dcgan" else saved(small.OfNoise, small.ONE)
    exported(weights, tmp_path / "page.html")
    page = opened(tmp_path / "page.html")
    main("sample", "-m", weights, "--seeds", "0,123456", "out")
    found = []
    for seed in (0, 123456):
        page.fill("#seed", str(seed))
        found.append(saved_by(page, tmp_path))
        (ours,) = (tmp_path / "out").glob(f"*{seed}.png")
        assert apart(found[-1], Image.open(ours)) <= 1
    assert model == "dcgan" or apart(*found) > 100, "after four steps a DCGAN's are all grey"
    page.click("#another")
    page.wait_for_selector("#save:visible")
    assert page.input_value("#seed") != "123456"


CAMERA = """
const canvas = document.createElement('canvas'), context = canvas.getContext('2d');
setInterval(() => { context.fillStyle = '#c83'; context.fillRect(0, 0, canvas.width, canvas.height); }, 50);
navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
"""


@pytest.mark.slow
def test_hands_errors_and_many_pictures(fetched, opened, saved, tmp_path):
    exported(saved(small.Small), tmp_path / "page.html", to="painting")
    for name in ("one", "two"):
        Image.fromarray(noise(20, 30, 3)).save(tmp_path / f"{name}.png")
    (tmp_path / "text.png").write_text("no picture")
    phone = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    page = opened(tmp_path / "page.html", before=CAMERA, **phone)
    with page.expect_file_chooser() as chooser:
        page.tap(".drop .choose")
    chooser.value.set_files([tmp_path / "text.png", tmp_path / "one.png", tmp_path / "two.png"])
    page.wait_for_selector("#status.warn")
    assert page.inner_text("#status") == "text.png is no picture that this browser can read."
    assert page.is_hidden("#save")
    page.tap("#strip button >> nth=1")
    assert saved_by(page, tmp_path).size == (30, 20)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    before = page.evaluate("getComputedStyle(part('before')).clipPath")
    page.focus("#slider")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("getComputedStyle(part('before')).clipPath") != before
    page.select_option("#size", "256")
    assert saved_by(page, tmp_path).size == (30, 20), "small pictures stay as they are"
    page.tap("#actions .camera")
    page.tap("#take")
    page.wait_for_selector("#strip button:nth-child(4)[aria-pressed=true]")
    assert page.evaluate("part('film').srcObject") is None, "the camera is off again"
    assert saved_by(page, tmp_path).size == (256, 128), "of the 300 x 150 that a canvas has"
    data = "const data = new DataTransfer(); data.items.add(new File(['x'], 'notes.txt'));"
    page.evaluate(f"() => {{ {data} document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data}})) }}")
    page.wait_for_selector("#status.warn")
    assert "notes.txt is no picture" in page.inner_text("#status")


@pytest.mark.slow
def test_a_picture_too_large_for_a_browser_is_said_to_be(fetched, opened, saved, tmp_path):
    exported(saved(small.Wide), tmp_path / "page.html", to="painting")
    Image.new("RGB", (2000, 1500)).save(tmp_path / "large.png")
    page = opened(tmp_path / "page.html")
    page.set_input_files("#files", [tmp_path / "large.png"])
    page.wait_for_selector("#status.warn")
    said = page.inner_text("#status")
    assert said == "The memory that a browser has does not suffice for 2000 x 1500. Choose a smaller longest side."
    page.select_option("#size", "256")
    assert saved_by(page, tmp_path).size == (256, 192), "the page goes on"
