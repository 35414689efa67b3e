"""Tables as they are printed, and how saved ones are joined."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from gantool.comparison import forms, saved
from gantool.comparison.found import Comparison, Row
from gantool.comparison.table import joined, table
from gantool.errors import DataError, UsageError
from gantool.evaluation.resampling import Interval
from gantool.report.text import to_json

BEST = Row(
    "ours_50%",
    "a",
    {"kid": 0.1161, "kid_std": 0.0057, "is": 2.5, "is_10": 2.25, "is_10_std": 0.125, "psnr": None},
    {"kid": Interval(0.111, 0.121), "is": Interval(2, 3)},
    {"kid": "best", "is": "near", "psnr": "best"},
)
OTHER = Row(
    "b|c", "b", {"kid": 1.25, "is": 4, "psnr": 9.5}, {"kid": Interval(1, 1.5), "psnr": Interval(9, 10)}, {"is": "best"}
)
FOUND = Comparison("selfie2anime", ("kid", "is", "psnr"), (BEST, OTHER), 200)


def test_plain_text():
    shown = table(FOUND)
    heads, rows = forms.text(shown)
    assert heads == ["model", "KID ↓", "Inception score ↑", "PSNR (dB) ↑"]
    assert rows == [
        ["ours_50%", "0.11610 ± 0.00500 *", "2.5000 ± 0.5000 ~", " inf        *"],
        ["b|c", "1.25000 ± 0.25000", "4.0000          *", "9.50 ± 0.50"],
    ]
    assert forms.legend(shown) == (
        "± half of the 95 % interval, of 200 draws; * the best of its column; ~ not distinguishable from the best"
    )


def test_a_table_that_is_too_wide_is_several_with_the_models_before_each():
    heads, rows = forms.text(table(FOUND))
    assert list(forms.blocks(heads, rows, None)) == [(heads, rows)]
    parts = list(forms.blocks(heads, rows, 55))
    assert [part[0] for part in parts] == [["model", "KID ↓", "Inception score ↑"], ["model", "PSNR (dB) ↑"]]
    assert parts[1][1][1] == ["b|c", "9.50 ± 0.50"]
    assert len(list(forms.blocks(heads, rows, 5))) == 3


def test_latex_is_booktabs():
    assert forms.as_latex(table(FOUND)).splitlines() == [
        r"% \usepackage{booktabs}",
        r"% selfie2anime; $\pm$: half of the 95 % interval, of 200 draws; bold: the best of its column;"
        " underlined: not distinguishable from the best",
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r"& KID $\downarrow$ & Inception score $\uparrow$ & PSNR (dB) $\uparrow$ \\",
        r"\midrule",
        r"ours\_50\% & $\mathbf{0.11610} \pm 0.00500$ & $\underline{2.5000} \pm 0.5000$ & $\mathbf{\infty}$ \\",
        r"b|c & $1.25000 \pm 0.25000$ & $\mathbf{4.0000}$ & $9.50 \pm 0.50$ \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_papers_have_kid_times_100_and_deviations():
    lines = forms.as_latex(table(FOUND, papers=True)).splitlines()
    assert lines[4] == r"& KID $\times 100$ $\downarrow$ & Inception score $\uparrow$ & PSNR (dB) $\uparrow$ \\"
    ours = r"ours\_50\% & $\mathbf{11.61} \pm 0.57$ & $2.2500 \pm 0.1250$ & $\mathbf{\infty}$ \\"
    assert lines[6] == ours, "the marks are those of the values that are printed: of the ten parts, not of all"
    assert lines[7].startswith(r"b|c & $125.00$ &")  # one subset has no deviation
    best = replace(FOUND, rows=(replace(BEST, marks={"is": "near", "is_10": "best"}), OTHER))
    assert r"& $\mathbf{2.2500} \pm 0.1250$ &" in forms.as_latex(table(best, papers=True))
    assert forms.legend(table(FOUND, papers=True)).startswith("± the deviation over subsets (KID)")


def test_markdown_and_csv():
    lines = forms.as_markdown(table(FOUND)).splitlines()
    assert lines[2] == "| ours_50% | **0.11610 ± 0.00500** | _2.5000 ± 0.5000_ | **inf** |"
    assert lines[3] == r"| b\|c | 1.25000 ± 0.25000 | **4.0000** | 9.50 ± 0.50 |"
    assert all(line.count("|") - line.count(r"\|") == 5 for line in lines[:4])
    first, second = csv.DictReader(io.StringIO(forms.as_csv(table(FOUND))))
    assert (first["model"], first["kid"], first["kid_low"], first["kid_mark"]) == (
        "ours_50%",
        "0.1161",
        "0.111",
        "best",
    )
    assert (second["psnr"], second["psnr_high"], second["psnr_mark"]) == ("9.5", "10", "")
    papers = next(csv.DictReader(io.StringIO(forms.as_csv(table(FOUND, papers=True)))))
    assert float(papers["kid_x100"]) == pytest.approx(11.61)
    assert float(papers["kid_x100_std"]) == pytest.approx(0.57)


def write(path: Path, found: Comparison) -> Path:
    path.write_text(to_json(found.as_dict()))
    return path


def test_what_is_saved_is_read(tmp_path):
    assert saved.read(str(write(tmp_path / "a.json", FOUND))) == FOUND
    assert saved.read(f"faces={tmp_path / 'a.json'}").data == "faces"


def test_data_sets_are_columns_of_a_joined_table(main, tmp_path):
    write(tmp_path / "a.json", FOUND)
    write(tmp_path / "b.json", replace(FOUND, data="horse2zebra", rows=(OTHER, replace(BEST, name="third"))))
    out = main("compare", "a.json", "b.json", "--papers", "--latex")[1].splitlines()
    assert out[1].startswith("% KID x100 ↓;")
    assert out[4:] == [
        r"& selfie2anime & horse2zebra \\",
        r"\midrule",
        r"ours\_50\% & $\mathbf{11.61} \pm 0.57$ & -- \\",
        r"b|c & $125.00$ & $125.00$ \\",
        r"third & -- & $\mathbf{11.61} \pm 0.57$ \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    out = main("compare", "a.json", "b.json", "--metrics", "psnr")[1].splitlines()
    assert out[0] == "PSNR (dB) ↑"
    assert out[2].split() == ["ours_50%", "inf", "*", "-"]
    cells = json.loads(main("compare", "a.json", "b.json", "--json")[1])["rows"][0]["cells"]
    assert cells["selfie2anime"]["value"] == 0.1161
    assert cells["horse2zebra"] is None


def test_what_does_not_join_is_refused():
    other = replace(FOUND, data="other", columns=("psnr",))
    with pytest.raises(UsageError, match="2 files are of the data set selfie2anime"):
        joined([FOUND, FOUND])
    with pytest.raises(UsageError, match="one metric, not 2"):
        joined([FOUND, other], ["kid", "is"])
    with pytest.raises(UsageError, match="fid was not measured on selfie2anime, other"):
        joined([FOUND, other], ["fid"])
    with pytest.raises(UsageError, match="no column in common"):
        joined([replace(FOUND, columns=("kid",)), other])


def test_damaged_files_are_refused_in_one_line(tmp_path):
    whole = json.loads(to_json(FOUND.as_dict()))
    path = tmp_path / "x.json"
    for change in (
        {"columns": ["no such"]},
        {"rows": []},
        {"rows": [{**whole["rows"][0], "marks": {"kid": "worst"}}]},
        {"rows": [{**whole["rows"][0], "intervals": {"kid": [1]}}]},
        {"rows": [{**whole["rows"][0], "metrics": {"kid": "1"}}]},
        {"resamples": -1},
    ):
        path.write_text(json.dumps({**whole, **change}))
        with pytest.raises(DataError, match="is no comparison") as error:
            saved.read(str(path))
        assert "\n" not in str(error.value)
    path.write_text("[")
    with pytest.raises(DataError, match="is no comparison"):
        saved.read(str(path))
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="it is a pipe, not a file"):
        saved.read(str(tmp_path / "pipe.json"))
