"""The zoo's command: list, show, run, all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tyro.conf import Positional

from ..results import recipe
from ..results.claims import Outcome

if TYPE_CHECKING:
    import xarray as xr

INTRODUCTION = """\
Every model of the zoo is small enough to solve. Each is asked the same: if one *control* is changed and nothing else,
does the model's transition move? *Temperature* is that of white noise added to the gradients. *Batch size* is that of
SGD's minibatches. *Time* is the number of steps or the flow time. *Other* is what the model's own authors name. An
effect is told in shares of the range that the quantity passes in the transition. A control below a tenth of it is none,
one below half of it is weak. "not in it": the model has no such control."""


@dataclass(frozen=True, kw_only=True)
class Zoo:
    """Solvable models of learning, each with its exact law, its simulation and what controls its transition.

    Attributes
    ----------
    action
        "list" names the models, "show" tells of one, "run" runs one, "all" runs all and writes the table of answers.
    name
        Of the model, for "show" and "run".
    seed
        Same seed, same result.
    out
        Folder for the data (.nc), the record (.json), the page (.md) and the figures (.png, .svg).
    docs
        Folder of pages, such as docs/results, whose pages of these experiments are to be written anew.
    features
        Of superposition's dictionary, 5 to 9: another experiment, with files of its own.
    torch
        The network of in_context_transience as a torch module, beside our own: likewise. Needs torch.
    """

    action: Positional[Literal["list", "show", "run", "all"]] = "list"
    name: Positional[str] = ""
    seed: int = 0
    out: Path = Path("results")
    docs: Path | None = None
    features: int | None = None
    torch: bool = False

    @property
    def option(self) -> tuple[str, int] | None:
        """The option that makes another experiment of the model, and its value."""
        if self.torch:
            return "torch", 1
        return None if self.features is None else ("features", self.features)

    def __post_init__(self) -> None:
        wanted = self.action in ("show", "run")
        if wanted != bool(self.name):
            raise ValueError(
                f"NAME must {'be given' if wanted else 'be left out'} with {self.action}"
                + (": python -m slt_toys.zoo list names the models" if wanted else "")
            )
        if self.seed < 0:
            raise ValueError(f"--seed must be at least 0, not {self.seed}")
        if self.option is not None and self.action != "run":
            raise ValueError(f"--{self.option[0]} belongs to run NAME, not to {self.action}")
        if self.torch and self.features is not None:
            raise ValueError("--features and --torch must not be given together: no model has both")


@dataclass(frozen=True, kw_only=True)
class ZooAnswers(recipe.Experiment):
    """Run every model of the zoo that has an experiment of its own, and put their answers into one table."""

    NAME: ClassVar[str] = "zoo"
    COMMAND: ClassVar[str] = "python -m slt_toys.zoo all"

    def run(self) -> xr.Dataset:
        """Run all of them, each with files of its own; the dataset holds every influence.

        As many at a time as there are processors. What this very code has left in the folder before is not run again.
        """
        from ..results.records import read_dataset
        from .experiment import PREFIX, STUDIED, influence_dataset, study_of
        from .rounds import run_each

        run_each([model.name for model in STUDIED], self.seed, self.out, self.docs)
        kept = {model: read_dataset(self.out / f"{PREFIX}{model.name}.nc") for model in STUDIED}
        return influence_dataset({model.name: study_of(model).influences(data) for model, data in kept.items()})

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """The table of answers, and in how many models each control counts."""
        from .experiment import answer_table, claims_of_controls, influences_in

        influences = influences_in(dataset)
        told = claims_of_controls(influences), (answer_table(influences),)
        return Outcome("The zoo: what controls what", INTRODUCTION, *told)

    def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
        """The figure."""
        from figures.zoo import draw

        return {self.NAME: draw(dataset)}


def carry_out(chosen: Zoo) -> None:
    """Do what was asked for; `ValueError` in one line where there is no such model."""
    from .experiment import experiment_of, find_model, listing, shown

    if chosen.action == "list":
        print(listing())
    elif chosen.action == "show":
        print(shown(find_model(chosen.name)))
    else:
        kind = ZooAnswers if chosen.action == "all" else experiment_of(chosen.name, chosen.option)
        experiment = kind(seed=chosen.seed, out=chosen.out, docs=chosen.docs)
        recipe.print_outcome(recipe.carry_out(experiment), experiment)
