"""Redraw figures from saved results: ``python -m figures [NAME ...] [--data FOLDER] [--out FOLDER]``."""

from __future__ import annotations

import importlib
import io
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import figures
from theory.command_line import Parser
from theory.files import write_in_one_go

if TYPE_CHECKING:
    import xarray


def drawings() -> dict[str, Callable[[xarray.Dataset], Any]]:
    """Every module that draws: its name to its ``draw``, which gives one figure, or several by their files' stems."""
    names = [module.name for module in pkgutil.iter_modules(figures.__path__) if not module.name.startswith("_")]
    modules = {name: importlib.import_module(f"figures.{name}") for name in names}
    return {name: module.draw for name, module in modules.items() if hasattr(module, "draw")}


def redraw(names: Sequence[str], data: Path, out: Path, formats: Sequence[str]) -> list[Path]:
    """Draw the figures of each named module from ``data/NAME.nc``; with no names, of all that have such a file.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ValueError
        If a name is unknown.
    OSError
        If a result is missing or a file cannot be written.
    """
    import xarray

    known = drawings()
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"NAME: there is no figure {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    wanted = list(names) or [name for name in sorted(known) if (data / f"{name}.nc").is_file()]
    if not wanted:
        raise FileNotFoundError(f"--data: no saved result of any figure in {data}; run an experiment first")
    for name in wanted:
        if not (data / f"{name}.nc").is_file():
            raise FileNotFoundError(f"--data: there is no {name}.nc in {data}; run slt_toys.{name} first")
    written = []
    for name in wanted:
        with xarray.open_dataset(data / f"{name}.nc", engine="h5netcdf") as dataset:
            drawn = known[name](dataset.load())
        for stem, figure in (drawn if isinstance(drawn, Mapping) else {name: drawn}).items():
            written += [_save(figure, out / f"{stem}.{ending}", ending) for ending in formats]
    return written


def _save(figure: Any, path: Path, ending: str) -> Path:
    # Not slt_toys.results.records.write_figure: this package stands below slt_toys and knows nothing of it.
    content = io.BytesIO()
    figure.savefig(content, format=ending, **({"metadata": {"Date": None}} if ending == "svg" else {}))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_in_one_go(content.getvalue(), path)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = Parser(prog="python -m figures", description="Redraw figures from saved results.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures to redraw (default: all with results)")
    parser.add_argument("--data", type=Path, default=Path("results"), help="folder with NAME.nc (%(default)s)")
    parser.add_argument("--out", type=Path, help="folder to draw into (default: that of --data)")
    parser.add_argument("--formats", nargs="+", default=["png", "svg"], metavar="ENDING", help="png svg pdf ...")
    options = parser.parse_args(arguments)
    try:
        for path in redraw(options.names, options.data, options.out or options.data, options.formats):
            print(path)
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
