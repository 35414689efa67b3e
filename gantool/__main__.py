"""The program: ``gantool``, ``python -m gantool``, and so ``torchrun -m gantool``."""

import sys


def main() -> None:
    """Runs one command and exits with its code, also where Ctrl-C comes before all verbs are there."""
    try:
        from gantool.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
