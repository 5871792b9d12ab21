"""What the study of intervals amounts to: one dataset, tables of coverage, and claims."""

from __future__ import annotations

import xarray as xr
from scipy.stats import binomtest

from ..results.claims import Claim, Table, Verdict, against_first, decimals, number_text, spoken, texts

SURE = 0.99  # confidence of a share's own interval; where it lies below 95 % coverage falls short

TITLE = "How often do intervals hold the truth?"
INTRODUCTION = """\
A 95 % interval must hold the truth in at least 95 of 100 repetitions. Here truths are known, and intervals are counted.

*Windows.* A decline is drawn from a *spectrum* of barriers and read. A window is a range of barrier heights, about a
kernel width wide; its interval is of the weight that the spectrum has there. It supposes nothing of the spectrum: it
bounds the weight over all non-negative spectra whose chi-square lies within a quantile of the least. That quantile has
*four degrees of freedom*, two barriers with a height and a weight each; the usual *profile* has one. *Full* windows are
those in which there is any weight: an empty one is held by any interval that begins at 0. *Beside an edge*: one barrier
alone in a window, next to its edge; *at both edges*: two, one next to either. These are the least favourable spectra
that were found. *Supposed smooth*: the interval of the regularised spectrum. *Few are enough*: share of readings in
which at most four separate barriers explain the decline.

*Ends.* e* is the end of a critical period by the kink of a hinge or by half depth. The *jitter* is the standard
deviation, in epochs, by which another seed moves the whole curve. With one seed the interval is that of the scatter of
rows, and holds *within that seed*. With more it is the t interval of the seeds' ends; *pooled*: with the scatter
between seeds pooled over three batch sizes. *Halving*: epochs per halving of the batch between these.

Limits: windows are counted with the kernel of two states and normal noise of known size, ends with hinges whose rows
scatter alike; a wrong kernel is refused by its chi-square, not covered."""


def dataset(windows: xr.Dataset, ends: xr.Dataset) -> xr.Dataset:
    """Counts of :mod:`slt_toys.barriers.window_coverage` and :mod:`slt_toys.fits.seed_coverage` in one."""
    parts = [
        part.drop_attrs().rename({name: f"{prefix}_{name}" for name in part.data_vars})
        for prefix, part in (("window", windows), ("end", ends))
    ]
    attrs = {"confidence": windows.attrs["confidence"], "studies": ends.attrs["runs"]}
    attrs |= {f"window_{name}": windows.attrs[name] for name in ("freedom", "runs", "intervals", "most")}
    return xr.merge(parts).assign_attrs(attrs)


def _share(held: float, count: float) -> str:
    return "-" if not count else f"{100 * held / count:.1f} %"


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Coverage of windows, widths and readings, coverage of ends, widths of ends."""
    return _coverage(data), _readings(data), _ends(data), _widths(data)


def _rows(data: xr.Dataset) -> list[xr.Dataset]:
    return [data.sel(kind=kind, noise=noise) for kind in data["kind"].values for noise in data["noise"].values]


def _coverage(data: xr.Dataset) -> Table:
    rows = _rows(data)
    pairs = {
        "all windows": ("held", "windows"),
        "full windows": ("full_held", "full"),
        "all, usual profile": ("held_profile", "windows"),
        "full, usual profile": ("full_held_profile", "full"),
    }
    columns = {
        "spectrum": [str(row["kind"].values) for row in rows],
        "standard error": texts([row["noise"].item() for row in rows]),
        "full windows counted": texts([row["window_full"].item() for row in rows]),
        **{
            heading: [_share(row[f"window_{held}"].item(), row[f"window_{of}"].item()) for row in rows]
            for heading, (held, of) in pairs.items()
        },
        "doubted": [_share(row["window_doubted"].item(), data.attrs["window_runs"]) for row in rows],
    }
    caption = (
        f"How many 95 % intervals of window weights hold the truth, of {data.attrs['window_runs']} declines of each "
        "kind and noise, each of a spectrum drawn anew."
    )
    return Table.of_columns("windows", caption, columns)


def _readings(data: xr.Dataset) -> Table:
    rows, count = _rows(data), data.attrs["window_intervals"]
    columns = {
        "spectrum": [str(row["kind"].values) for row in rows],
        "standard error": texts([row["noise"].item() for row in rows]),
        "width": [decimals(row["window_width"].item()) for row in rows],
        "width, usual profile": [decimals(row["window_width_profile"].item()) for row in rows],
        "supposed smooth": [
            _share(row["window_smooth_held"].item(), row["window_smooth_windows"].item()) for row in rows
        ],
        "few are enough": [_share(row["window_few"].item(), count) for row in rows],
    }
    caption = (
        f"Mean width of the intervals of full windows, how many intervals hold that suppose a smooth spectrum, and how "
        f"often at most {data.attrs['window_most']} separate barriers are enough; {count} declines each."
    )
    return Table.of_columns("readings", caption, columns)


def _cells(data: xr.Dataset) -> list[xr.Dataset]:
    return [
        data.sel(definition=name, jitter=jitter)
        for name in data["definition"].values
        for jitter in data["jitter"].values
    ]


def _ends(data: xr.Dataset) -> Table:
    rows = _cells(data)
    columns = {
        "definition": [spoken(row["definition"].values) for row in rows],
        "jitter": texts([row["jitter"].item() for row in rows]),
    }
    for heading, held, closed in (("", "held", "closed"), (", pooled", "pooled_held", "pooled_closed"),
                                  (", halving", "halving_held", "pooled_closed")):  # fmt: skip
        for count in data["seeds"].values:
            if count == 1 and heading:
                continue
            columns[f"{_seeds(count)}{heading}"] = [
                _share(row[f"end_{held}"].sel(seeds=count).item(), row[f"end_{closed}"].sel(seeds=count).item())
                for row in rows
            ]
    caption = f"How many 95 % intervals of e* hold it, of {data.attrs['studies']} simulated studies each."
    return Table.of_columns("ends", caption, columns)


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _widths(data: xr.Dataset) -> Table:
    rows = _cells(data)
    columns = {
        "definition": [spoken(row["definition"].values) for row in rows],
        "jitter": texts([row["jitter"].item() for row in rows]),
    }
    for heading, name in (("", "width"), (", pooled", "pooled_width")):
        for count in data["seeds"].values:
            if count > 1 or not heading:
                columns[f"{_seeds(count)}{heading}"] = [
                    decimals(row[f"end_{name}"].sel(seeds=count).item(), 1) for row in rows
                ]
    return Table.of_columns("widths_of_ends", "Mean width of the intervals of e*, in epochs.", columns)


# ---- claims ---------------------------------------------------------------------------------------------------------
def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What does not hold first."""
    full, edges = ("window_full_held", "window_full"), ["1 barrier beside an edge", "2 barriers at both edges"]
    separate = [str(kind) for kind in data["kind"].values if str(kind)[0].isdigit() and kind not in edges]
    others = [str(kind) for kind in data["kind"].values if kind not in (*edges, *separate)]
    told = [
        _covered(data.sel(kind=separate), *full, "windows-of-separate-barriers",
                 "Intervals of full windows hold the truth of 1 to 4 separate barriers"),
        _covered(data.sel(kind=others), *full, "windows-of-other-spectra",
                 "Intervals of full windows hold the truth of smooth spectra, narrow peaks and mixtures"),
        _covered(data.sel(kind=edges), *full, "windows-least-favourable",
                 "Intervals of full windows hold the truth of barriers beside their edges"),
        _covered(data.sel(kind=edges), "window_full_held_profile", "window_full", "windows-by-the-usual-profile",
                 "By the usual profile they would hold it, of barriers beside their edges"),
        _covered(data.sel(kind=[*separate, *edges]), "window_smooth_held", "window_smooth_windows",
                 "windows-supposed-smooth",
                 "Intervals that suppose a smooth spectrum hold the truth of separate barriers"),
    ]  # fmt: skip
    several = data.isel(seeds=data["seeds"].values > 1)
    most = data.isel(jitter=-1)
    if several.sizes["seeds"]:
        told.append(_covered(several, "end_held", "end_closed", "ends-of-several-seeds",
                             "Intervals of e* from several seeds hold it, whatever the jitter"))  # fmt: skip
        told.append(_covered(several, "end_pooled_held", "end_pooled_closed", "ends-pooled",
                             "With scatter pooled over batch sizes they hold it"))  # fmt: skip
    if 1 in data["seeds"].values:
        told.append(_covered(
            most.sel(seeds=[1], definition=["hinge"]), "end_held", "end_closed", "ends-of-one-seed",
            f"Within one seed, under {number_text(most['jitter'].item())} epochs of jitter, hinge intervals hold e*",
        ))  # fmt: skip
    return against_first(told)


def _covered(data: xr.Dataset, held: str, of: str, name: str, words: str) -> Claim:
    """Whether so many of them are not surprisingly few for 95 %."""
    hits, count = int(data[held].sum()), int(data[of].sum())
    if not count:
        return Claim(name, f"{words}: none was closed.", None, None, None, "cannot tell")
    ends = binomtest(hits, count).proportion_ci(SURE, "exact")
    value, low, high, nominal = (
        100 * float(each) for each in (hits / count, ends.low, ends.high, data.attrs["confidence"])
    )
    verdict: Verdict = "no" if high < nominal else "yes"
    return Claim(name, f"{words}: {value:.1f} % [{low:.1f}, {high:.1f}].", value, (low, high), nominal, verdict)
