"""``python -m tui`` is ``canarytop``."""

from tui.cli.commands import main

if __name__ == "__main__":
    main()
