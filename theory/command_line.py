"""A command line that refuses in one line."""

from __future__ import annotations

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Options as `argparse` reads them, without the usage before a refusal."""

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one line on standard error."""
        self.exit(2, f"error: {' '.join(message.split())}\n")
