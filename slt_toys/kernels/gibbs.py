"""Template of Gibbs kernels: every block of coordinates is drawn from its distribution given all others, in lanes.

Normal blocks are drawn through the Cholesky factor of their precision, printed entry by entry. Between walls a single
coordinate is drawn exactly by rejection, from whichever proposal suits: the normal itself, an exponential from the wall
where the density is largest, or a uniform. What has no closed form is sliced.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

from ..potentials.conditionals import Conditional, split_blocks
from ..potentials.potential import Potential
from .codegen import ComponentGroup, component_groups, expression_lines, load_module
from .frame import PROPOSAL, component_members, draw_normals, indent, kernel_source, normal_rows, walls
from .slice_update import SCRATCH_ROWS, search, slice_lines

_TRUNCATED_ROWS = 9
# A proposal from a wall is uniform if the exponential would fall by less than e^-1.5 up to the other wall; around a
# mean between the walls it is normal if they are further apart than 2.5 deviations. Either way at least two of five
# proposals are accepted [eq:truncated-normal-rate].
_UNIFORM_BELOW, _NORMAL_ABOVE = 1.5, 2.5


def group_conditionals(potential: Potential) -> list[tuple[ComponentGroup, list[Conditional]]]:
    """Blocks of each component form of a potential, in its canonical symbols."""
    values = [value for _, value in potential.parameters]
    conditionals = []
    for group in component_groups(potential):
        signs = zip(group.parameters, zip(*group.parameter_table, strict=True), strict=True)
        nonnegative = {symbol for symbol, rows in signs if all(values[row] >= 0 for row in rows)}
        walled = potential.boundary != "natural"  # on a circle a conditional is that on one period
        conditionals.append((group, split_blocks(group.energy, group.coordinates, walled, nonnegative)))
    return conditionals


def gibbs_scratch_rows(potential: Potential) -> int:
    """Rows of scratch that a block of lanes needs."""
    kinds = {conditional.kind for _, blocks in group_conditionals(potential) for conditional in blocks}
    normals = normal_rows(potential.dimension) if "normal" in kinds else 0
    return normals + max(_TRUNCATED_ROWS, SCRATCH_ROWS)


def gibbs_source(potential: Potential, slice_width: float | None) -> str:
    """Print the Gibbs kernel of a potential; a step is a sweep over all its blocks.

    Parameters
    ----------
    potential
        Whose coordinates are drawn in the order of :func:`slt_toys.potentials.conditionals.conditionals`.
    slice_width
        Of the first slice interval; None for the width of the box.
    """
    scratch = 64 * (gibbs_scratch_rows(potential) - max(_TRUNCATED_ROWS, SCRATCH_ROWS))
    step = draw_normals(potential.dimension) if scratch else []
    for number, (group, blocks) in enumerate(group_conditionals(potential)):
        between = walls(potential, group)
        if potential.boundary == "periodic":
            between = [potential.box[i] for i in group.coordinate_table[0]]
        for conditional in blocks:
            own = [group.coordinates.index(x) for x in conditional.coordinates]
            if conditional.kind == "normal":
                body = ["for i in range(L):", *indent(_normal_lines(group, conditional, own), 1)]
            elif conditional.kind == "truncated normal":
                body = _truncated_lines(group, conditional, own[0], scratch, between[own[0]])
            else:
                boxes = [potential.box[row[own[0]]] for row in group.coordinate_table]
                width = slice_width or max(high - low for low, high in boxes)
                wall = between[own[0]] if between else None
                body = slice_lines(group, conditional.energy, own[0], scratch, wall, float(width))
            step += component_members(number, group, body)
    per_segment = ["temperature = segment_temperature[segment]", "cold = 1.0 / temperature"]
    per_segment += ["spread = np.sqrt(temperature)"]
    return kernel_source(potential, "segment_temperature", per_segment, step)


@lru_cache(maxsize=256)
def gibbs_kernel(potential: Potential, slice_width: float | None) -> ModuleType:
    """Compile (or load from the cache) the Gibbs kernel of a potential."""
    return load_module(gibbs_source(potential, slice_width), "gibbs")


def _given(group: ComponentGroup, conditional: Conditional, own: list[int]) -> list[str]:
    """Print the loading of the other coordinates that a closed form needs."""
    held = conditional.hessian.free_symbols | conditional.slope.free_symbols
    others = [k for k, x in enumerate(group.coordinates) if k not in own and x in held]
    return [f"x{k} = w[o{k} + i]" for k in others]


def _normal_lines(group: ComponentGroup, conditional: Conditional, own: list[int]) -> list[str]:
    """Print a draw -H⁻¹g + √T C⁻ᵀz with H = C Cᵀ: forward and backward substitution."""
    size = len(own)
    lower = [(r, c) for r in range(size) for c in range(r + 1)]
    wanted = [conditional.hessian[r, c] for r, c in lower] + list(conditional.slope)
    results = [f"h{r}_{c}" for r, c in lower] + [f"g{r}" for r in range(size)]
    names = [f"x{k}" for k in range(len(group.coordinates))]
    lines = [*_given(group, conditional, own), *expression_lines(group, wanted, names, results, "c")]
    for r in range(size):
        for c in range(r):
            lines += [f"h{r}_{c} = (" + " - ".join([f"h{r}_{c}", *(f"h{r}_{k} * h{c}_{k}" for k in range(c))])
                      + f") * i{c}"]  # fmt: skip
        lines += [f"i{r} = 1.0 / np.sqrt(" + " - ".join([f"h{r}_{r}", *(f"h{r}_{k} * h{r}_{k}" for k in range(r))])
                  + ")"]  # fmt: skip
    for r in range(size):
        lines += [f"f{r} = (-g{r}" + "".join(f" - h{r}_{k} * f{k}" for k in range(r)) + f") * i{r}"]
    for r in reversed(range(size)):
        drawn = f"f{r} + spread * normal[half + o{own[r]} + i]"
        lines += [f"b{r} = ({drawn}" + "".join(f" - h{k}_{r} * b{k}" for k in range(r + 1, size)) + f") * i{r}"]
    return [*lines, *(f"w[o{k} + i] = b{r}" for r, k in enumerate(own))]


def _truncated_lines(
    group: ComponentGroup, conditional: Conditional, number: int, scratch: int, between: tuple[float, float]
) -> list[str]:
    """Print an exact draw from exp(-(a x² + b x)/T), a ≥ 0, between walls.

    A proposal lies at ``origin`` ± y with y = ``by_normal`` z, ``by_exponential`` E or ``by_uniform`` u, two of these
    being zero; it is accepted with probability exp(y (tilt - bend y) - top).
    """
    names = ("origin", "sign", "by_normal", "by_exponential", "by_uniform", "bend", "tilt", "top", "done")
    rows = {name: f"normal[U({scratch + 64 * row}) + i]" for row, name in enumerate(names)}
    low, high = (repr(wall) for wall in between)
    width = repr(between[1] - between[0])
    wanted = [conditional.hessian[0, 0] / 2, conditional.slope[0]]
    coordinates = [f"x{k}" for k in range(len(group.coordinates))]
    setup = [
        *_given(group, conditional, [number]),
        *expression_lines(group, wanted, coordinates, ["a", "slope"], "c"),
        "a = max(a, 0.0) * cold",
        "slope = slope * cold",
        # Slopes of the exponent at the walls: the density is largest between them if these point away from each other.
        f"low_slope = slope + 2.0 * a * {low}",
        f"high_slope = slope + 2.0 * a * {high}",
        "interior = low_slope < 0.0 and high_slope > 0.0",
        "rising = low_slope < 0.0",
        "fall = -high_slope if rising else low_slope",
        "rate = 0.5 * (fall + np.sqrt(fall * fall + 8.0 * a))",
        f"flat = rate * {width} < {_UNIFORM_BELOW}",
        "reach = 1.0 / rate",
        f"best = min(reach, {width})",
        f"wide = 2.0 * a * {width} * {width} >= {_NORMAL_ABOVE**2}",
        "bell = interior and wide",
        f"wall = {high} if rising else {low}",
        f"{rows['origin']} = -0.5 * slope / a if bell else ({low} if interior else wall)",
        f"{rows['sign']} = -1.0 if (rising and not interior) else 1.0",
        f"{rows['by_normal']} = np.sqrt(0.5 / a) if bell else 0.0",
        f"{rows['by_exponential']} = 0.0 if (interior or flat) else reach",
        f"{rows['by_uniform']} = {width} if ((interior and not wide) or (flat and not interior)) else 0.0",
        f"{rows['bend']} = 0.0 if bell else a",
        f"{rows['tilt']} = 0.0 if bell else (-low_slope if interior else (-fall if flat else 2.0 * a * reach))",
        "peak = 0.25 * low_slope * low_slope / a",
        "steepest = a * best * (2.0 * reach - best)",
        f"{rows['top']} = 0.0 if (bell or (flat and not interior)) else (peak if interior else steepest)",
        f"{rows['done']} = 0.0",
    ]
    trial = [
        f"away = {rows['by_normal']} * gauss + {rows['by_exponential']} * exponential + {rows['by_uniform']} * uniform",
        f"at = {rows['origin']} + {rows['sign']} * away",
        f"missed = at < {low} or at > {high} or "
        f"log_uniform > away * ({rows['tilt']} - {rows['bend']} * away) - {rows['top']}",
    ]
    return ["for i in range(L):", *indent(setup, 1), *search(PROPOSAL, trial, f"w[o{number} + i]", rows["done"])]
