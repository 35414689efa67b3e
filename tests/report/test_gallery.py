from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.errors import DataError
from gantool.report import gallery
from gantool.report.gallery import write_demo, write_gallery, write_pictures_page
from gantool.report.grids import grid, png
from gantool.report.origin import origin
from gantool.report.runlog import RunLog
from gantool.version import __version__

VOID = {"meta", "img", "input", "line", "path", "circle", "br"}


class Page(HTMLParser):
    """A page's words, tags and pictures; fails where tags do not match."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(self.source)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())
        self.images = [dict(attributes) for tag, attributes in self.tags if tag == "img"]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    def assert_self_contained(self) -> None:
        assert not re.search(r"https?://|url\(|@import|<link", self.source)
        for tag, attributes in self.tags:
            for name in ("src", "href", "srcset", "data", "action"):
                beside = ("gallery.html", "demo.html") if tag == "a" else ()
                value = attributes.get(name) or "data:"
                assert value.startswith("data:") or value in beside, (tag, attributes)


def sample(step: int) -> bytes:
    return png(grid([[np.full((16, 16, 3), step % 256, np.uint8)] * 4], ["A", "A to B", "B", "B to A"]))


def decoded(image: dict[str, str | None]) -> bytes:
    return base64.b64decode(str(image["src"]).split(",", 1)[1])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "samples").mkdir()
    for step in (0, 500, 1000):
        (tmp_path / "samples" / f"{step:08d}.png").write_bytes(sample(step))
    log = RunLog(tmp_path / "log.jsonl")
    for step in range(1, 1001):
        losses = {"gan_ab": 0.5, "d_a": 0.2, "cycle_b": 9 / step, "identity_a": 1 / step, "d_gp": 0.1, "warp<i>": -1.0}
        log.append(step, losses)
    return tmp_path


def test_the_gallery_is_one_whole_page_of_its_own(run):
    path = write_gallery(
        run, "cyclegan <u>runs/x</u>", {"Model": "cyclegan", "Data": 'a & "b" <script>alert(1)</script>'}
    )
    assert path == run / "gallery.html"
    page = Page(path)
    page.assert_self_contained()
    assert page.text.count("cyclegan <u>runs/x</u>") == 2, "in the heading and on the tab"
    assert 'a & "b" <script>alert(1)</script>' in page.text
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 1
    assert not {"u", "i"} & {tag for tag, _ in page.tags}, "names are escaped"
    assert sorted(p.name for p in run.iterdir()) == ["gallery.html", "log.jsonl", "samples"]


def test_every_loss_stands_with_its_explanation(run):
    page = Page(write_gallery(run, "t", {}))
    order = [
        ("Adversarial loss of the generator", "neither rising nor falling says", "gan_ab"),
        ("Loss of the discriminator", "close to zero for long", "d_a"),
        ("Cycle consistency", "there and back", "cycle_b"),
        ("Identity", "should come out unchanged", "identity_a"),
        ("Gradient penalty", "steady growth announces divergence", "d_gp"),
        ("Other losses", "see the model's own page", "warp<i>"),
    ]
    places = [page.text.index(word) for group in order for word in group]
    assert places == sorted(places)
    assert len([tag for tag, _ in page.tags if tag == "svg"]) == 6


def test_samples_are_embedded_newest_first(run):
    page = Page(write_gallery(run, "t", {}))
    assert [decoded(image) for image in page.images] == [sample(1000), sample(500), sample(0)]
    assert re.findall(r"Step (\d+)", page.text) == ["1000", "500", "0"]
    assert int(page.images[0]["width"]) % Image.open(BytesIO(sample(0))).width == 0, "enlarged by a whole factor"


def test_samples_are_described_in_words(run):
    (run / "samples" / "x_00000500.png").write_bytes(png(Image.new("RGB", (8, 8))))
    page = Page(write_gallery(run, "t", {}))
    columns = "1 row of pictures, with the columns A, A to B, B, B to A"
    assert [image["alt"] for image in page.images] == [
        f"Samples of step 1000: {columns}",
        f"Samples of step 500: {columns}",
        "Samples of step 500, x_00000500",
        f"Samples of step 0: {columns}",
    ]


def test_pages_have_a_style_for_paper(run):
    source = Page(write_gallery(run, "t", {})).source
    paper = source[source.index("@media print") :]
    assert "--page: #fff" in paper
    assert re.search(r"figure, [^{]*{ break-inside: avoid; }", paper), "no chart is cut at the end of a page"


def test_the_demo_and_the_gallery_of_a_run_lead_to_each_other(run):
    write_gallery(run, "t", {})
    square = np.zeros((4, 4, 3), np.uint8)
    demo = Page(write_demo(run, "Demo <1>", {"written": "today"}, {"A": [{"Noto\ncat <1>": square}]}))
    again = Page(run / "gallery.html")
    for page, target in (
        (demo, "gallery.html"),
        (again, "demo.html"),
        (Page(write_gallery(run, "t", {})), "demo.html"),
    ):
        page.assert_self_contained()
        assert [attributes["href"] for tag, attributes in page.tags if tag == "a"] == [target]
    assert demo.images[0]["alt"] == "Noto: cat <1>"
    assert "cat" not in demo.text
    assert "today" in demo.text


def test_a_page_says_where_it_comes_from(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/bin/gantool", "train", "cyclegan", "my cats"])
    facts = origin("0.2 s")
    assert facts["command"] == "gantool train cyclegan 'my cats'"
    assert facts["step time"] == "0.2 s"
    assert facts["gantool"] == __version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d [+-]\d{4}", facts["written"])
    monkeypatch.setattr("sys.argv", ["-c"])
    assert set(origin()) == {"gantool", "written"}


def test_too_many_samples_are_thinned_evenly_and_the_page_says_so(run, monkeypatch):
    for step in range(0, 30000, 100):
        (run / "samples" / f"{step:08d}.png").write_bytes(sample(step))
    page = Page(write_gallery(run, "t", {}))
    steps = [int(step) for step in re.findall(r"Step (\d+)", page.text)]
    assert len(steps) == len(page.images) == 60
    assert (steps[0], steps[-1]) == (29900, 0)
    assert {newer - older for newer, older in pairwise(steps)} <= {500, 600}
    assert "60 of 300 samples are shown" in page.text

    monkeypatch.setattr(gallery, "BUDGET", 10 * max(len(sample(step)) for step in range(0, 30000, 100)))
    page = Page(write_gallery(run, "t", {}))
    assert 10 <= len(page.images) <= 12
    assert f"{len(page.images)} of 300 samples are shown" in page.text


def test_a_reader_of_the_old_page_keeps_it_whole(run):
    path = write_gallery(run, "old title", {})
    with path.open() as reader:
        write_gallery(run, "new title", {})
        assert "old title" in reader.read()
    assert "new title" in path.read_text()


def test_a_run_without_samples_and_losses_has_a_page(tmp_path):
    page = Page(write_gallery(tmp_path, "t", {}))
    assert "No samples yet." in page.text
    assert "No losses yet." in page.text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0], "1 at step 0"),
        ([float("nan")] * 3, "3 of 3 values were not finite"),
        ([0.0] * 5, "0 at step 4"),
        ([2.0, float("inf"), 1.0], "1 of 3 values were not finite"),
        ([-5e-9, 4e12], "4.00e+12 at step 1"),
        ([1.0] * 500 + [1e6] + [1.0] * 500, "higher peaks are cut off"),
    ],
)
def test_curves_of_awkward_values(tmp_path, values, words):
    log = RunLog(tmp_path / "log.jsonl")
    for step, value in enumerate(values):
        log.append(step, {"gan": value})
    page = Page(write_gallery(tmp_path, "t", {}))
    assert words in page.text
    assert "nan" not in page.source.lower().replace("nance", "")
    for tag, attributes in page.tags:
        if tag == "path":
            points = [float(number) for number in re.findall(r"-?[\d.]+", attributes["d"])]
            assert all(0 <= x <= 340 for x in points[::2])
            assert all(0 <= y <= 170 for y in points[1::2])


def test_a_curve_goes_down_where_the_loss_does(tmp_path):
    log = RunLog(tmp_path / "log.jsonl")
    for step in range(100):
        log.append(step, {"cycle": 100.0 - step})
    page = Page(write_gallery(tmp_path, "t", {}))
    drawn = next(attributes["d"] for tag, attributes in page.tags if tag == "path")
    points = [float(number) for number in re.findall(r"[\d.]+", drawn)]
    assert len(points) == 200
    assert points[::2] == sorted(points[::2])
    assert points[1::2] == sorted(points[1::2]), "y grows downwards in SVG"


def test_a_page_of_pictures_embeds_files_and_arrays(tmp_path):
    Image.new("I;16", (4, 2), 0x8000).save(tmp_path / "deep.png")
    Image.new("RGBA", (4, 2), (1, 2, 3, 0)).save(tmp_path / "clear.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (2000, 1000), (200, 10, 10)).save(tmp_path / "large.jpg", exif=turned)
    gray = np.full((3, 5, 1), 9, np.uint8)
    sections = {
        "A to B <1>": [{"deep": tmp_path / "deep.png", "gray": gray}],
        "B to A": [{"clear": tmp_path / "clear.png", 'large & "turned"': tmp_path / "large.jpg"}],
    }
    path = write_pictures_page(tmp_path / "page.html", "Demo", sections)
    page = Page(path)
    page.assert_self_contained()
    deep, gray_image, clear, large = (Image.open(BytesIO(decoded(image))) for image in page.images)
    assert deep.convert("RGB").getpixel((0, 0)) == (128, 128, 128)
    assert (gray_image.size, gray_image.getpixel((0, 0))) == ((5, 3), (9, 9, 9))
    assert clear.getpixel((0, 0))[3] == 0
    assert (large.format, large.size) == ("JPEG", (256, 512))
    assert page.images[3]["alt"] == 'large & "turned"'
    for word in ("A to B <1>", "B to A", "deep", 'large & "turned"'):
        assert word in page.text


def test_a_page_of_pictures_stays_small_and_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "BUDGET", 2000)
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    page = Page(write_pictures_page(tmp_path / "page.html", "Demo", {"A": [{"x": noise}] * 9}))
    assert len(page.images) == 3
    assert "6 more rows are not shown" in page.text


def test_an_unreadable_picture_is_named(tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(DataError, match=r"bad\.png"):
        write_pictures_page(tmp_path / "page.html", "Demo", {"A": [{"x": tmp_path / "bad.png"}]})
    assert not (tmp_path / "page.html").exists()
