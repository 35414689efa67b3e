"""The notebook of the documentation runs, and shows what it says."""

from __future__ import annotations

import pytest

from .pages import DOCS

nbformat = pytest.importorskip("nbformat", reason="needs nbclient and ipykernel")
nbclient = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel")

PAGE = DOCS / "notebook.ipynb"


def test_the_notebook_is_kept_without_its_results():
    for cell in nbformat.read(PAGE, as_version=4).cells:
        assert cell.cell_type == "markdown" or (not cell.outputs and cell.execution_count is None)


@pytest.mark.slow
def test_the_notebook_runs_and_its_progress_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    page = nbformat.read(PAGE, as_version=4)
    nbclient.NotebookClient(page, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    train, loaded, pictures, table = (cell.outputs for cell in page.cells if cell.cell_type == "code")
    (line,) = [one for one in train if one.output_type == "display_data"]
    assert "step" in line.data["text/html"]
    assert "6/6 100%" in line.data["text/html"]
    said = "".join(one.text for one in train if one.output_type == "stream")
    assert "done: runs/notebook. Translate with: gantool.translate(" in said
    assert "step 1/6" not in said
    assert "<caption>cyclegan</caption>" in loaded[-1].data["text/html"]
    assert "image/png" in pictures[-1].data
    assert "SWD" in table[-1].data["text/html"]
    assert "[" in table[-1].data["text/html"]
