"""Completion of the command line in bash, zsh and fish, as a script to be sourced.

The script is made of the parser (``command_line``) and of the installed claims: new commands, options and claims are
in it by themselves. The name of a value says what it may be: FILE and PATH are files, ID is a claim's id, and a family
goes wherever ``ID|FAMILY`` stands, with TEXT or without. Of other values nothing is known, and nothing is offered.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from shlex import quote
from typing import Final

from attrs import frozen

from ..logic.claim import Claim
from .command_line import Argument, Command

FILES: Final = ("FILE", "PATH", "IMAGE", "FOLDER", "DIR")


@frozen
class Offer:
    """What is offered where a value is due: these words, or names of files."""

    words: tuple[str, ...] = ()
    files: bool = False


def script(shell: str, commands: Sequence[Command], claims: Iterable[Claim]) -> str:
    """The script for one of `SHELLS`."""
    claims = tuple(claims)
    ids = tuple(each.id for each in claims)
    families = tuple(dict.fromkeys(each.family.lower().replace(" ", "-") for each in claims))
    names = {"ID": ids, **dict.fromkeys(("ID|FAMILY", "ID|FAMILY|TEXT"), (*ids, *families))}
    return "\n".join(SHELLS[shell](commands, names)) + "\n"


def _offer(argument: Argument, names: Mapping[str, tuple[str, ...]]) -> Offer:
    """What to offer for the argument's value."""
    value = argument.values[0] if argument.values else ""
    if argument.choices:
        return Offer(argument.choices)
    return Offer(names.get(value, ()), files=value in FILES)


def _positional(command: Command, names: Mapping[str, tuple[str, ...]]) -> Offer:
    """What to offer where no option is due: what any of the positional arguments takes."""
    offers = [_offer(each, names) for each in command.arguments if not each.names]
    return Offer(
        tuple(word for each in offers for word in each.words), files=any(each.files for each in offers)
    )


def _valued(command: Command) -> Iterator[Argument]:
    """The options that take a value."""
    return (each for each in command.arguments if each.names and each.values)


def _bash(commands: Sequence[Command], names: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    yield from (
        "# Completion of ptproof for bash: source it, or put it where bash-completion looks.",
        "_ptproof() {",
        "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= each words= files=",
        '    if [[ $current == "=" ]]; then current=; fi',
        '    if [[ $before == "=" ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi',
        '    for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        "        if [[ $each != -* ]]; then command=$each; break; fi",
        "    done",
        "    case $command:$before in",
    )
    for command in commands:
        for each in _valued(command):
            offer = _offer(each, names)
            yield f"        {'|'.join(f'{command.name}:{name}' for name in each.names)})"
            yield f"            {_bash_offer(offer)} ;;"
    yield from ("        *)", "            case $command in")
    for command in commands:
        yield f"                {command.name})"
        yield f"                    if [[ $current == -* ]]; then words={quote(' '.join(command.options))}"
        yield f"                    else {_bash_offer(_positional(command, names))}; fi ;;"
    yield f"                '') words={quote(' '.join((*(each.name for each in commands), '--help', '--version')))} ;;"
    yield from (
        "            esac ;;",
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
        "    if [[ $files ]]; then",
        "        compopt -o filenames 2>/dev/null",
        '        while read -r each; do COMPREPLY+=("$each"); done < <(compgen -f -- "$current")',
        "    fi",
        "}",
        "complete -F _ptproof ptproof",
    )


def _bash_offer(offer: Offer) -> str:
    return f"words={quote(' '.join(offer.words))} files={'yes' if offer.files else ''}"


def _zsh(commands: Sequence[Command], names: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    yield from (
        "#compdef ptproof",
        "# Completion of ptproof for zsh: source it, or put it as _ptproof into a folder of fpath.",
        "_ptproof() {",
        "    local curcontext=$curcontext state line",
        "    typeset -A opt_args",
        "    local -a commands",
        "    commands=(",
    )
    yield from (f"        {quote(f'{each.name}:{each.help}')}" for each in commands)
    yield from (
        "    )",
        "    _arguments -C '(- *)--help[show help]' '(- *)--version[show the version]' '1:command:->command' '*::argument:->argument'",
        "    case $state in",
        "        command) _describe -t commands command commands ;;",
        "        argument)",
        "            case $words[1] in",
    )
    for command in commands:
        yield f"                {command.name})"
        specs = [spec for each in command.arguments for spec in _zsh_specs(each, names)]
        yield f"                    _arguments {' '.join(map(quote, specs))} ;;"
    yield from ("            esac ;;", "    esac", "}", "compdef _ptproof ptproof")


def _zsh_specs(argument: Argument, names: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """What ``_arguments`` takes for the argument."""
    offer = _offer(argument, names)
    action = "_files" if offer.files else f"({' '.join(offer.words)})" if offer.words else " "
    values = "".join(f":{_escaped(each)}:{action}" for each in argument.values)
    if argument.names:
        yield from (f"{name}[{_escaped(argument.help)}]{values}" for name in argument.names)
    elif argument.repeated:
        yield f"*{values}"
    else:
        yield f"{':' if argument.optional else ''}{values}"


def _escaped(text: str) -> str:
    """Text that may stand in a specification of zsh's."""
    return re.sub(r"[\[\]:\\]", r"\\\g<0>", text)


def _fish(commands: Sequence[Command], names: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    yield "# Completion of ptproof for fish: source it, or put it into ~/.config/fish/completions."
    yield "complete -c ptproof -f"
    none = "__fish_use_subcommand"
    yield f"complete -c ptproof -n {none} -l help -d 'show help'"
    yield f"complete -c ptproof -n {none} -l version -d 'show the version'"
    for command in commands:
        yield f"complete -c ptproof -n {none} -a {command.name} -d {_fish_quote(command.help)}"
        given = _fish_quote(f"__fish_seen_subcommand_from {command.name}")
        for each in command.arguments:
            offer = _offer(each, names)
            words = f" -a {_fish_quote(' '.join(offer.words))}" if offer.words else ""
            taken = "" if not (each.names and each.values) else " -r" if offer.files else " -x"
            options = "".join(f" -{'s' if len(name) == 2 else 'l'} {name.lstrip('-')}" for name in each.names)
            files = " -F" if offer.files else ""
            if options or words or files:
                text = _fish_quote(each.help) if each.names else _fish_quote(each.values[0])
                yield f"complete -c ptproof -n {given}{options}{taken}{files}{words} -d {text}"


def _fish_quote(text: str) -> str:
    """A string in single quotes, as fish reads them."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: Final[Mapping[str, Callable[[Sequence[Command], Mapping[str, tuple[str, ...]]], Iterator[str]]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
