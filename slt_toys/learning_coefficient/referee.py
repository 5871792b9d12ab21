"""The referee: problems with an exact λ and an exact energy at finite nβ, run through the estimator at its defaults.

``python -m slt_toys.learning_coefficient --referee``. An estimate is *wrong* if it is off the exact energy by more than
three standard errors and by more than three per cent; it is right otherwise.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from slt_toys.results.recipe import Experiment, at_least

if TYPE_CHECKING:
    import xarray as xr

    from slt_toys.results.claims import Claim, Outcome, Table

CONFIDENCE = 0.95
MOST_WRONG, MOST_DOUBTED = 0.01, 0.10
COVERED = 0.93, 0.97
SIZES = (1000, 100_000, 10_000_000)
INTRODUCTION = """\
Problems whose learning coefficient λ is exact, and whose mean energy at finite nβ is known too, are run through
`local_learning_coefficient` at its defaults; data and chains are drawn anew for each seed. The energy is exact, but for
deep linear networks at typical minima and n = 1e3, where it is a long run of another sampler, Gibbs', on the same data,
known to 0.2 %, in which flat directions are held by the estimator's own rule: its coverage there says nothing of that
rule. From 1e5 on λ stands for it, as such runs say. An estimate is wrong if it is off that energy by more than three
standard errors and by more than 3 %. Where branches of minima cross there is no such energy without localisation: λ is
asked for, and what cannot reach it at this n has to be doubted. Now and then the data drawn at n = 1e3 leave a network
so near to a crossing that no branch is typical and there is no energy: such runs count nowhere."""


@dataclass(frozen=True, kw_only=True)
class LearningCoefficientReferee(Experiment):
    """Hold the estimator against problems that are known exactly.

    Stop it at any time: the same command goes on with what is left.

    Attributes
    ----------
    seeds
        Of each problem and size.
    examples
        Numbers of examples n.
    problems
        Which problems, by name; none for all.
    peers
        Other estimators beside this one, such as devinterp-1.3.2: a name installs it into an environment of its own,
        NAME=FOLDER uses a virtual environment that has it.
    peer_seeds
        How many of the seeds, the first ones, peers run on as well; all if None.
    """

    NAME: ClassVar[str] = "learning_coefficient_referee"
    COMMAND: ClassVar[str] = "python -m slt_toys.learning_coefficient --referee"

    seeds: int = 2
    examples: tuple[int, ...] = SIZES
    problems: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    peer_seeds: int | None = None

    def __post_init__(self) -> None:
        at_least(self, seeds=1, examples=20)
        if self.peer_seeds is not None:
            at_least(self, peer_seeds=1)
        if not self.examples:
            raise ValueError("--examples: none; give at least one number")

    def run(self) -> xr.Dataset:
        """Measure."""
        import numpy as np
        import xarray as xr

        from slt_toys.learning_coefficient.referee_problems import PROBLEMS
        from slt_toys.learning_coefficient.study_cases import finished_case
        from slt_toys.results.progress import progress

        unknown = sorted(set(self.problems) - set(PROBLEMS))
        if unknown:
            raise ValueError(f"--problems: {', '.join(unknown)} unknown; known are {', '.join(PROBLEMS)}")
        folder = self.out.expanduser() / f"{self.NAME}.cases"
        names = self.problems or tuple(PROBLEMS)
        tasks = [(name, n, self.seed + k) for k in range(self.seeds) for n in self.examples for name in names]
        found, missing, beside = [], [], []
        if self.peers:
            from slt_toys.learning_coefficient import peers

            found, missing = peers.environments(self.peers, self.out.expanduser() / f"{self.NAME}.peers")
        rows = []
        with progress("problems", len(tasks)) as advance:
            for name, examples, seed in tasks:
                case = {"problem": name, "examples": examples, "seed": seed}
                rows.append(finished_case(folder, case, partial(refereed, name, examples, seed)))
                advance()
        first = [task for task in tasks if task[2] < self.seed + (self.peer_seeds or self.seeds)]
        for environment in found:
            rows_of_peer = peers.measured(environment, first, folder)
            told = peers.never_ran(rows_of_peer)
            missing += [told] if told else []
            beside += [] if told else rows_of_peer
        values = {key: ("row", np.array([row[key] for row in rows])) for key in rows[0]}
        if beside:
            values |= {f"peer_{key}": ("peer_row", np.array([row[key] for row in beside])) for key in beside[0]}
            there = [not row["failure"].endswith(peers.NO_STEP) for row in beside]
            values["peer_has_setting"] = "peer_row", np.array(there)
        return xr.Dataset(values, attrs={"missing_peers": missing})

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and the table."""
        from slt_toys.results.claims import Outcome

        tables = (by_problem(dataset),)
        if "peer_row" in dataset.dims:
            from slt_toys.learning_coefficient.peers_report import beside

            tables = (beside(dataset), *tables)
        return Outcome("The referee of learning coefficients", INTRODUCTION, claims(dataset), tables, {})

    def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
        """The figure."""
        from figures.learning_coefficient_referee import draw

        return {self.NAME: draw(dataset)}


def refereed(name: str, examples: int, seed: int) -> dict[str, Any]:
    """One row: estimate, exact energy and λ, verdict and seconds; the seed draws data and chains."""
    import numpy as np

    from slt_toys.learning_coefficient.estimator import local_learning_coefficient
    from slt_toys.learning_coefficient.peers_report import wrong
    from slt_toys.learning_coefficient.referee_problems import PROBLEMS, reference

    # Chains of problems that differ by a linear map of the parameters alone would be the same.
    of_data, of_chains = (int(k) for k in np.random.SeedSequence((seed, examples, *name.encode())).generate_state(2))
    problem = PROBLEMS[name](examples, of_data)
    began = time.perf_counter()
    found = local_learning_coefficient(
        problem.module, problem.loss, problem.data, examples=problem.examples, seed=of_chains
    )
    seconds = time.perf_counter() - began
    energy, energy_error = reference(problem, found.n_beta)
    return {
        "problem": name,
        "examples": examples,
        "seed": seed,
        "estimate": found.estimate,
        "standard_error": found.standard_error,
        "energy": energy,
        "energy_error": energy_error,
        "exact": problem.exact,
        "crossing": problem.crossing,
        "covered": bool(found.interval[0] <= energy <= found.interval[1]),
        "wrong": bool(np.isfinite(energy)) and wrong(found.estimate, found.standard_error, energy),
        "trusted": found.trusted,
        "verdict": found.verdict,
        "seconds": seconds,
    }


def claims(dataset: xr.Dataset) -> tuple[Claim, ...]:
    """How often intervals of what is trusted cover, and verdicts err."""
    import numpy as np

    dataset = dataset.isel(row=np.isfinite(dataset["energy"].values))
    trusted, wrong = dataset["trusted"].values.astype(bool), dataset["wrong"].values.astype(bool)
    covered = dataset["covered"].values.astype(bool)
    made = [
        _share("coverage", "Intervals of trusted estimates hold the exact energy in {} of {}.", covered[trusted],
               COVERED, CONFIDENCE),
        _share("wrong-trusted", "Of wrong estimates {} of {} are trusted.", trusted[wrong], (0.0, MOST_WRONG), None),
        _share("right-doubted", "Of right estimates {} of {} are doubted.", ~trusted[~wrong], (0.0, MOST_DOUBTED),
               None),
    ]  # fmt: skip
    return tuple(sorted(made, key=lambda claim: ("no", "cannot tell", "yes").index(claim.verdict)))


def _share(name: str, sentence: str, which: Any, wanted: tuple[float, float], expected: float | None) -> Claim:
    from scipy.stats import binomtest

    from slt_toys.results.claims import Claim

    held, count = int(which.sum()), len(which)
    if not count:
        return Claim(name, sentence.format(0, 0), None, None, expected, "cannot tell")
    low, high = binomtest(held, count).proportion_ci(CONFIDENCE, method="wilson")
    # A few runs in which nothing went wrong show no share of one in a hundred.
    verdict = "yes" if wanted[0] <= low and high <= wanted[1] else "cannot tell"
    if high < wanted[0] or low > wanted[1]:
        verdict = "no"
    return Claim(
        name, sentence.format(held, count), held / count, (float(low), float(high)), expected,
        verdict,
    )  # fmt: skip


def by_problem(dataset: xr.Dataset) -> Table:
    """A line for each problem and size: the mean over seeds, and how many are covered, wrong and trusted."""
    from slt_toys.results.claims import Table

    lines = []
    for name in dict.fromkeys(dataset["problem"].values.tolist()):
        for examples in sorted(set(dataset["examples"].values.tolist())):
            part = dataset.isel(row=(dataset["problem"].values == name) & (dataset["examples"].values == examples))
            known = int(part["energy"].notnull().sum())  # of the others there is nothing to be held against
            doubts = [str(verdict) for verdict in part["verdict"].values if not str(verdict).startswith("trust")]
            lines.append((
                str(name) + (" (crossing)" if bool(part["crossing"].values[0]) else ""),
                f"{examples:.0e}".replace("e+0", "e"),
                f"{float(part['exact'].values[0]):.4g}",
                f"{float(part['energy'].mean()):.4g}",
                f"{float(part['estimate'].mean()):.4g} ± {float(part['standard_error'].mean()):.2g}",
                f"{int(part['covered'].sum())}/{known}",
                f"{int(part['wrong'].sum())}",
                f"{int(part['trusted'].sum())}",
                doubts[0].removeprefix("doubt: ").split(";")[0].split(":")[0] if doubts else "-",
                f"{float(part['seconds'].mean()):.1f}",
            ))  # fmt: skip
    headings = (
        "problem", "n", "λ", "energy at nβ", "mean estimate", "covered", "wrong", "trusted", "first doubt", "seconds"
    )  # fmt: skip
    lead = "Each line is the mean over its seeds; covered is of those with an energy; wrong and trusted are counts."
    return Table("referee", lead, headings, tuple(lines))
