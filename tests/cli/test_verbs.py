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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sample", "-m", "m", "--truncation", "2", "out"), '--truncation is 0 to 1, not "2"'),
        (("sample", "-m", "m", "--quality", "good", "out"), '--quality is a whole number, 1 to 100, not "good"'),
        (("sample", "interpolate", "-m", "m", "--steps", "0", "out"), '--steps is a whole number, at least 1, not "0"'),
        (("sample", "-m", "m", "--seed", "x", "out"), '--seed is a whole number, not "x"'),
        (("sample", "-m", "m", "--grd", "2x2", "out"), "gantool sample has no --grd. Did you mean --grid?"),
        (("sample", "-m", "m", "--zzz", "out"), "gantool sample has no --zzz. gantool sample -h lists its flags"),
        (("runs", "note"), "missing argument 'RUN': gantool runs note -h tells more"),
        (("nope",), "no such command 'nope': gantool -h tells more"),
    ],
)
def test_what_the_parser_refuses_is_one_line(main, words, said):
    assert main(*words, code=2)[1:] == ("", f"error: {said}\n")


@pytest.mark.parametrize("name", ["-lead.png", "-minus.png"])
def test_a_file_whose_name_begins_as_flags_do_is_told(main, tmp_path, name):
    (tmp_path / name).touch()
    _, _, said = main("translate", "--model", "demo", name, "out.png", code=None)
    assert said.endswith(f'"{name}" was read as flags: the file is "./{name}"\n')


def test_a_word_that_is_empty_is_refused_in_one_line(main):
    assert main("train", "cyclegan", "", "none", code=3)[2] == "error: none does not exist\n"


@pytest.mark.parametrize("words", [(), ("data",)])
def test_no_words_show_help(main, words):
    assert "Commands:" in main(*words, code=2)[2]
