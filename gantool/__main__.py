"""``python -m gantool``, and so ``torchrun -m gantool``."""

from gantool.cli.main import main

if __name__ == "__main__":
    main()
