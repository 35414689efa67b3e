"""Work shared by processes: `--jobs`."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Thread

import pytest
import torch

from gantool.errors import DataError, GantoolError, OutOfMemoryError, UsageError
from gantool.inference.jobs import WORTH, how_many
from gantool.inference.processes import Desk, shared
from tests.inference import works
from tests.inference.works import Given

CPU = torch.device("cpu")


@pytest.fixture
def given(tmp_path) -> Given:
    os.mkfifo(tmp_path / "meeting")
    return Given(os.getpid(), tmp_path / "meeting")


def test_results_come_in_the_order_of_their_items_whoever_computes_them(given):
    here = list[int]()
    found = list(shared(works.squares, given, range(8), 2, here, 0))
    assert [square for square, _ in found] == [1, 4, 16, 25, 49, 0, 9, 36]
    assert len({process for _, process in found}) == 2
    assert sorted(here) == [item * item for item in range(8)]


@pytest.mark.parametrize(
    ("work", "kind", "words"),
    [
        (works.killed, OutOfMemoryError, "one of 2 processes was killed"),
        (works.exits, GantoolError, "one of 2 processes ended with exit code 7"),
        (works.fails, DataError, "the disk is full"),
        (works.is_wrong, RuntimeError, "KeyError: 'missing'"),
        (works.finds_no_memory, MemoryError, None),
    ],
)
def test_the_end_of_another_process_ends_all_though_it_had_the_room(given, work: Callable, kind, words):
    threads = torch.get_num_threads()
    with pytest.raises(kind, match=words):
        list(shared(work, given, range(4), 2, None, 100))
    assert torch.get_num_threads() == threads


def test_a_pass_waits_for_its_room():
    desk: Desk[int, int] = Desk([], None, 100)
    taken = desk.enter(70)
    order: list[str] = []

    def second() -> None:
        order.append(f"in with {desk.enter(1000)}")

    other = Thread(target=second)
    other.start()
    other.join(0.02)
    order.append("out")
    desk.leave(taken)
    other.join()
    assert order == ["out", "in with 100"]


def test_by_themselves_processes_are_as_many_as_threads_where_all_have_enough_to_do(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr("gantool.inference.memory.available", lambda device: 10**10)
    try:
        torch.set_num_threads(4)
        assert how_many(None, CPU, 32, WORTH // 8) == 4
        assert how_many(None, CPU, 31, WORTH // 8) is None
        assert how_many(None, CPU, 7, 100 * WORTH) is None  # too few to share
        assert how_many(None, torch.device("cuda"), 1000, WORTH) is None
        monkeypatch.setattr("gantool.inference.memory.available", lambda device: 10**9)
        assert how_many(None, CPU, 32, WORTH // 8) is None
        torch.set_num_threads(1)
        assert how_many(None, CPU, 1000, WORTH) is None
    finally:
        torch.set_num_threads(before)


def test_a_number_that_is_asked_for_is_taken_on_a_cpu():
    assert [how_many(3, CPU, count, 1) for count in (1, 2, 5)] == [1, 2, 3]
    assert how_many(1, torch.device("cuda"), 5, 1) is None
    with pytest.raises(UsageError, match="jobs is for CPUs"):
        how_many(2, torch.device("cuda"), 5, 1)
