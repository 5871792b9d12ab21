"""Which slow cases a run takes where there is time for a part of them: drawn by the commit, so that all come in turn.

A case is drawn by its name and a text, the commit's, and another commit draws others. Cases of files that changed
lately, or that test a module that did, are all taken: a fault is likeliest there.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

LATELY = 12  # commits


def share_of(text: str) -> float:
    """``2/5`` or ``.4`` as a number above 0 and at most 1."""
    above, _, below = text.partition("/")
    try:
        share = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        share = 0.0
    if not 0 < share <= 1:
        raise ValueError(f"--drawn is {text!r}; a share above 0 and at most 1 is asked for, as 2/5")
    return share


def git(root: Path, *arguments: str) -> str:
    """What git says, or nothing where it cannot."""
    command = ["git", "-c", "safe.directory=*", "-C", str(root), *arguments]  # a checkout may be another user's
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout


def under_test(path: str) -> set[str]:
    """What a test file's name says it tests, without suffixes: modules of each package, and the file itself."""
    parts = PurePosixPath(path).with_suffix("").parts
    inside = "/".join([*parts[1:-1], parts[-1].removeprefix("test_")])
    return {"/".join(parts), inside, f"slt_toys/{inside}"}


class Draw:
    """The cases of one run.

    Parameters
    ----------
    share
        Of all cases, above 0 and at most 1.
    text
        Another text draws other cases.
    touched
        Paths that changed lately, relative to the repository's root.
    """

    def __init__(self, share: float, text: str, touched: Iterable[str] = ()) -> None:
        self.share, self.text = share, text
        self.touched = {str(PurePosixPath(each).with_suffix("")) for each in touched if each}

    @classmethod
    def of_commit(cls, share: float, root: Path) -> Draw:
        """By the commit that is checked out, and what the last ones changed; without history by what was changed."""
        changed = git(root, "log", f"-{LATELY}", "--name-only", "--format=").splitlines()
        commit = git(root, "rev-parse", "HEAD").strip()
        changes = root / "CHANGELOG.md"
        if not commit and changes.is_file():
            commit = hashlib.sha256(changes.read_bytes()).hexdigest()
        return cls(share, commit, changed)

    def __contains__(self, case: str) -> bool:
        if self.touched & under_test(case.partition("::")[0]):
            return True
        # no checksum: those of one case under two texts go together, and commits would draw much the same
        digest = hashlib.sha256(f"{self.text} {case}".encode()).digest()
        return int.from_bytes(digest[:4], "big") < self.share * 2**32
