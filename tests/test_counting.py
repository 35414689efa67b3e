"""How messages count: the one word for one, the words for several, and what a list leaves out."""

from __future__ import annotations

from gantool.counting import and_more, count_in_words, first_few


def test_one_is_told_in_the_singular_and_none_and_several_in_the_plural() -> None:
    assert [count_in_words(count, "step") for count in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
    assert count_in_words(1, "pair differs", "pairs differ") == "1 pair differs"
    assert count_in_words(2, "pair differs", "pairs differ") == "2 pairs differ"


def test_a_long_list_says_how_many_it_leaves_out() -> None:
    assert first_few(["a", "b", "c"]) == "a, b, c"
    assert first_few(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert f"a{and_more(['a'])}, b{and_more(['b', 'c', 'd'])}" == "a, b (and 2 more)"
