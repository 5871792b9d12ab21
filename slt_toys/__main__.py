"""``slt-toys COMMAND ...``: every experiment and tool of this package by one name.

A command is a module that also runs by ``python -m``: it is loaded when it is named, and its exit status, refusals and
interrupts are its own.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence

PROGRAM = "slt-toys"
COMMANDS = {
    "phase-diagram": ("slt_toys.phase_diagram", "which phase, how long to change it, when the critical period ends"),
    "temperature": ("slt_toys.temperature", "at what temperature SGD samples, by four thermometers"),
    "critical-period": ("slt_toys.critical_period", "is it temperature that ends a critical period?"),
    "equi-temperature": ("slt_toys.equi_temperature", "do the curves of different problems agree?"),
    "smooth-decline": ("slt_toys.smooth_decline", "which barriers stand behind a smooth decline?"),
    "interval-coverage": ("slt_toys.interval_coverage", "how often do intervals of windows and of ends hold?"),
    "four-way-check": ("slt_toys.four_way_check", "is every learning coefficient right?"),
    "learning-coefficient": ("slt_toys.learning_coefficient", "is λ̂ of a torch module right, or doubted?"),
    "zoo": ("slt_toys.zoo", "what controls what in solvable models of learning?"),
    "cifar": ("cifar", "the same question to a real network"),
    "rlct": ("theory.learning_coefficient", "λ and m of a loss or an ideal at a point, with the certificate"),
    "theory": ("theory", "derive every equation, render its page"),
    "sweep": ("slt_toys.sweep", "an experiment at many options, on all cores or a cluster"),
    "results": ("slt_toys.results", "list, show, verify, compare and export what was written"),
    "figures": ("figures", "redraw figures from saved results"),
}
SHELLS = ("bash", "zsh", "fish")
EXIT_REFUSED, EXIT_INTERRUPTED = 2, 130  # as in slt_toys.results.progress, which takes long to import
COMPLETION = "--print-completion"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, unless the command itself ends the program with its own."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given or given[0] in ("-h", "--help"):
            print(_help())
            return 0
        if given[0] == "--version":
            from slt_toys import __version__

            print(f"{PROGRAM} {__version__}")
            return 0
        if given[0] == COMPLETION:
            return _print_completion(given[1:])
        if given[0].replace("_", "-") not in COMMANDS:
            return _refused(given[0])
        run(given[0].replace("_", "-"), given[1:])
    except KeyboardInterrupt:  # while a module is loaded; what runs has its own answer
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def run(command: str, arguments: Sequence[str]) -> None:
    """Run a command's module as ``python -m`` would; it ends by `SystemExit`."""
    kept, told = sys.argv, {"__program__": f"{PROGRAM} {command}"}
    sys.argv = [kept[0], *arguments]
    try:
        runpy.run_module(COMMANDS[command][0], told, run_name="__main__", alter_sys=True)
    finally:
        sys.argv = kept


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{asks}" for name, (_, asks) in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} COMMAND [OPTIONS]",
            "",
            "Toy models of singular learning theory: phases, temperatures and the end of the critical period.",
            "",
            *lines,
            "",
            f"{PROGRAM} COMMAND --help lists the options; {PROGRAM} --version tells the version;",
            f"{PROGRAM} {COMPLETION} {{{','.join(SHELLS)}}} prints what completes all of it in a shell.",
        ]
    )


def _refused(name: str) -> int:
    """Say that there is no such command, and which is nearest."""
    from difflib import get_close_matches

    nearest = get_close_matches(name.replace("_", "-").lower(), COMMANDS, n=1, cutoff=0.5)
    told = f"do you mean {nearest[0]}?" if nearest else f"{PROGRAM} --help lists them"
    print(f"error: COMMAND: there is no command {name!r}; {told}", file=sys.stderr)
    return EXIT_REFUSED


def _print_completion(words: Sequence[str]) -> int:
    if len(words) != 1 or words[0] not in SHELLS:
        given = " ".join(words) or "nothing"
        print(f"error: {COMPLETION} takes one of {', '.join(SHELLS)}, not {given}", file=sys.stderr)
        return EXIT_REFUSED
    from slt_toys.inputs.completion import script

    print(script(words[0], PROGRAM, COMMANDS, run, ("--help", "--version", COMPLETION)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
