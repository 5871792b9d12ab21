"""Templates of underdamped Langevin kernels: splittings spelled as strings (Leimkuhler & Matthews 2013).

Unit mass: dx = p dt, dp = -∇L dt - γ p dt + √(2γT) dW. Each letter is the exact flow of one part: A moves x by p,
B moves p by the force, O is the Ornstein-Uhlenbeck part. A letter that stands n times in the string takes 1/n of the
step.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

from ..potentials.potential import Potential
from .codegen import ComponentGroup, component_groups, gradient_lines, load_module
from .frame import component_loop, draw_normals, kernel_source, walls


def underdamped_source(potential: Potential, splitting: str) -> str:
    """Print the kernel of a splitting, a palindrome over A, B and O such as ``"BAOAB"``.

    State rows of a block: positions, momenta, gradient at the positions.
    """
    d = potential.dimension
    step, prepare = draw_normals(d * splitting.count("O")), []
    for number, group in enumerate(component_groups(potential)):
        step += component_loop(number, group, _letters(group, splitting, potential))
        size = len(group.coordinates)
        body = [f"x{k} = w[o{k} + i]" for k in range(size)]
        body += gradient_lines(group, "c")
        body += [f"w[o{k} + U({128 * d}) + i] = g{k}" for k in range(size)]
        prepare += component_loop(number, group, body)
    per_segment = [
        f"decay = np.exp(-friction * dt / {float(splitting.count('O'))})",
        "noise = np.sqrt(segment_temperature[segment] * (1.0 - decay * decay))",
    ]
    return kernel_source(potential, "segment_temperature, friction", per_segment, step, prepare)


@lru_cache(maxsize=256)
def underdamped_kernel(potential: Potential, splitting: str) -> ModuleType:
    """Compile (or load from the cache) the kernel of a splitting; the module has ``advance`` and ``prepare``."""
    return load_module(underdamped_source(potential, splitting), f"underdamped_{splitting}")


def _letters(group: ComponentGroup, splitting: str, potential: Potential) -> list[str]:
    d, size = potential.dimension, len(group.coordinates)
    body = [f"x{k} = w[o{k} + i]" for k in range(size)]
    body += [f"v{k} = w[o{k} + U({64 * d}) + i]" for k in range(size)]
    body += [f"g{k} = w[o{k} + U({128 * d}) + i]" for k in range(size)]
    stale, thermostat = False, 0
    for position, letter in enumerate(splitting):
        share = 1.0 / splitting.count(letter)
        if letter == "A":
            body += [f"x{k} = x{k} + {share!r} * dt * v{k}" for k in range(size)]
            for k, (low, high) in enumerate(walls(potential, group)):
                # A wall reflects the path: place and momentum turn around together.
                body += [
                    f"v{k} = -v{k} if (x{k} < {low!r} or x{k} > {high!r}) else v{k}",
                    f"x{k} = {low!r} + abs(x{k} - {low!r})",
                    f"x{k} = {high!r} - abs({high!r} - x{k})",
                ]
            stale = True
        elif letter == "B":
            if stale:
                body += gradient_lines(group, f"c{position}_")
                stale = False
            body += [f"v{k} = v{k} - {share!r} * dt * g{k}" for k in range(size)]
        else:
            offset = f"half + U({64 * d * thermostat})" if thermostat else "half"
            body += [f"v{k} = decay * v{k} + noise * normal[{offset} + o{k} + i]" for k in range(size)]
            thermostat += 1
    if stale:
        body += gradient_lines(group, "e")
    body += [f"w[o{k} + i] = x{k}" for k in range(size)]
    body += [f"w[o{k} + U({64 * d}) + i] = v{k}" for k in range(size)]
    return [*body, *(f"w[o{k} + U({128 * d}) + i] = g{k}" for k in range(size))]
