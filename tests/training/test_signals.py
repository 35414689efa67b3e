"""A training never ends without a save: signals of batch systems and lost connections, and readers that go away."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest

from gantool.errors import DataError, DivergedError, Interrupted
from gantool.runs import folders
from gantool.signals import handled, interruptible, noted, raised
from tests.training.helpers import Toy, trainer
from tests.training.test_interruptions import saves, train, wait_for

NUMBERS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)


INSIDE = pytest.mark.parametrize(
    ("inside", "error"),
    [
        (partial(raised, lambda number: Interrupted("stopped", 128 + number)), Interrupted),
        (interruptible, KeyboardInterrupt),
    ],
    ids=["raised", "interruptible"],
)


def a_long_call() -> None:
    """Some seconds inside a call that lets other threads run, but none of Python's own handlers."""
    hashlib.pbkdf2_hmac("sha256", b"", b"", 3_000_000)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_signals_of_batch_systems_save_and_say_how_to_go_on(tmp_path, pictures, launch, number):
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored, as under nohup, and so it is by all that these tests start")
    process = launch(*train("--steps", "100000", "--save-every", "50000", "--json"))
    wait_for(process, '"event": "step"')
    process.send_signal(number)
    said, _ = process.communicate()
    assert process.returncode == 128 + number, said
    assert "stopping after this step" in said
    assert "--resume" in said
    assert len(saves(tmp_path / "run")) == 1


def test_the_answer_comes_while_the_main_thread_is_inside_a_long_call():
    inside: list[bool] = []
    main, over = threading.get_ident(), threading.Event()

    def is_inside() -> bool:
        return sys._current_frames()[main].f_code is a_long_call.__code__

    def send() -> None:
        while not is_inside():
            if over.is_set():
                return
        hashlib.pbkdf2_hmac("sha256", b"", b"", 100_000)  # by now the main thread is inside
        os.kill(os.getpid(), signal.SIGUSR1)

    with noted(lambda: inside.append(is_inside())) as received:
        sender = threading.Thread(target=send)
        sender.start()
        a_long_call()
        over.set()
    sender.join()
    assert inside == [True]
    assert received == [signal.SIGUSR1]


@pytest.mark.parametrize(
    "come",
    [partial(signal.raise_signal, signal.SIGINT), lambda: signal.raise_signal(signal.SIGINT)],
    ids=["there", "in a call from there"],
)
@INSIDE
def test_no_error_comes_where_a_lock_is_taken(inside, error, come):
    """The lock of a pool of threads stayed taken, and the pool waited for it for ever."""
    taken, given = [], []
    lock = SimpleNamespace(acquire=None, release=None)
    lock.__enter__ = come
    lock.__exit__ = lambda *_: given.append(True)

    def work() -> None:
        with inside(), threading.Condition(lock):
            taken.append(True)
            a_long_call()

    with pytest.raises(error):
        work()
    assert taken == given == [True]


def test_an_echo_is_no_second_signal_and_most_never_are():
    now = 0.0
    answers: list[str] = []
    with noted(lambda: answers.append("answered"), lambda: now) as received:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)  # as torchrun passes on what the terminal has sent to all
        now = 10.0
        for number in NUMBERS:
            signal.raise_signal(number)
        with pytest.raises(SystemExit) as found:
            signal.raise_signal(signal.SIGTERM)
    assert found.value.code == 143
    assert received == [signal.SIGINT]
    assert answers == ["answered"]


def test_a_second_signal_ends_the_process_within_a_call():
    code = """
import hashlib, itertools
from gantool.signals import noted
with noted(lambda: print("answered", flush=True), itertools.count(0, 2).__next__):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
print("over")
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "answered\n"
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate()
    assert (process.returncode, rest) == (130, "")


ENDLESS = """
    try:
        print("ready", flush=True)
        while True:
            pass
    finally:
        print("closing", flush=True)
        while True:
            pass
"""


def interrupt_twice(process: subprocess.Popen[str]) -> None:
    """Sends Ctrl-C to a process of `ENDLESS` at each of its words, and waits for its end."""
    assert process.stdout is not None
    for word in ("ready\n", "closing\n"):
        assert process.stdout.readline() == word
        process.send_signal(signal.SIGINT)
    process.communicate()


def test_a_second_ctrl_c_ends_what_waits_while_it_is_put_in_order():
    code = f"""
import itertools
from gantool.signals import interruptible
with interruptible(itertools.count(0, 2).__next__):
{ENDLESS}"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    interrupt_twice(process)
    assert process.returncode == -signal.SIGINT


def test_a_second_ctrl_c_leaves_a_cursor_where_a_bar_was():
    code = f"""
import itertools
from gantool.report.console import Console
from gantool.report.progress import progress
from gantool.signals import interruptible
with interruptible(itertools.count(0, 2).__next__), progress(Console(), 9):
{ENDLESS}"""
    terminal, theirs = os.openpty()
    surroundings = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, text=True, env=surroundings
    )
    os.close(theirs)
    interrupt_twice(process)
    drawn = b""
    with contextlib.suppress(OSError):  # so a terminal ends that nobody holds any more
        while part := os.read(terminal, 4096):
            drawn += part
    os.close(terminal)
    assert process.returncode == -signal.SIGINT
    assert b"\x1b[?25l" in drawn, "the bar hides it"
    assert drawn.rindex(b"\x1b[?25h") > drawn.rindex(b"\x1b[?25l")


IMPORTED = """
import signal
for _ in range(2):  # a terminal and a launcher both send the first
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        raise SystemError("libraries may abort the process here")
"""


@INSIDE
def test_no_error_comes_within_an_import_and_none_is_lost(inside, error):
    def work() -> None:
        with inside():
            exec(compile(IMPORTED, "<frozen importlib>", "exec"))
            for _ in range(100):
                a_long_call()

    with pytest.raises(error):
        work()
    assert [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)] == []


@pytest.mark.parametrize("ignored", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_stays_ignored_that_was_ignored_at_the_start(ignored):
    """As SIGHUP is under nohup, and SIGINT in what the shell of a script starts in the background."""
    before = signal.signal(ignored, signal.SIG_IGN)
    came: list[int] = []
    try:
        with handled(lambda number, _: came.append(number)), noted(lambda: None) as received:
            signal.raise_signal(ignored)
            signal.raise_signal(signal.SIGUSR1)
        assert received == [signal.SIGUSR1]
        with handled(lambda number, _: came.append(number)), interruptible():
            signal.raise_signal(ignored)
            signal.raise_signal(signal.SIGUSR1)
        assert came == [signal.SIGUSR1]
    finally:
        signal.signal(ignored, before)


def test_all_handlers_are_as_they_were():
    numbers = (signal.SIGINT, signal.SIGTERM, *NUMBERS)
    before = [signal.getsignal(number) for number in numbers]
    fd = signal.set_wakeup_fd(-1)
    threads = threading.active_count()
    with noted(lambda: None):
        pass
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.set_wakeup_fd(fd) == fd
    assert threading.active_count() == threads


def test_how_long_a_step_still_takes_is_said(tmp_path):
    run = trainer(tmp_path, steps=50)
    ticks = count(0, 3)
    run.clock = lambda: float(next(ticks))

    def stop(done: int) -> None:
        if done in (1, 5):
            run._answer()

    run.observer.on_step = stop
    run.train()
    first, later = run.observer.stops
    assert first is None, "nothing is known about the first step"
    assert later >= 0


@pytest.mark.parametrize("error", [DataError("the disk of the log is full"), OSError("it is gone")], ids=repr)
def test_an_error_between_two_steps_comes_after_a_save(tmp_path, error):
    run = trainer(tmp_path, steps=50, save_every=50)

    def fail(done: int) -> None:
        if done == 7:
            raise error

    run.observer.on_step = fail
    with pytest.raises(type(error)):
        run.train()
    assert run.observer.saves == [7]


def test_an_error_within_a_step_is_not_saved(tmp_path):
    class Breaks(Toy):
        def training_step(self, batch, run) -> None:
            super().training_step(batch, run)
            if run.now.step == 7:
                raise RuntimeError("half a step is done")

    run = trainer(tmp_path, Breaks, steps=50, save_every=50)
    with pytest.raises(RuntimeError):
        run.train()
    assert run.observer.saves == []


def test_divergence_is_not_saved(tmp_path):
    run = trainer(tmp_path, choices=Toy.Options(poison=tuple(range(5, 99))), steps=99, save_every=90)
    with pytest.raises(DivergedError):
        run.train()
    assert run.observer.saves == []


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["words", "events"])
def test_a_reader_that_goes_away_does_not_end_a_training(tmp_path, pictures, launch, more):
    process = launch(*train("--steps", "30", "--save-every", "30", *more))
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait() == 0
    assert saves(tmp_path / "run") == [30]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_words_that_find_a_full_disk_do_not_end_a_training(tmp_path, pictures, commands):
    with open("/dev/full", "w") as full:
        words = [commands / "gantool", *train("--steps", "3", "--save-every", "3")]
        done = subprocess.run(words, cwd=tmp_path, stdout=full, stderr=full, check=False)
    assert done.returncode == 0
    assert saves(tmp_path / "run") == [3]


def test_a_run_stopped_at_its_first_step_is_named_by_its_folder_alone(tmp_path):
    run = trainer(tmp_path, steps=50, save_every=10)
    run.observer.on_step = lambda done: signal.raise_signal(signal.SIGUSR1) if done == 1 else None
    with pytest.raises(Exception, match="stopped after step 1 of 50"):
        run.train()
    assert folders.aside(tmp_path) == folders.STOPPED_EARLY
    again = trainer(tmp_path, steps=50, save_every=10)
    again.resume(folders.saves(tmp_path)[-1])
    again.train()
    assert folders.aside(tmp_path) is None
