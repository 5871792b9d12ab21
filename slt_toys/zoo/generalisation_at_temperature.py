r"""Generalisation at temperature: whether β enters the Bayes error depends on the model and on what is drawn.

The posterior is prior times likelihood to the power β. Errors are mean losses less the least one: *Gibbs*, of one draw
from the posterior, and *Bayes*, of the predictive distribution. To order 1/n they know two numbers of the model, its
learning coefficient λ and singular fluctuation ν = (β/2) Σ_i Var log p(y_i|w): [eq:gibbs-generalisation-error],
[eq:gibbs-training-error], [eq:bayes-generalisation-error], [eq:bayes-training-error]; at β = 1/log n [eq:wbic-mean].

Exact: the mean of normal examples with a normal prior and any true variance, [eq:gaussian-mean-bayes-error],
[eq:gaussian-mean-gibbs-error], [eq:gaussian-mean-fluctuation]; the Gibbs error of linear regression,
[eq:regression-gibbs-error]; y = w² + noise with the prior |w|^h and y = w1 w2 + noise, by quadrature over weights,
examples and data sets (slt_toys/exact/posterior_errors.py); ν of the former at high temperature,
[eq:one-sided-fluctuation]. Not exact: means over drawn data sets of regression and of the rank-one map y = u vᵀx +
noise, whose posteriors are exact. All truths are f = 0, all noise has the variance 1 unless told otherwise.

Source: Watanabe (2010), Equations of states in singular statistical estimation, Neural Networks 23, 20-34; Watanabe
(2013), A widely applicable Bayesian information criterion, JMLR 14, 867-897. The models and numbers are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import sympy
import xarray as xr

from theory.learning_coefficient.engine import rlct
from theory.learning_coefficient.networks import deep_linear_network

from ..exact.energies import exact_moments
from ..exact.posterior_errors import (
    Examples,
    PosteriorErrors,
    draw_examples,
    expected_line_errors,
    line_errors,
    rank_one_errors,
)
from ..potentials.catalogue import normal_crossing
from ..potentials.potential import Potential
from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict
from ..results.progress import progress
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import LEAST, REACH, Influence, Study

BETAS = (0.25, 0.5, 1.0, 2.0, 4.0)
SIZE, SETS = 4000, 1500
REGRESSION_SIZE, INPUTS, REGRESSION_SETS = 1000, 4, 1500
RANK_SETS = 600
TRUE_VARIANCE = 1.5  # of the examples whose model says 1
MODELS = ("mean", "regression", "mean, wrong variance", "square", "square, prior |w|", "product", "rank one")
NO_LIMIT = 10**12  # examples, where what is left of 1/n does not matter
SIZES = (10**2, 10**3, 10**4, 10**6, 10**8, 10**10, 10**12, 10**14)
FAR = 3.5  # standard errors, for the worst of ten
ERRORS = ("bayes", "gibbs", "bayes_training", "gibbs_training", "fluctuation", "waic")


# ---- regular models --------------------------------------------------------------------------------------------------
def mean_errors(
    beta: float, examples: Examples, true_variance: float = 1.0, prior_precision: float = 0.0
) -> PosteriorErrors:
    """Errors of the mean of normal examples, truth 0, data set by data set; their noise is scaled to the variance."""
    n, v = examples.size, 1 / (examples.size * beta + prior_precision)
    average = np.sqrt(true_variance / n) * examples.noise
    middle = n * beta * v * average
    square = true_variance * examples.squares - 2 * n * average * middle + n * middle**2  # Σ (x - m)²
    training = (np.log1p(v) + square / n / (1 + v) - true_variance * examples.squares / n) / 2
    return PosteriorErrors(
        n / 2 * (np.log1p(v) + (true_variance + middle**2) / (1 + v) - true_variance), n / 2 * (middle**2 + v),
        n * training, (square + n * v - true_variance * examples.squares) / 2, beta / 2 * (square * v + n * v**2 / 2),
        np.full(len(average), np.nan),
    )  # fmt: skip


def regression_errors(
    betas: Sequence[float], size: int, inputs: int, sets: int, seed: int, prior_precision: float = 0.0, new: int = 200
) -> list[PosteriorErrors]:
    """Errors of y = x·w + N(0, 1) with normal inputs and truth w = 0, on the same data sets for every β.

    The Bayes error of a data set is a mean over ``new`` new inputs.
    """
    random = np.random.default_rng([seed, size, inputs])
    found: list[list[tuple[Array, Array, Array, Array, Array]]] = [[] for _ in betas]
    for start in range(0, sets, 100):
        number = min(100, sets - start)
        x, y = random.standard_normal((number, size, inputs)), random.standard_normal((number, size))
        fresh = random.standard_normal((number, new, inputs))
        gram = x.transpose(0, 2, 1) @ x
        moment = (x.transpose(0, 2, 1) @ y[..., None])[..., 0]
        for kept, beta in zip(found, betas, strict=True):
            spread = np.linalg.inv(beta * gram + prior_precision * np.eye(inputs))
            middle = beta * (spread @ moment[..., None])[..., 0]
            variance = ((x @ spread) * x).sum(axis=-1)
            residual = y - (x @ middle[..., None])[..., 0]
            at_new, told = ((fresh @ spread) * fresh).sum(axis=-1), (fresh @ middle[..., None])[..., 0]
            bayes = (np.log1p(at_new) + (1 + told**2) / (1 + at_new) - 1).mean(axis=1) / 2
            gibbs = ((middle**2).sum(axis=1) + np.trace(spread, axis1=1, axis2=2)) / 2
            training = (np.log1p(variance) + residual**2 / (1 + variance) - y**2).sum(axis=1) / 2
            drawn = (residual**2 + variance - y**2).sum(axis=1) / 2
            functional = (residual**2 * variance + variance**2 / 2).sum(axis=1)
            kept.append((size * bayes, size * gibbs, training, drawn, beta / 2 * functional))
    names = ("bayes", "gibbs", "bayes_training", "gibbs_training", "fluctuation")
    columns = [
        {name: np.concatenate([part[k] for part in kept]) for k, name in enumerate(names)} for kept in found
    ]  # fmt: skip
    return [PosteriorErrors(**each, log_evidence=np.full(sets, np.nan)) for each in columns]


# ---- learning coefficients and singular fluctuations -----------------------------------------------------------------
@cache
def learning_coefficient(model: str) -> float:
    """By theorem or by the engine's proof, from the loss of the model alone."""
    w, one, two = sympy.symbols("w w1 w2", real=True)
    if model == "rank one":
        return float(deep_linear_network((2, 1, 3), 0).value)
    if model == "regression":
        return INPUTS * learning_coefficient("mean")
    if model == "product":
        return float(rlct(one**2 * two**2 / 2, (one, two), (0, 0)).value)
    loss, prior = (w**2 / 2, 1) if model.startswith("mean") else (w**4 / 2, abs(w) if "|w|" in model else 1)
    return float(rlct(loss, (w,), (0,), prior).value)


@cache
def limiting_fluctuation(model: str, beta: float) -> float:
    """Singular fluctuation for n → ∞; NaN for the rank-one map, where it is measured."""
    if model == "rank one":
        return float("nan")
    if model.startswith("square"):
        return expected_line_errors("square", beta, NO_LIMIT, 1.0 if "|w|" in model else 0.0)["fluctuation"]
    variance = TRUE_VARIANCE if model.endswith("variance") else 1.0
    return learning_coefficient(model) * variance  # of w1 w2: both signs of f, so that log|f| alone bends the prior


def equations_of_state(model: str, beta: float, fluctuation: Array | float) -> dict[str, Array | float]:
    """n times each error by the equations of state, for a singular fluctuation; "waic" has the mean of "bayes"."""
    given = dict(
        learning_coefficient=learning_coefficient(model), inverse_temperature=beta, sample_size=1.0,
        singular_fluctuation=fluctuation,
    )  # fmt: skip
    named = {
        "bayes": "bayes-generalisation-error", "gibbs": "gibbs-generalisation-error",
        "bayes_training": "bayes-training-error", "gibbs_training": "gibbs-training-error",
    }  # fmt: skip
    told = {name: law(label)(**given) for name, label in named.items()}
    return told | {"waic": told["bayes"], "fluctuation": fluctuation}


def errors_of(model: str, examples: Examples, noise: Array, seed: int) -> list[PosteriorErrors]:
    """Errors at each of :data:`BETAS`, on the same data sets."""
    if model == "regression":
        return regression_errors(BETAS, REGRESSION_SIZE, INPUTS, REGRESSION_SETS, seed)
    each: Callable[[float], PosteriorErrors]
    if model == "rank one":
        each = lambda beta: rank_one_errors(beta, SIZE, noise)  # noqa: E731
    elif model == "product":
        each = lambda beta: line_errors("product", beta, examples)  # noqa: E731
    elif model.startswith("square"):
        each = lambda beta: line_errors("square", beta, examples, 1.0 if "|w|" in model else 0.0)  # noqa: E731
    else:
        variance = TRUE_VARIANCE if model.endswith("variance") else 1.0
        each = lambda beta: mean_errors(beta, examples, variance)  # noqa: E731
    return [each(beta) for beta in BETAS]


# ---- the study -------------------------------------------------------------------------------------------------------
def _information_criteria(examples: Examples) -> dict[str, Array]:
    """WBIC, free energy and λ̂ from two temperatures, of y = w² and y = w1 w2: means and errors, (2, 3)."""
    beta = 1 / np.log(examples.size)
    means, errors, exact = np.empty((2, 3)), np.empty((2, 3)), np.empty((2, 3))
    for row, family in enumerate(("square", "product")):
        warm, cool, one = (line_errors(family, x, examples) for x in (beta, 2 * beta, 1.0))
        gap = 1 / beta - 1 / (2 * beta)
        for column, values in enumerate(
            (warm.gibbs_training, -one.log_evidence, (warm.gibbs_training - cool.gibbs_training) / gap)
        ):
            means[row, column], errors[row, column] = mean_and_error(values)
        told = [expected_line_errors(family, x, examples.size) for x in (beta, 2 * beta, 1.0)]
        exact[row] = (
            told[0]["gibbs_training"], -told[2]["log_evidence"],
            (told[0]["gibbs_training"] - told[1]["gibbs_training"]) / gap,
        )  # fmt: skip
    return {"criterion": means, "criterion_error": errors, "criterion_exact": exact}


def _finite_learning_coefficients() -> list[float]:
    """nβ times the exact mean loss of the population's posterior at nβ = SIZE, of the project's own quadrature."""
    line = {"mean": "w**2/2", "square": "w**4/2"}
    found = {
        name: SIZE * exact_moments(Potential.from_expression(text, box=(-1, 1)), SIZE, None)[0]
        for name, text in line.items()
    }
    found["product"] = SIZE / 2 * exact_moments(normal_crossing(), SIZE / 2, None)[0]  # whose loss has no half
    return [found.get(model, np.nan) for model in MODELS]


def dataset(seed: int) -> xr.Dataset:
    """Errors of every model at every β, their laws and exact values, criteria, and what n and the prior do."""
    examples = draw_examples(SIZE, SETS, seed)
    noise = np.random.default_rng([seed, 1]).standard_normal((RANK_SETS, 3, 2))
    shape = (len(MODELS), len(BETAS))
    found = {f"{name}{end}": np.full(shape, np.nan) for name in ERRORS for end in ("", "_error", "_law")}
    found |= {name: np.full(shape, np.nan) for name in ("apart", "apart_error", "waic_apart", "waic_apart_error")}
    change = {
        f"{name}_change{end}": np.full(len(MODELS), np.nan) for name in ("bayes", "gibbs") for end in ("", "_error")
    }
    single: dict[str, Array] = {}
    with progress("models", len(MODELS)) as advance:
        for row, model in enumerate(MODELS):
            by_beta = errors_of(model, examples, noise, seed)
            for name in ("bayes", "gibbs"):  # on the same data sets
                change[f"{name}_change"][row], change[f"{name}_change_error"][row] = mean_and_error(
                    getattr(by_beta[-1], name) - getattr(by_beta[0], name)
                )
            for column, (beta, errors) in enumerate(zip(BETAS, by_beta, strict=True)):
                for name in ERRORS:
                    found[name][row, column], found[f"{name}_error"][row, column] = mean_and_error(
                        getattr(errors, name)
                    )
                nu = limiting_fluctuation(model, beta)
                laws = equations_of_state(model, beta, nu if np.isfinite(nu) else found["fluctuation"][row, column])
                for name, value in laws.items():
                    found[f"{name}_law"][row, column] = value
                told = equations_of_state(model, beta, errors.fluctuation)["bayes"]
                for name, values in (("apart", errors.bayes - told), ("waic_apart", errors.waic - errors.bayes)):
                    found[name][row, column], found[f"{name}_error"][row, column] = mean_and_error(values)
                if model == "square" and beta == 1:
                    single = {"each_bayes": errors.bayes, "each_waic": errors.waic}
            advance()
    by_size = [[expected_line_errors("product", beta, n)["bayes"] for n in SIZES] for beta in (0.25, 4.0)]
    small = expected_line_errors("square", 1.0, 1000)["bayes"] / 1000
    prior = [_mean_law("bayes", 1.0, SIZE, precision) for precision in (0.0, 10.0)]
    return xr.Dataset(
        {name: (("model", "beta"), values) for name, values in found.items()}
        | {name: (("quantity_of", "criteria"), values) for name, values in _information_criteria(examples).items()}
        | {name: ("model", values) for name, values in change.items()}
        | {name: ("set", values) for name, values in single.items()}
        | {
            "learning_coefficient": ("model", [learning_coefficient(model) for model in MODELS]),
            "energy": ("model", _finite_learning_coefficients()),
            "product_bayes": (("end", "size"), by_size), "square_at_1000": small,
            "mean_by_prior": ("precision", prior),
        },
        coords={
            "model": list(MODELS), "beta": list(BETAS), "size": [float(n) for n in SIZES], "end": [0.25, 4.0],
            "criteria": ["WBIC", "free energy", "learning coefficient"], "quantity_of": ["square", "product"],
            "precision": [0.0, 10.0],
        },
        attrs={"seed": seed, "size": SIZE, "sets": SETS, "true_variance": TRUE_VARIANCE},
    )  # fmt: skip


def _mean_law(error: str, beta: float, size: int, precision: float = 0.0, variance: float = 1.0) -> float:
    """n times an error of the mean of normal examples, or its singular fluctuation, by the exact law."""
    given = dict(
        parameter_count=1, sample_size=size, inverse_temperature=beta, prior_precision=precision,
        true_variance=variance,
        true_mean_square=0,
    )  # fmt: skip
    if error == "fluctuation":
        return law("gaussian-mean-fluctuation")(**given)
    labelled = law("gaussian-mean-bayes-error") if error == "bayes" else law("gaussian-mean-gibbs-error")
    return size * labelled(**given)


def _cell(data: xr.Dataset, name: str, model: str, beta: float) -> tuple[float, float]:
    at = {"model": model, "beta": beta}
    return float(data[name].sel(at)), float(data[f"{name}_error"].sel(at))


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature on Bayes and Gibbs errors; n and the prior."""

    def hotter(model: str, name: str) -> Influence:
        cold, hot = (_cell(data, name, model, beta) for beta in (4.0, 0.25))
        unit = float(data[f"{name}_law"].sel(model=model, beta=1.0))
        told = "Gibbs" if name == "gibbs" else "Bayes"
        return Influence(
            "temperature", "β from 4 to 1/4", f"n times the {told} error, {model}", cold[0], hot[0], cold[1], hot[1],
            unit,
        )  # fmt: skip

    plain, bent = (_cell(data, "bayes", model, 1.0) for model in ("square", "square, prior |w|"))
    first, last = (float(x) for x in data["mean_by_prior"])
    small = float(data["square_at_1000"])
    return (
        hotter("regression", "bayes"),
        hotter("regression", "gibbs"),
        hotter("square", "bayes"),
        hotter("product", "bayes"),
        hotter("rank one", "bayes"),
        Influence("other", "n from 1 000 to 4 000", "Bayes error at β = 1, square", small, plain[0] / SIZE, 0.0,
                  plain[1] / SIZE, small),
        Influence("other", "prior from flat to |w|", "n times the Bayes error at β = 1, square", plain[0], bent[0],
                  plain[1], bent[1], 0.25),
        Influence("other", "prior precision from 0 to 10", "n times the Bayes error at β = 1, mean", first, last, 0.0,
                  0.0, 0.5),
    )  # fmt: skip


def _post_claim(data: xr.Dataset, name: str, model: str, error: str, told: str) -> Claim:
    """The post's sentence for one model: from β = 1/4 to 4, n times the error moves by less than a tenth of λ."""
    change = float(data[f"{error}_change"].sel(model=model))
    reach = REACH * float(data[f"{error}_change_error"].sel(model=model))
    allowed = LEAST * learning_coefficient(model)
    verdict: Verdict = "cannot tell"
    if abs(change) + reach < allowed or abs(change) - reach > allowed:
        verdict = "yes" if abs(change) < allowed else "no"
    sentence = f"β does not enter {told}: from 1/4 to 4, n times it changes by {change:.3f} ± {reach:.3f}."
    return Claim.of(name, sentence, change, (change - reach, change + reach), 0.0, verdict)


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Against the law and the post first; then where they hold, WAIC and WBIC."""
    crossing, error = _cell(data, "bayes", "product", 1.0)
    reach, limit = REACH * error, learning_coefficient("product")
    singular = data.sel(model=["square", "rank one"])
    worst = float((np.abs(singular["apart"]) / singular["apart_error"]).max())
    gap, gap_error = _cell(data, "waic_apart", "square", 1.0)
    gap_reach = REACH * gap_error
    wbic, wbic_reach = float(data["criterion"][0, 0]), REACH * float(data["criterion_error"][0, 0])
    told, _ = wbic_law(SIZE)
    return (
        Claim.of(
            "crossing-at-its-limit", f"n times the Bayes error of y = w1w2 is {crossing:.3f} ± {reach:.3f} at "
            f"n = {SIZE}, β = 1; its limit is {limit:g}.", crossing,
            (crossing - reach, crossing + reach), limit,
        ),
        _post_claim(data, "post-square", "square", "bayes", "the Bayes error of y = w² + noise"),
        _post_claim(data, "post-rank-one", "rank one", "bayes", "the Bayes error of the rank-one map"),
        _post_claim(data, "post-gibbs", "regression", "gibbs", "the Gibbs error of linear regression"),
        _post_claim(data, "post-regular", "regression", "bayes", "the Bayes error of linear regression"),
        Claim.of(
            "equations-of-state", "The equations of state hold for y = w² + noise and the rank-one map at five "
            f"temperatures, at worst by {worst:.2g} standard errors.", worst, verdict="yes" if worst < FAR else "no",
        ),
        Claim.of(
            "waic", f"For y = w² + noise at β = 1, n times WAIC exceeds n times the Bayes error by {gap:.3f} ± "
            f"{gap_reach:.3f} on average.", gap, (gap - gap_reach, gap + gap_reach), 0.0,
        ),
        Claim.of(
            "wbic", f"WBIC of y = w² + noise averages {wbic:.3f} ± {wbic_reach:.3f}, where λ log n - ν is {told:.3f}.",
            wbic, (wbic - wbic_reach, wbic + wbic_reach), told,
        ),
    )  # fmt: skip


def wbic_law(size: int, model: str = "square") -> tuple[float, float]:
    """Mean of WBIC above the least loss, and the singular fluctuation at its temperature."""
    nu = limiting_fluctuation(model, float(1 / np.log(size)))
    told = law("wbic-mean")(learning_coefficient=learning_coefficient(model), sample_size=size, singular_fluctuation=nu)
    return told, nu


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Errors and their laws at three temperatures; learning coefficients; criteria; the crossing's slow limit."""
    rows = []
    for model in MODELS:
        for beta in (0.25, 1.0, 4.0):
            nu, bayes, waic, gibbs = (
                "{:.3f} ± {:.3f}".format(*_cell(data, name, model, beta))
                for name in ("fluctuation", "bayes", "waic", "gibbs")
            )
            laws = [f"{float(data[name].sel(model=model, beta=beta)):.3f}" for name in ("bayes_law", "gibbs_law")]
            rows.append((model, f"{beta:g}", nu, bayes, laws[0], waic, gibbs, laws[1]))
    errors = Table(
        "errors",
        "n times each error at n = 4 000 (regression: 1 000), means over data sets with standard errors, and the "
        "equations of state with λ of the theorem and ν for n → ∞ (rank one: the measured ν).",
        ("model", "β", "ν", "Bayes", "its law", "WAIC", "Gibbs", "its law"), tuple(rows),
    )  # fmt: skip
    middle = data.sel(beta=1.0)
    coefficients = Table.of_columns(
        "learning_coefficients",
        "λ of the theorem; nβ times the exact mean loss of the population's posterior at nβ = 4 000; and half the sum "
        "of n times both Gibbs errors at β = 1.",
        {
            "model": list(MODELS),
            "theorem": [f"{x:g}" for x in data["learning_coefficient"].values],
            "exact energy": [f"{x:.3f}" if np.isfinite(x) else "-" for x in data["energy"].values],
            "from data sets": [f"{x:.3f}" for x in (middle["gibbs"] + middle["gibbs_training"]).values / 2],
        },
    )
    rows = [
        (str(name), str(criterion),
         f"{data['criterion'].values[i, j]:.3f} ± {data['criterion_error'].values[i, j]:.3f}",
         f"{data['criterion_exact'].values[i, j]:.3f}")
        for i, name in enumerate(data["quantity_of"].values) for j, criterion in enumerate(data["criteria"].values)
    ]  # fmt: skip
    criteria = Table(
        "criteria", "WBIC at β = 1/log n and free energy, both above n times the least loss on the examples, and λ "
        "from the mean losses at β = 1/log n and twice that: what examples alone tell.",
        ("model", "criterion", "data sets", "exact mean"), tuple(rows),
    )  # fmt: skip
    slow = Table.of_columns(
        "the_crossing_by_n",
        "n times the exact Bayes error of y = w1 w2 + noise: it comes to λ = 1/2, whatever β, only like 1/log n.",
        {
            "n": [f"{n:.0e}" for n in data["size"].values],
            **{f"β = {b:g}": [f"{x:.4f}" for x in data["product_bayes"].sel(end=b).values] for b in (0.25, 4.0)},
        },
    )
    return errors, coefficients, criteria, slow


# ---- checks ----------------------------------------------------------------------------------------------------------
_CHECKED = [(error, beta) for error in ("bayes", "gibbs", "fluctuation") for beta in (0.25, 4.0)]


def _mean_by_quadrature(seed: int) -> Measured:
    found = np.array([expected_line_errors("mean", beta, 10)[error] for error, beta in _CHECKED])
    return found, np.zeros(found.size)


def _mean_by_law(variance: float) -> Array:
    return np.array([_mean_law(error, beta, 10, variance=variance) for error, beta in _CHECKED])


def _regression_gibbs(seed: int) -> Measured:
    found = [mean_and_error(each.gibbs) for each in regression_errors((0.25, 4.0), 20, INPUTS, 4000, seed, new=1)]
    return np.array([m for m, _ in found]), np.array([e for _, e in found])


def _regression_by_law() -> Array:
    given = dict(parameter_count=INPUTS, sample_size=20)
    return np.array([20 * law("regression-gibbs-error")(**given, inverse_temperature=beta) for beta in (0.25, 4.0)])


def _square_errors(seed: int) -> Measured:
    examples = draw_examples(1000, 1000, seed)
    found = [
        mean_and_error(getattr(line_errors("square", beta, examples), name))
        for name in ("bayes", "gibbs", "waic") for beta in (0.25, 4.0)
    ]  # fmt: skip
    return np.array([m for m, _ in found]), np.array([e for _, e in found])


def _square_expected() -> Array:
    return np.array(
        [expected_line_errors("square", beta, 1000)[n] for n in ("bayes", "gibbs", "waic") for beta in (0.25, 4.0)]
    )


def _rank_one_apart(seed: int) -> Measured:
    noise = np.random.default_rng(seed).standard_normal((300, 3, 2))
    found = []
    for beta in (0.5, 2.0):
        errors = rank_one_errors(beta, SIZE, noise)
        found.append(mean_and_error(errors.bayes - equations_of_state("rank one", beta, errors.fluctuation)["bayes"]))
    return np.array([m for m, _ in found]), np.array([e for _, e in found])


MODEL = ZooModel("generalisation_at_temperature", (
    "gibbs-generalisation-error", "gibbs-training-error", "bayes-generalisation-error", "bayes-training-error",
    "wbic-mean", "gaussian-mean-bayes-error", "gaussian-mean-gibbs-error", "gaussian-mean-fluctuation",
    "regression-gibbs-error", "one-sided-fluctuation",
), (
    Check("errors and fluctuation of the mean of ten examples, by quadrature", lambda: _mean_by_law(1.0),
          _mean_by_quadrature, lambda: _mean_by_law(1.5), 1e-9, "quadrature"),
    Check("n times the Gibbs error of linear regression at n = 20", _regression_by_law, _regression_gibbs,
          lambda: np.array([INPUTS / 2 * 5, INPUTS / 2 * 1.25])),
    Check("errors and WAIC of y = w² + noise, data sets against quadrature", _square_expected, _square_errors,
          lambda: np.array([0.5, 0.5, 2.5, 0.625, 0.5, 0.5])),
    Check("n times the Bayes error of the rank-one map less the equation of state", lambda: np.zeros(2),
          _rank_one_apart, lambda: np.array([2.0, 0.5]), 0.02, "the prior is not flat, n not infinite"),
), Study(
    "Generalisation at temperature: where β enters",
    """The post says that β does not enter the expected Bayesian generalisation error. Here the posterior is the prior
times the likelihood to the power β, the temperature is 1/(nβ), and both errors are mean losses less the least one. The
*Bayes* error is that of the predictive distribution, the *Gibbs* error that of one draw from the posterior, which is
what SGD would be at best. λ is the learning coefficient, ν the *singular fluctuation*, β/2 times the sum over examples
of the posterior variance of log p. WAIC and WBIC are told by examples alone.

*mean*: of normal examples; *mean, wrong variance*: the model says 1, the examples have 1.5; *regression*: four weights;
*square*: y = w² + noise with truth w = 0; *product*: y = w1 w2 + noise, truth 0; *rank one*: y = u vᵀx + noise, two
inputs, three outputs, truth 0. The sentence holds for regular models that hold the truth, where ν = λ. Otherwise the
sign of λ - ν decides: where ν < λ a cold posterior predicts better, where ν > λ a hot one does. Below, β is said to
enter where the error changes by more than a tenth of λ/n from β = 1/4 to 4.

Exact [eq:gaussian-mean-bayes-error] or by quadrature are means, square and product; the equations of state
[eq:bayes-generalisation-error] are of order 1/n, and of order 1/log n for the product, whose multiplicity is 2. There
is no training by SGD here, hence no batch size and no time.""",
    dataset, claims, tables, influences,
))  # fmt: skip
