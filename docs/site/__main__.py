"""Build the site: ``python -m docs.site``.

The pages are staged, notebooks are run where they changed, and every warning is an error. No network is needed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from .links import broken_links
from .stage import HERE, stage, write

NEEDED = ("sphinx", "myst_nb", "pydata_sphinx_theme", "sphinx_design", "sphinx_gallery", "sphinx_copybutton", "torch")


def build(out: Path, *, fresh: bool = False, jobs: int = 2) -> int:
    """Stage and build below ``out``; return Sphinx's exit status."""
    if fresh and out.exists():
        shutil.rmtree(out)
    began = time.perf_counter()
    source = stage(out / "source")
    print(f"{len(list(source.rglob('*.md')))} pages staged in {time.perf_counter() - began:.0f} s", flush=True)
    command = [
        sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "-j", str(jobs), "-c", str(HERE),
        "-D", f"linked_sources_root={source}", "-d", str(out / "doctrees"), str(source), str(out / "html"),
    ]  # fmt: skip
    status = subprocess.run(command, check=False, env=os.environ | {"IPYTHONDIR": str(_kernel_profile(out))}).returncode
    if status == 0 and (lost := broken_links(out / "html")):
        print("\n".join(["links that lead nowhere, or load what another host has:", *lost[:50]]), file=sys.stderr)
        return 1
    if status == 0:
        print(f"{out / 'html' / 'index.html'} built in {time.perf_counter() - began:.0f} s")
    return status


def _kernel_profile(out: Path) -> Path:
    """A profile of IPython's for notebooks alone: no start-up files of the user's, and only errors are told."""
    folder = out.resolve() / "ipython"
    profile = folder / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    write(profile / "ipython_kernel_config.json", '{"IPKernelApp": {"log_level": 40}}')
    return folder


def main() -> int:
    """Read the options and build."""
    options = argparse.ArgumentParser(prog="python -m docs.site", description="Build the site, without a network.")
    options.add_argument("--out", type=Path, default=Path("results/site"), help="folder of the site (%(default)s)")
    options.add_argument("--fresh", action="store_true", help="begin anew: keep neither pages nor notebooks that ran")
    options.add_argument("--jobs", type=int, default=2, help="processes that read and write pages (%(default)s)")
    chosen = options.parse_args()
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        print(f"the site needs {missing[0]}; install the docs extra: pip install -c constraints.txt -e '.[cifar,docs]'")
        return 2
    if chosen.jobs < 1:
        print(f"--jobs must be at least 1, not {chosen.jobs}")
        return 2
    return build(chosen.out, fresh=chosen.fresh, jobs=chosen.jobs)


if __name__ == "__main__":
    sys.exit(main())
