"""The page of a study, in a browser as people use it: from disk, by keyboard and by touch."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

READY = "#choices:not(.waiting) .choice:visible, #end:visible"


def real(page: Page) -> int:
    """The place of the side that is the answer."""
    return page.evaluate("trials[person.trials.length].sides.findIndex(side => RIGHT.includes(side[0]))")


def answered(page: Page, answer: Callable[[Page], object]) -> dict[str, Any]:
    """The file that a person saves who answers all that is left."""
    page.wait_for_selector(READY)
    while not page.is_visible("#end"):
        answer(page)
        if page.is_visible("#next"):
            page.keyboard.press("Enter")
        page.wait_for_selector(READY)
    return saved(page)


def saved(page: Page) -> dict[str, Any]:
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename.startswith("answers-")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.strip() == page.input_value("#text")
    return json.loads(text)


@contextmanager
def nothing_told(page: Page) -> Iterator[None]:
    """Inside and after, no method's name can be read on the page or heard from it."""
    words = "() => document.body.innerText + [...document.querySelectorAll('body :not(script)')].map(one =>"
    words += " [...one.attributes].map(a => a.name == 'src' ? '' : a.value).join() + (one.value || '')).join()"
    yield
    for name in ("Zebranet", "Quaggatron"):
        assert name not in page.evaluate(words)


def test_a_whole_study_by_keyboard(study, opened, main, folders):
    page = opened(study("fake", "-n", "5", "--practice", "1", "--title", "Animals"))
    assert page.title() == "Animals"
    assert "First 1 to practise, then 7 questions" in page.inner_text("#plan")
    page.keyboard.press("Enter")
    assert "Practice 1 of 1" in page.inner_text("#count")

    def by_arrows(page: Page) -> None:
        with nothing_told(page):
            page.keyboard.press("ArrowRight" if real(page) else "ArrowLeft")
            page.keyboard.press("Enter")

    answers = answered(page, by_arrows)
    parts = [trial["part"] for trial in answers["trials"]]
    assert parts[0] == "practice"
    assert sorted(parts[1:]) == ["check"] * 2 + ["scored"] * 5
    with nothing_told(page):
        file = folders / "answers.json"
        file.write_text(json.dumps(answers))
    _, _, err = main("study", "read", file, code=3)
    assert "faster than people who look" in err
    _, out, _ = main("study", "read", file, "--keep-all", "--json")
    found = json.loads(out)
    assert (found["people"], found["trials"]) == (1, 5)
    assert {one["name"]: one["share"] for one in found["methods"]} == {"Zebranet": 0, "Quaggatron": 0}


def test_digits_answer_and_practice_says_what_was_right(study, opened):
    page = opened(study("fake", "-n", "4", "--practice", "2", "--checks", "0"))
    page.click("#start")
    for is_right in (True, False):
        page.wait_for_selector(READY)
        place = real(page)
        page.keyboard.press(str((place if is_right else 1 - place) + 1))
        assert f"{'Yes' if is_right else 'No'}, picture {place + 1} is real" in page.inner_text("#told")
        assert page.get_attribute(f".choice >> nth={place}", "class") == "choice right"
        page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    page.keyboard.press("1")
    page.wait_for_function("person.trials.length === 3")
    assert page.is_hidden("#next"), "scored trials tell nothing"
    assert page.inner_text("#told") == ""
    page.wait_for_selector(READY)
    page.dblclick(".choice >> nth=0", delay=50)
    assert page.evaluate("person.trials.length") == 4, "a double click is one answer"


PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}


def test_a_study_by_touch_on_a_phone(study, opened, main, folders):
    page = opened(study("preference", "-n", "4", "--input", "input", "--checks", "1"), **PHONE)
    page.tap("#start")

    def by_touch(page: Page) -> None:
        sizes = {(box["width"], box["height"]) for box in map(boxed, page.query_selector_all(".choice img"))}
        assert len(sizes) == 1, "all pictures of a trial have one size"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.get_attribute("#above img", "alt") == "Input"
        page.tap(f".choice >> nth={max(0, real(page))}")

    answers = answered(page, by_touch)
    assert "better translation" in page.evaluate("document.getElementById('question').textContent")
    assert [len(trial["shown"]) for trial in answers["trials"]] == [2] * 5
    (folders / "answers.json").write_text(json.dumps(answers))
    main("study", "read", "answers.json", "--keep-all")


def test_findings_can_be_read_on_a_phone(opened, main, folders):
    name = "a_method_whose_name_is_long_and_has_no_space"
    told = {"kind": "pairs", "title": "T", "question": "Q?", "methods": [name, "B"], "names": ["cat", "dog"]}
    file = {"format": "gantool study answers", "version": 1, "study": "abc123"}
    file |= {"key": base64.b64encode(json.dumps(told).encode()).decode()}
    for person in ("p", "q"):
        trial = {"part": "scored", "shown": ["m0", "m1"], "chosen": int(person == "q"), "ms": 900}
        trials = [{**trial, "pictures": [0, 0]}, {**trial, "pictures": [1, 1], "chosen": 0}]
        (folders / f"{person}.json").write_text(json.dumps({**file, "person": person, "trials": trials}))
    main("study", "read", "p.json", "q.json", "-o", "found.html")
    page = opened(folders / "found.html", **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for cell in page.locator(".figures td").all():
        assert (
            cell.evaluate(
                "one => { const r = document.createRange(); r.selectNodeContents(one);"
                " return new Set([...r.getClientRects()].map(box => box.top)).size }"
            )
            <= 1
        )
    letters = page.locator(".bars .name").first.evaluate("one => one.getBoundingClientRect().height")
    assert letters >= 11, "as tall as the style says, not shrunk with the figure"
    for region in page.locator(".scroll:has(.figures), .scroll:has(.bars)").all():
        assert region.evaluate("one => { one.scrollLeft = 1e6; return one.scrollLeft }") > 0, "the rest can be reached"


def boxed(picture: Any) -> dict[str, float]:
    return picture.bounding_box()


def test_a_reload_goes_on_where_it_was(study, opened):
    page = opened(study("pairs", "-n", "6"))
    page.click("#start")
    for _ in range(3):
        page.wait_for_selector(READY)
        page.keyboard.press("2")
    page.wait_for_function("person.trials.length === 3 && open")
    before, person = page.evaluate("trials"), page.evaluate("person.person")
    page.reload()
    page.wait_for_selector(READY)
    assert "4 of 8" in page.inner_text("#count")
    assert page.evaluate("trials") == before
    answers = answered(page, lambda page: page.keyboard.press("2"))
    assert answers["person"] == person
    assert [trial["shown"] for trial in answers["trials"]] == [[side[0] for side in one["sides"]] for one in before]
    again = page.context.new_page()
    again.goto(page.url)
    again.wait_for_selector(READY)
    assert again.input_value("#text") == page.input_value("#text"), "a page that was closed has the answers, too"
    again.close()
    page.reload()
    assert page.is_visible("#end"), "the answers are still there"
    assert page.is_disabled("#again"), "nothing may be lost"
    assert saved(page) == answers
    page.click("#again")
    assert page.is_visible("#begin")
    assert page.evaluate("person.person") != person
    assert page.evaluate("trials") != before


REFUSED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"


def test_a_browser_that_keeps_nothing_asks_all_the_same(study, opened):
    page = opened(study("pairs", "-n", "2", "--checks", "0"), before=REFUSED)
    assert "do not close this page" in page.inner_text("#keeps")
    page.click("#start")
    page.wait_for_selector(READY)
    page.keyboard.press("1")
    page.reload()
    answers = answered(page, lambda page: page.keyboard.press("1"))
    assert len(answers["trials"]) == 2, "a reload loses nothing"


def test_pictures_vanish_after_their_time(study, opened):
    page = opened(study("fake", "-n", "2", "--practice", "1", "--time", "1s"))
    page.clock.install(time=0)
    page.reload()
    page.clock.pause_at(60_000)
    page.click("#start")
    page.wait_for_selector(READY)
    first = page.locator(".choice img >> nth=0")
    page.clock.run_for(999)
    assert first.is_visible()
    page.clock.run_for(1)
    assert first.is_hidden()
    page.keyboard.press("1")
    assert page.evaluate("person.trials[0].ms") == 1000
    assert first.is_visible(), "with the answer, people may look again"
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    assert first.is_visible()
    page.clock.run_for(500)
    page.reload()
    page.wait_for_selector(READY)
    assert first.is_hidden(), "nobody looks twice"
    assert "The pictures are gone" in page.inner_text("#told")
    page.keyboard.press("1")
    page.wait_for_selector(READY)
    assert first.is_visible(), "the next ones are new"


def test_people_see_all_pictures_about_equally(study, opened):
    page = opened(study("fake", "-n", "8", "--practice", "4"))
    drawn = json.loads(page.evaluate("JSON.stringify(Array.from({length: 150}, (_, i) => drawn('person ' + i)))"))
    seen: dict[tuple[int, str], int] = {}
    for trials in drawn:
        parts = {part: [one for one in trials if one["part"] == part] for part in ("practice", "scored", "check")}
        assert [len(parts[part]) for part in parts] == [4, 8, 2]
        names = [one["name"] for one in parts["scored"]]
        assert len(set(names)) == 8, "there are enough names for none to come twice"
        assert not {one["name"] for one in parts["practice"]} & set(names)
        methods = [side[0] for one in parts["scored"] for side in one["sides"] if side[0] != "real"]
        assert methods.count("m0") == 4
        for name, method in zip(names, methods, strict=True):
            seen[name, method] = seen.get((name, method), 0) + 1
    assert len(seen) == 24
    # 1200 trials over 24: 50 each. The draws of people are binomial, of a deviation below 7.
    assert all(50 - 28 < count < 50 + 28 for count in seen.values())
    first = [one["sides"][0][0] == "real" for trials in drawn for one in trials if one["part"] == "scored"]
    assert 0.44 < sum(first) / len(first) < 0.56, "sides are drawn: four deviations"
    assert len({json.dumps(trials) for trials in drawn}) == 150
    assert page.evaluate("JSON.stringify(drawn('person 3'))") == page.evaluate("JSON.stringify(drawn('person 3'))")
