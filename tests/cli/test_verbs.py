"""Verbs of two words, such as `gantool runs show`, whose second word is misspelt."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("words", "meant"),
    [(("sample", "interpolte", "-m", "M"), "interpolate"), (("sample", "mx"), "mix"), (("runs", "shwo"), "show")],
)
def test_a_misspelt_one_is_refused_with_both_readings(main, words, meant):
    assert main(*words, code=2)[2] == (
        f'error: {words[0]} has no verb "{words[1]}". Did you mean {meant}? A folder of that name: ./{words[1]}\n'
    )


def test_a_folder_of_such_a_name_is_meant_where_it_is_there_or_a_path(main, tmp_path):
    assert "there is no folder shwo" in main("runs", "./shwo", code=3)[2]
    (tmp_path / "shwo").mkdir()
    assert "there is no run below shwo/" in main("runs", "shwo")[2]
    assert "there is no folder elsewhere" in main("runs", "elsewhere", code=3)[2]


@pytest.mark.parametrize("words", [("study", "mkae"), ("data", "chekc"), ("plugins", "chekc")])
def test_groups_without_words_of_their_own_guess_too(main, words):
    assert "Did you mean" in main(*words, code=2)[2]
