"""The gallery: a card for every experiment, model of the zoo and potential of the catalogue.

A card has the picture, the formula, what it shows, the command, the seconds that it took and the data. Pictures of
potentials are drawn here; the others are those of the committed records.
"""

from __future__ import annotations

import csv
import io
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from .results_index import records
from .stage import toctree, write

# The equation that stands on the card of an experiment; the models of the zoo name theirs.
EQUATIONS = {
    "phase_diagram": "critical-period-end-exponential",
    "temperature": "sgd-temperature",
    "critical_period": "end-shift-measured-noise",
    "equi_temperature": "epochs-per-halving",
    "smooth_decline": "mean-first-passage",
    "interval_coverage": "critical-period-end-exponential",
    "four_way_check": "energy-law",
    "learning_coefficient": "phase-free-energy",
    "learning_coefficient_referee": "energy-law",
    "learning_coefficient_track": "untilted-energy",
    "cifar_replication": "critical-period-end-exponential",
    "cifar_minutes": "critical-period-end-exponential",
    "cifar_study": "critical-period-end-exponential",
}
COMMANDS = {
    "cifar_replication": "python -m cifar replicate",
    "cifar_minutes": "python -m cifar replicate --preset minutes",
    "cifar_study": "python -m cifar replicate --preset study",
    "learning_coefficient_referee": "python -m slt_toys.learning_coefficient --referee",
    "learning_coefficient_track": "python -m slt_toys.learning_coefficient --track",
    "zoo": "python -m slt_toys.zoo all",
}
WRITTEN_BY = re.compile(r"^Written by `([^`]+)`", re.MULTILINE)
EQUATION = re.compile(r'<a id="([^"]+)"></a>.*?\n\$\$\n(.*?)\n\$\$', re.DOTALL)
LONGEST_FORMULA = 85  # characters of LaTeX that fit a card
GREEK = ("alpha", "beta", "gamma", "delta", "lambda", "sigma", "theta")
SHOWN, SHOWN_ON_A_PLANE = 241, 121  # places along each coordinate at which a card's potential is drawn


@lru_cache(maxsize=2)
def equations(root: Path) -> dict[str, tuple[str, str]]:
    """By its label, the page that derives an equation and its formula."""
    found = {}
    for page in sorted((root / "theory" / "pages").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for part in re.split(r'(?=<a id=")', text)[1:]:
            if match := EQUATION.match(part):
                found[match[1]] = (f"theory/pages/{page.name}", " ".join(match[2].split()))
    return found


def seconds(record: dict[str, Any]) -> str:
    """The time of a run as a card says it; a study on CIFAR-10 has its training counted apart."""
    recorded = record["manifest"].get("wall_time_seconds")
    if recorded is None:
        return "time not recorded"
    took = float(recorded) + 3600 * float(record.get("work_hours") or 0)
    return (
        f"{took:.1f} s"
        if took < 10
        else f"{took:.0f} s"
        if took < 600
        else f"{took / 60:.0f} min"
        if took < 7200
        else f"{took / 3600:.1f} h"
    )


def card(heading: str, link: str, picture: str, formula: str, says: str, command: str, foot: str) -> str:
    """One card as text; what is empty is left out."""
    lines = [f":::{{grid-item-card}} {heading}", f":link: /{link}", ":link-type: doc", ":class-card: gallery-card"]
    lines += [":class-item: gallery-item", ""]
    lines += [f"![{heading.replace('[', '(').replace(']', ')')}](/{picture})", ""] if picture else []
    lines += ["$$", formula, "$$", ""] if formula else []
    lines += [says, ""]
    lines += [f"`{command}`", ""] if command else []
    return "\n".join([*lines, "```{card-footer}", foot, "```", ":::", ""])


def grid(cards: list[str]) -> str:
    """Cards side by side: one a row on a telephone, three on a desk."""
    return "\n".join(["::::{grid} 1 2 2 3", ":gutter: 3", "", *cards, "::::", ""])


def _first_claim(record: dict[str, Any]) -> str:
    claim = record["claims"][0]
    return f"{claim['sentence']} *Holds: {claim['verdict']}.*"


def record_card(root: Path, name: str, record: dict[str, Any], labels: tuple[str, ...]) -> str:
    """The card of an experiment or model, from its record and page."""
    page = root / "docs" / "results" / f"{name}.md"
    picture = f"figures/{record['figures'][0]}.png" if record["figures"] else ""
    formulas = [equations(root)[label][1] for label in labels if label in equations(root)]
    written = WRITTEN_BY.search(page.read_text(encoding="utf-8"))
    command = COMMANDS.get(name) or (written[1] if written else "")
    size = (root / "figures" / f"{name}.json").stat().st_size / 1024
    foot = f"{seconds(record)} · {{download}}`record, {size:.0f} kB </figures/{name}.json>`"
    heading = record["title"]
    return card(
        heading,
        f"docs/results/{name}",
        picture,
        min(formulas, key=len, default=""),
        _first_claim(record),
        command,
        foot,
    )


def _labels(name: str) -> tuple[str, ...]:
    if name in EQUATIONS:
        return (EQUATIONS[name],)
    if name == "zoo" or not name.startswith("zoo_"):
        return ()
    from importlib import import_module

    from slt_toys.zoo import NAMES

    stem = name.removeprefix("zoo_")  # one model may have several records: superposition_features_8
    model = next((model for model in NAMES if stem == model or stem.startswith(f"{model}_")), None)
    return import_module(f"slt_toys.zoo.{model}").MODEL.labels if model else ()


# ---- potentials ----------------------------------------------------------------------------------------------------
def _energy(potential: Any) -> Any:
    """L as a function of arrays, one for each coordinate."""
    return sympy.lambdify(potential.coordinates, potential.bound_energy, "numpy")


def _places(potential: Any) -> tuple[np.ndarray, ...]:
    """Along each coordinate, the part of the box in which the minima lie, with room on both sides."""
    minima = np.array([[float(x) for x in phase.minimum] for phase in potential.phases])
    places, count = [], SHOWN if minima.shape[1] == 1 else SHOWN_ON_A_PLANE
    for column, (low, high) in zip(minima.T, potential.box, strict=True):
        room = max(0.6 * float(np.ptp(column)), 0.75)
        places.append(np.linspace(max(float(low), column.min() - room), min(float(high), column.max() + room), count))
    return tuple(places)


def potential_data(potential: Any) -> str:
    """Energy along the line, or on the plane of the first two coordinates, the others at the first minimum, as CSV."""
    places, energy = _places(potential), _energy(potential)
    held = [float(x) for x in potential.phases[0].minimum]
    text = io.StringIO()
    rows = csv.writer(text)
    names = [symbol.name for symbol in potential.coordinates]
    rows.writerow([*names[:2], "energy"])
    for point in np.array(np.meshgrid(*places[:2], indexing="ij")).reshape(min(len(places), 2), -1).T:
        full = [*point, *held[2:]]
        rows.writerow([*(f"{x:.6g}" for x in point), f"{float(energy(*full)):.8g}"])
    return text.getvalue()


def formula(potential: Any) -> str:
    """The energy as a formula, or its slope where that is too long; a sum of more than three alike by its term."""
    names = {
        symbol: rf"\mathrm{{{symbol.name}}}\,"
        for symbol in potential.energy.free_symbols
        if len(symbol.name) > 3 and symbol.name not in GREEK
    }
    left, energies, coordinates = "L = ", [potential.energy], potential.coordinates
    terms = {_term(potential, symbol) for symbol in coordinates}
    if len(coordinates) > 3 and len(terms) == 1:
        left, energies = r"L = \sum_j ", [terms.pop()]
        names = {symbol: _indexed(symbol.name) for symbol in energies[0].free_symbols}
    shown = [(left, form(energy)) for energy in energies for form in (sympy.sympify, sympy.factor)]
    if len(coordinates) == 1:
        shown.append(("L' = ", sympy.factor(sympy.diff(potential.energy, coordinates[0]))))
    texts = [start + sympy.latex(right, symbol_names=names) for start, right in shown]
    texts = [text.replace(r"\left", "").replace(r"\right", "") for text in texts]
    return next((text for text in texts if len(text) <= LONGEST_FORMULA), min(texts, key=len))


def _term(potential: Any, coordinate: Any) -> Any:
    """What of the energy depends on a coordinate, its number written as j."""
    found = sum(term for term in sympy.Add.make_args(potential.energy) if coordinate in term.free_symbols)
    number = coordinate.name.lstrip("w")
    own = [symbol for symbol in sympy.sympify(found).free_symbols if number and symbol.name.endswith(number)]
    return sympy.sympify(found).subs({symbol: sympy.Symbol(symbol.name.removesuffix(number) + "j") for symbol in own})


def _indexed(name: str) -> str:
    """A name that ends in j, as a formula has it."""
    stem = name.removesuffix("j")
    word = rf"\mathrm{{{stem}}}" if len(stem) > 1 else stem
    return (f"{word}_j" if stem != name else word) + (r"\," if len(stem) > 1 else "")


def draw_potential(potential: Any, temperature: float) -> bytes:
    """A picture of an energy with its minima and, on a line, the tempered posterior at one temperature, as PNG."""
    from matplotlib.figure import Figure

    from figures import style

    style.use_style()
    figure = Figure(figsize=(4.8, 3.0), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    places, energy = _places(potential), _energy(potential)
    minima = np.array([[float(x) for x in phase.minimum] for phase in potential.phases])
    names = [f"${sympy.latex(symbol)}$" for symbol in potential.coordinates]
    axes.set_xlabel(names[0])
    if len(places) == 1:
        w = places[0]
        loss = np.broadcast_to(energy(w), w.shape)
        axes.plot(w, loss, color=style.INK, label="energy")
        density = np.exp(-(loss - loss.min()) / temperature)
        top = 2 * _barrier(potential)
        scaled = loss.min() + 0.8 * top * density / density.max()
        axes.fill_between(
            w, loss.min(), scaled, color=style.PALETTE[2], alpha=0.35, label=f"posterior at T = {temperature:g}"
        )
        axes.plot(minima[:, 0], energy(minima[:, 0]) + 0 * minima[:, 0], "o", color=style.PALETTE[1], label="minima")
        axes.set_ylim(loss.min() - 0.08 * top, loss.min() + 1.25 * top)
        axes.set_ylabel("loss")
        axes.legend(fontsize=8, loc="upper center")
    else:
        held = [float(x) for x in potential.phases[0].minimum][2:]
        first, second = np.meshgrid(places[0], places[1], indexing="ij")
        loss = np.broadcast_to(energy(first, second, *held), first.shape)
        levels = loss.min() + np.quantile(loss - loss.min(), np.linspace(0, 0.85, 14) ** 1.5)
        shown = axes.contourf(
            first, second, loss, levels=np.unique(levels), cmap=style.phase_colour_map(), extend="max"
        )
        axes.plot(minima[:, 0], minima[:, 1], "o", color="white", markeredgecolor=style.INK)
        axes.set_ylabel(names[1])
        figure.colorbar(shown, ax=axes, label="loss", format="%.2g")
        if held:
            axes.set_title("the other coordinates at the first minimum", fontsize=8)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _barrier(potential: Any) -> float:
    """How high the energy rises above its least between the minima; of one phase, a quarter way out to the edges."""
    places, energy = _places(potential), _energy(potential)
    held = [float(x) for x in potential.phases[0].minimum]
    loss = np.broadcast_to(energy(places[0], *held[1:]), places[0].shape)
    first = [float(phase.minimum[0]) for phase in potential.phases]
    between = (places[0] >= min(first)) & (places[0] <= max(first))
    if between.sum() > 2:
        return float(loss[between].max() - loss.min())
    return float(np.quantile(loss, 0.75) - loss.min())


def _scale(potential: Any) -> float:
    """A temperature at which the shape of an energy shows: a third of its barrier, rounded."""
    return float(f"{_barrier(potential) / 3:.1g}")


def potential_card(name: str, potential: Any, folder: Path) -> str:
    """The card of a potential of the catalogue; its picture and its data are written below ``folder``."""
    text, picture = potential_data(potential), f"docs/gallery_data/{name}.png"
    write(folder / f"docs/gallery_data/{name}.csv", text)
    (folder / picture).write_bytes(draw_potential(potential, _scale(potential)))
    phases = "; ".join(
        f"{phase.name}: λ = {phase.learning_coefficient}, m = {phase.multiplicity}" for phase in potential.phases[:4]
    )
    more = f"; {len(potential.phases) - 4} more" if len(potential.phases) > 4 else ""
    first, rest = potential.description[:1], potential.description[1:]
    says = f"{first if rest[:1] == '^' else first.upper()}{rest}. Phases: {phases}{more}."
    if 0 < len(potential.parameters) <= 3:
        says += f" Here {', '.join(f'{symbol} = {value}' for symbol, value in potential.parameters)}."
    foot = f"{{download}}`values, {len(text) / 1024:.0f} kB </docs/gallery_data/{name}.csv>`"
    command = f"python -m slt_toys.phase_diagram --potential {name}"
    return card(name.replace("_", " "), "docs/potentials", picture, formula(potential), says, command, foot)


# ---- pages ---------------------------------------------------------------------------------------------------------
def gallery_pages(root: Path, folder: Path) -> dict[str, str]:
    """The pages of the gallery by path; what they show of potentials is drawn as they are written."""
    from slt_toys.potentials.catalogue import catalogue

    shown = {name: record for name, record in records(root).items() if (root / f"docs/results/{name}.md").is_file()}
    made = {name: record_card(root, name, record, _labels(name)) for name, record in shown.items()}
    (folder / "docs" / "gallery_data").mkdir(parents=True, exist_ok=True)
    experiments = [text for name, text in made.items() if not name.startswith("zoo")]
    models = [text for name, text in made.items() if name.startswith("zoo")]
    potentials = [potential_card(name, potential, folder) for name, potential in catalogue().items()]
    lead = "Each card links to its page. Seconds are those of the committed run, on two cores."
    pages = {
        "experiments": ("Experiments", lead, experiments),
        "zoo": ("Solvable models of learning", f"{lead} The verdict is that of the model's first claim.", models),
        "potentials": (
            "Potentials of the catalogue",
            "Energies whose phases are known exactly. λ is the learning coefficient, m its multiplicity.",
            potentials,
        ),
    }
    index = ["# Gallery", "", toctree([f"docs/gallery/{name}" for name in pages]), ""]
    found = {
        f"docs/gallery/{name}.md": "\n".join([f"# {heading}", "", said, "", grid(cards)])
        for name, (heading, said, cards) in pages.items()
    }
    return {"docs/gallery/index.md": "\n".join(index), **found}
