"""The command `gantool`: verbs, errors as one line, exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Sequence

import typer

from gantool import registry
from gantool.cli import (
    compare,
    data,
    demo,
    doctor,
    evaluate,
    export,
    hub,
    importing,
    info,
    models,
    parsing,
    plugins,
    projecting,
    runs_changes,
    sample,
    sampling_ways,
    study,
    train,
    translate,
    unfinished,
)
from gantool.cli.common import spelled_flag
from gantool.cli.verbs import Verbs
from gantool.cli.words import check_models, with_resume_value
from gantool.errors import (
    CheckpointError,
    DataError,
    GantoolError,
    Interrupted,
    OutOfMemoryError,
    TimeLimitReached,
    argument,
    ran_out,
)
from gantool.report.console import Console
from gantool.schema import first_line
from gantool.signals import interruptible
from gantool.version import __version__

EXIT_CODES = (
    "Exit codes: 0 done, 1 some inputs failed, 2 usage, 3 data, 4 checkpoint or plugin, 5 memory, 6 training diverged, "
    "75 time limit reached and saved, 128+N stopped by signal N (130 Ctrl-C, 143 SIGTERM, 141 results unread)."
)

_UNREAD = 141  # what a shell says of a program that SIGPIPE ended: 128 + 13

app = typer.Typer(
    name="gantool",
    cls=Verbs,
    help="Translating and making pictures with GANs.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawn help costs 100 ms of CPU time at each start
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
app.command("train")(train.train)
app.command("translate")(translate.translate)
app.command("sample")(sample.sample)
app.command("sample interpolate")(sampling_ways.interpolate)
app.command("sample mix")(sampling_ways.mix)
app.command("sample project")(projecting.project)
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("export")(export.export)
app.command("import")(importing.import_)
app.command("push")(hub.push)
app.command("pull")(hub.pull)
app.command("models")(models.models)
app.add_typer(plugins.app, name="plugins")
app.command("info")(info.info)
runs_changes.add_verbs(app)
app.add_typer(data.app, name="data")
app.add_typer(study.app, name="study")
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


@app.callback()
def _gantool(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:  # answered in `main` already, unless something else stood before it
        Console().result(f"gantool {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its code."""
    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not _verbose(words):  # a damaged EXIF block is no news to the person who translates a thousand pictures
        warnings.filterwarnings("ignore", module="PIL")
    try:
        if words[:1] == ["--version"]:
            Console().result(f"gantool {__version__}")
        else:
            check_models(words)
            with interruptible():
                _call(with_resume_value(words))
    except GantoolError as error:
        _say(error, words, error.text + parsing.taken_for_flags(words))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our results has gone (`| head`): that is its right. Python would complain once more while it
        # exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_UNREAD)
    except KeyboardInterrupt:
        _say(Interrupted(unfinished.stopped(words), 130), words)
        sys.exit(130)
    except OSError as error:  # a full or read-only disk, where it was not expected
        where = f"{error.filename}: " if error.filename else ""
        _say(error, words, f"{where}{error.strerror or error}")
        sys.exit(DataError.exit_code)
    except Exception as error:
        if ran_out(error):
            short = f"the memory does not suffice ({first_line(error)[:80]})"
            _say(error, words, f"{short}: try {unfinished.roomier(words)}")
            sys.exit(OutOfMemoryError.exit_code)
        # Faults of people, files and machines have been answered: this is a mistake in a plugin, or one of ours.
        mistake = registry.mistake(error)
        if mistake is None:
            raise
        _say(error, words, f"{mistake}. {argument('verbose')} shows the calls")
        sys.exit(CheckpointError.exit_code)


def _call(words: list[str]) -> None:
    """Runs one command. Raises what it raises, UsageError for words that the parser refuses, SystemExit at its end."""
    try:
        code = app(words, prog_name="gantool", standalone_mode=False)
    except parsing.REFUSED as error:
        raise parsing.refusal(error) from None
    except typer.Abort:
        raise GantoolError("stopped: the question was not answered") from None
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # the parser turns it into 1
            raise end.__context__ from None
        raise
    sys.exit(code or 0)


def _open_streams() -> None:
    """Where a caller closed stdin, stdout or stderr, the next file that is opened must not take their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # it stays open


def _verbose(words: Sequence[str]) -> bool:
    return any(word.startswith("-v") or word == "--verbose" for word in words)


def _say(error: Exception, words: Sequence[str], text: str = "") -> None:
    if _verbose(words):
        import traceback

        with contextlib.suppress(OSError):  # nobody reads it
            traceback.print_exception(error)
    silent = any(word.startswith("-qq") for word in words) or sum(word in ("-q", "--quiet") for word in words) > 1
    console = Console(verbosity=-2 if silent else 0, spell=spelled_flag)
    said = text or (error.text if isinstance(error, GantoolError) else str(error))
    with contextlib.suppress(OSError):  # stderr may be on a full disk: the exit code tells it all the same
        if isinstance(error, (Interrupted, TimeLimitReached)):  # a stop that was asked for is no error
            console.note(said)
        else:
            console.error(said)
