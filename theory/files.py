"""A file replaced in one go: the old content or the new, whatever happens in between."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_in_one_go(content: bytes, path: Path) -> None:
    """Write to a temporary name beside ``path``, flush it to the disk and rename it.

    Raises
    ------
    OSError
        If the folder is missing or cannot be written to; ``path`` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
