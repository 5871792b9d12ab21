"""Learning coefficients of neural networks by their theorems: exact value, multiplicity and a certificate to follow.

Every theorem here assumes a true function inside the model, a smooth prior that is positive and compactly supported
around it, and (linear networks) inputs with a positive definite second-moment matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import isqrt

from sympy import Rational

from theory.learning_coefficient.arguments import ordered, whole_number
from theory.learning_coefficient.local_problem import LearningCoefficient


def deep_linear_network(widths: Sequence[int], rank: int) -> LearningCoefficient:
    """Deep linear network x -> W_L ... W_1 x, every weight free, when the true map has rank `rank`.

    Parameters
    ----------
    widths : sequence of int, length L + 1 with L >= 1
        Input width, hidden widths in order, output width.
    rank : int
        Rank of the true map, 0 <= rank <= min(widths).

    Returns
    -------
    LearningCoefficient
        The value is half the codimension of the set of weights with the true product (tests/theory compare the two).

    Raises
    ------
    ValueError
        If a width is not a positive integer, there are fewer than two, or no such network has the rank.

    References
    ----------
    Aoyagi (2024), Consideration on the learning efficiency of multiple-layered neural networks with linear units,
    Neural Networks 172, 106132. Lehalleur and Rimanyi (2024), Geometry of fibers of the multiplication map of deep
    linear neural networks: the value as half a codimension.
    """
    widths = tuple(_positive_integer("widths", width) for width in ordered("widths", widths))
    if len(widths) < 2:
        raise ValueError(f"widths: got {len(widths)} of them, expected at least two (input and output)")
    rank = _possible_rank(rank, widths)
    excess = sorted(width - rank for width in widths)
    chosen = [count for count in range(1, len(widths)) if _admissible(excess, count)]
    answers = {_deep_linear_value(widths, rank, excess, count) for count in chosen}
    assert len(answers) == 1, "the theorem gives one answer however a tie between widths is broken"
    (value, multiplicity) = answers.pop()
    count = chosen[-1]
    used, total = excess[: count + 1], sum(excess[: count + 1])
    ceiling = -(-total // count)
    remainder = total - (ceiling - 1) * count
    pairs = sum(a * b for a, b in combinations(used, 2))
    sentences = [
        f"theorem: Aoyagi (2024), deep linear network of widths {widths} with a true map of rank r = {rank}",
        f"widths less the rank, sorted: M = {tuple(excess)}",
        f"l = {count} is the largest with M_1 + ... + M_(l+1) >= l M_(l+1): {total} >= {count * excess[count]}",
    ]
    if count + 1 < len(excess):
        following = total + excess[count + 1]
        sentences.append(f"l = {count + 1} is too large: {following} < {(count + 1) * excess[count + 1]}")
    sentences += [
        f"s = M_1 + ... + M_(l+1) = {total}, M* = ceil(s/l) = {ceiling}, a = s - (M* - 1) l = {remainder}, "
        f"sum of M_i M_j over pairs among the first l + 1 = {pairs}",
        f"value = (r (H_0 + H_L) - r^2)/2 + a (l - a)/(4 l) - l (l - 1)/4 (s/l)^2 + (sum of pairs)/2 = "
        f"{Rational(rank * (widths[0] + widths[-1] - rank), 2)} + "
        f"{Rational(remainder * (count - remainder), 4 * count)} - {Rational((count - 1) * total**2, 4 * count)} + "
        f"{Rational(pairs, 2)} = {value}",
        f"multiplicity = a (l - a) + 1 = {multiplicity}",
    ]
    return LearningCoefficient(value, multiplicity, "deep linear network (Aoyagi 2024)", tuple(sentences))


def _admissible(excess: Sequence[int], count: int) -> bool:
    """Whether the count + 1 smallest may be the theorem's set: sum >= count * inside and <= count * outside.

    The theorem asks for < outside; where = holds, adding the next width is admissible too and gives the same answer.
    """
    total = sum(excess[: count + 1])
    outside = excess[count + 1 :]
    return total >= count * excess[count] and (not outside or total <= count * outside[0])


def _deep_linear_value(widths: Sequence[int], rank: int, excess: Sequence[int], count: int) -> tuple[Rational, int]:
    used = excess[: count + 1]
    total = sum(used)
    remainder = total - (-(-total // count) - 1) * count
    value = (
        Rational(rank * (widths[0] + widths[-1] - rank), 2)
        + Rational(remainder * (count - remainder), 4 * count)
        - Rational(count * (count - 1), 4) * Rational(total, count) ** 2
        + Rational(sum(a * b for a, b in combinations(used, 2)), 2)
    )
    return value, remainder * (count - remainder) + 1


def reduced_rank_regression(input_width: int, hidden_width: int, output_width: int, rank: int) -> LearningCoefficient:
    """Reduced-rank regression x -> B A x, both factors free, when the true map has rank `rank`.

    The same model as matrix factorisation Y = B A + noise with every entry observed.

    Parameters
    ----------
    input_width, hidden_width, output_width : int
        A is hidden x input, B is output x hidden.
    rank : int
        Rank of the true map, at most the smallest width.

    Raises
    ------
    ValueError
        If a width is not a positive integer or no such product has the rank.

    References
    ----------
    Aoyagi and Watanabe (2005), Stochastic complexities of reduced rank regression in Bayesian estimation,
    Neural Networks 18, 924-933.
    """
    inputs = _positive_integer("input_width", input_width)
    hidden = _positive_integer("hidden_width", hidden_width)
    outputs = _positive_integer("output_width", output_width)
    rank, multiplicity = _possible_rank(rank, (inputs, hidden, outputs)), 1
    if inputs + hidden < outputs + rank:
        case, formula = "M + H < N + r", "(H M - H r + N r)/2"
        value = Rational(hidden * inputs - hidden * rank + outputs * rank, 2)
    elif outputs + hidden < inputs + rank:
        case, formula = "N + H < M + r", "(H N - H r + M r)/2"
        value = Rational(hidden * outputs - hidden * rank + inputs * rank, 2)
    elif inputs + outputs < hidden + rank:
        case, formula = "M + N < H + r", "M N/2"
        value = Rational(inputs * outputs, 2)
    else:
        odd = (inputs + hidden + outputs + rank) % 2
        both = hidden + rank
        square = 2 * both * (inputs + outputs) - (inputs - outputs) ** 2 - both**2
        value, multiplicity = Rational(square + odd, 8), 1 + odd
        case = f"no width too large, M + H + N + r {'odd' if odd else 'even'}"
        formula = "(2 (H + r)(M + N) - (M - N)^2 - (H + r)^2" + (" + 1)/8" if odd else ")/8")
    sentences = (
        f"theorem: Aoyagi and Watanabe (2005), inputs M = {inputs}, hidden H = {hidden}, outputs N = {outputs}, "
        f"true rank r = {rank}",
        f"case {case}: value = {formula} = {value}, multiplicity = {multiplicity}",
    )
    return LearningCoefficient(value, multiplicity, "reduced-rank regression (Aoyagi-Watanabe 2005)", sentences)


def tanh_network(hidden_units: int) -> LearningCoefficient:
    """Network sum_h a_h tanh(b_h x) of one input and one output when the true function is zero.

    Parameters
    ----------
    hidden_units : int
        Number H of hidden units, at least 1; there are 2 H parameters.

    Raises
    ------
    ValueError
        If `hidden_units` is not a positive integer.

    References
    ----------
    Aoyagi (2010), A Bayesian learning coefficient of generalization error and Vandermonde matrix-type
    singularities, Communications in Statistics - Theory and Methods 39, 2667-2687.
    """
    units = _positive_integer("hidden_units", hidden_units)
    root = isqrt(units)
    value = Rational(units + root**2 + root, 4 * root + 2)
    multiplicity = 2 if root**2 == units else 1
    sentences = (
        "the odd Taylor coefficients of the network generate the ideal (sum_h a_h b_h^(2k-1), k = 1 ... H)",
        f"theorem: Aoyagi (2010) for this ideal with H = {units}, i = floor(sqrt(H)) = {root}",
        f"value = (H + i^2 + i)/(4 i + 2) = {units + root**2 + root}/{4 * root + 2} = {value}",
        f"multiplicity = {multiplicity}: i^2 = {root**2} {'equals' if multiplicity == 2 else 'is below'} H",
    )
    return LearningCoefficient(value, multiplicity, "tanh network (Aoyagi 2010)", sentences)


def _positive_integer(name: str, value: int) -> int:
    return whole_number(name, value, 1, "a positive integer")


def _possible_rank(rank: int, widths: Sequence[int]) -> int:
    if whole_number("rank", rank, 0) > min(widths):
        raise ValueError(f"rank: {rank} is above the smallest width {min(widths)}; no product has that rank")
    return int(rank)
