"""Counts of bytes, to and from words."""

from __future__ import annotations

import pytest

from gantool.byte_sizes import bytes_in_words, parse_bytes
from gantool.errors import UsageError


def test_bytes_are_said_in_three_digits():
    assert [bytes_in_words(count) for count in (0, 812, 999.4, 1000, 4_312_000, 120e9, 999.6e6, 4e15)] == [
        *("0 B", "812 B", "999 B", "1 kB", "4.31 MB", "120 GB", "1 GB", "4000 TB"),
    ]


def test_bytes_are_read_as_people_write_them():
    assert (parse_bytes("500M"), parse_bytes("1.5g"), parse_bytes("1GiB")) == (5 * 10**8, 15 * 10**8, 2**30)
    for wrong in ("", "0", "M", "5X", "-1G"):
        with pytest.raises(UsageError, match="memory wants a size"):
            parse_bytes(wrong)
    for wrong in ("999999999999999999999T", "1000001T", "9" * 5000):
        with pytest.raises(UsageError, match="memory is at most 1000000T, not"):
            parse_bytes(wrong)
