"""A command line that refuses in one line."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Options as `argparse` reads them, without the usage before a refusal.

    ``prog`` is what is typed, unless the program was started by another name, which ``__main__.__program__`` then is.
    """

    def __init__(self, *, prog: str, description: str | None = None) -> None:
        super().__init__(prog=getattr(sys.modules.get("__main__"), "__program__", prog), description=description)

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one line on standard error."""
        self.exit(2, f"error: {' '.join(message.split())}\n")
