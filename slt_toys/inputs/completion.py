"""Completion for bash, zsh and fish, made from what every command says under ``--help``.

The help is what tells the truth about options, whichever library reads them. A script is complete in itself: while
somebody types, nothing of this package is started.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

FILES = "<files>"  # in place of choices: the value is a path
HIDDEN = {"learning-coefficient": ("--referee", "--track")}  # read before the other options are; help tells in words


@dataclass
class Words:
    """What may follow a command.

    Attributes
    ----------
    options
        Each option to the values it takes: choices, `FILES` alone for a path, nothing where anything goes.
    told
        What an option means, where the help says it.
    choices
        Of the first word that is no option.
    commands
        Subcommands.
    """

    options: dict[str, tuple[str, ...]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    commands: dict[str, Words] = field(default_factory=dict)


def words_in(text: str) -> Words:
    """Read the help of a command, printed without line breaks, by tyro or by argparse.

    Parameters
    ----------
    text
        What ``--help`` prints on a very wide terminal.

    Returns
    -------
    Words
        Subcommands are still empty.
    """
    found = Words()
    latest = ""
    for line in text.splitlines():
        plain = line.strip("│ \t")
        if plain.startswith("usage:"):
            usage = re.sub(r"--?[\w-]+ \S+", "", plain)
            if group := re.search(r" \[?\{([\w,-]+)\}", usage):
                found.choices = tuple(group[1].split(","))
        elif plain.startswith("•"):
            found.commands[plain.split()[1]] = Words()
        elif re.match(r"--?[a-zA-Z]", plain):
            said, _, meaning = (part.strip() for part in plain.partition("  "))
            values = _values(said, meaning)
            latest = ""
            for name in re.findall(r"(?<![\w-])--[a-z][\w-]*", said):
                found.options[name] = values
                latest = latest or name
                found.told[name] = meaning
        elif latest and not found.told[latest] and plain[:1].isalnum():
            found.told[latest] = plain
    return found


def _values(said: str, meaning: str) -> tuple[str, ...]:
    """Of an option, by the placeholder of its value."""
    if group := re.search(r"\{([\w,.-]+)\}$", said):
        return tuple(group[1].split(","))
    kind = said.rsplit(maxsplit=1)[-1]
    if "PATH" in kind or kind in ("FILE", "FOLDER", "OUT", "DATA") or meaning.startswith(("Folder ", "folder ")):
        return (FILES,)
    return ()


def _asked(run: Callable[[str, Sequence[str]], None], command: str, words: Sequence[str]) -> Words:
    """What a command says of itself."""
    said, kept = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "4000"
    try:
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            run(command, [*words, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if kept is not None:
            os.environ["COLUMNS"] = kept
    found = words_in(said.getvalue())
    for option in HIDDEN.get(command, ()):
        found.options[option] = ()
    if found.commands:
        found.choices = ()
    for name in found.commands:
        found.commands[name] = _asked(run, command, [*words, name])
    return found


def script(
    shell: str,
    program: str,
    commands: Mapping[str, tuple[str, str]],
    run: Callable[[str, Sequence[str]], None],
    own: Sequence[str],
) -> str:
    """The completion of a program as a script of a shell.

    Parameters
    ----------
    shell
        "bash", "zsh" or "fish".
    program
        Its name.
    commands
        Each command to its module and what it is for.
    run
        Runs a command with words; its help is read in this way.
    own
        Options of the program itself.

    Returns
    -------
    str
        To be evaluated, or put where the shell looks for completions.
    """
    tree = Words({name: () for name in own})
    tree.options["--print-completion"] = ("bash", "zsh", "fish")
    for name in commands:
        tree.commands[name] = _asked(run, name, [])
    tree.told = {name: asks for name, (_, asks) in commands.items()}
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](program, tree)


def _paths(tree: Words, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Words]]:
    yield path, tree
    for name, below in tree.commands.items():
        yield from _paths(below, (*path, name))


# What bash and zsh share: the case of a command's words, and that of an option's values.
_BODY = """\
    local key="" offered="" i
    for ((i = first; i < current; i++)); do
        case "$key ${{typed[i]}}" in
            {keys}) key="$key ${{typed[i]}}" ;;
        esac
    done
    case "$key $previous" in
{values}
        *)
            case "$key" in
{offered}
            esac ;;
    esac
"""


def _body(tree: Words) -> str:
    paths = dict(_paths(tree))
    keys = " | ".join(f'" {" ".join(path)}"' for path in paths if path)
    values: dict[tuple[str, ...], list[str]] = {}
    cases = []
    for path, found in paths.items():
        key = "".join(f" {name}" for name in path)
        cases.append(
            f'                "{key}") offered="{" ".join([*found.commands, *found.choices, *found.options])}" ;;'
        )
        for option, given in found.options.items():
            if given:
                values.setdefault(given, []).append(f'"{key} {option}"')
    lines = [
        f"        {' | '.join(where)}) "
        + (f"offered={FILES!r} ;;" if given == (FILES,) else f'offered="{" ".join(given)}" ;;')
        for given, where in values.items()
    ]
    return _BODY.format(keys=keys, values="\n".join(lines), offered="\n".join(cases))


def _function(program: str) -> str:
    return "_" + program.replace("-", "_")


def _bash(program: str, tree: Words) -> str:
    name = _function(program)
    return f"""\
# Completion of {program} for bash: eval "$({program} --print-completion bash)"
{name}() {{
    local current=$COMP_CWORD first=1 typed=("${{COMP_WORDS[@]}}") word="${{COMP_WORDS[COMP_CWORD]}}"
    local previous="${{COMP_WORDS[COMP_CWORD - 1]}}" IFS=$' \\t\\n'
    # An equals sign is a word of its own in bash.
    [[ $word == = ]] && word=""
    [[ $previous == = ]] && previous="${{COMP_WORDS[COMP_CWORD - 2]}}"
    COMPREPLY=()
{_body(tree)}\
    if [[ $offered == '{FILES}' ]]; then
        compopt -o filenames 2>/dev/null
        IFS=$'\\n'
        COMPREPLY=($(compgen -f -- "$word"))
    else
        COMPREPLY=($(compgen -W "$offered" -- "$word"))
    fi
}}
complete -o default -F {name} {program}
"""


def _zsh(program: str, tree: Words) -> str:
    name = _function(program)
    return f"""\
#compdef {program}
# Completion of {program} for zsh: eval "$({program} --print-completion zsh)" after compinit
{name}() {{
    local current=$CURRENT first=2 previous="${{words[CURRENT - 1]}}"
    local -a typed=("${{words[@]}}")
{_body(tree)}\
    if [[ $offered == '{FILES}' ]]; then
        _files
    else
        compadd -- ${{=offered}} || _files
    fi
}}
if [ "$funcstack[1]" = "{name}" ]; then {name} "$@"; else compdef {name} {program}; fi
"""


def _fish(program: str, tree: Words) -> str:
    lines = [
        f"# Completion of {program} for fish: {program} --print-completion fish | source",
        f"complete -c {program} -n __fish_use_subcommand -f",
    ]
    for path, found in _paths(tree):
        seen = "; and ".join(f"__fish_seen_subcommand_from {name}" for name in path)
        before = " ".join([*found.commands, *found.choices])
        none = "" if not before else f"not __fish_seen_subcommand_from {before}" if path else "__fish_use_subcommand"
        condition = "; and ".join(part for part in (seen, none) if part)
        for word in (*found.commands, *found.choices):
            told = f" -d {_quoted(found.told[word])}" if word in found.told else ""
            lines.append(f"complete -c {program} -n {_quoted(condition)} -a {word}{told}")
        for option, given in found.options.items():
            takes = " -r -F" if given == (FILES,) else f" -x -a {_quoted(' '.join(given))}" if given else ""
            told = f" -d {_quoted(found.told[option])}" if found.told.get(option) else ""
            lines.append(f"complete -c {program} -n {_quoted(seen or none)} -l {option[2:]}{takes}{told}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
