"""Pickles of other programs: arrays and plain values come as they are, and nothing that a pickle names is run."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from gantool.unpickling import unpickled


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_numbers_and_texts_are_read(protocol):
    content = {
        "embeddings": [np.arange(6.0).reshape(2, 3), np.zeros((0, 4), np.float32)],
        "count": np.float32(3),
        "names": ["a", "ü"],
    }
    read = unpickled(pickle.dumps(content, protocol=protocol))
    for one, other in zip(read["embeddings"], content["embeddings"], strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert read["count"] == 3
    assert read["names"] == content["names"]


class _Harmful:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pickle.dumps(_Harmful()), "mkdir"),
        (pickle.dumps(np.array([print], dtype=object)), "builtins.print"),
        (b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.", "way that numpy's pickles do not"),
        (b"\x80\x02U\x01aQ.", "refers to what is not in it"),
        (pickle.dumps(np.arange(9))[:-20], "no whole pickle"),
        (b"", "no whole pickle"),
        (b"PNG", "no whole pickle"),
    ],
)
def test_all_else_is_refused_and_never_run(data, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        unpickled(data)
    assert not list(tmp_path.iterdir())
