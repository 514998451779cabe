"""``ptproof check-log``: compare real boot logs with the model of the layout."""

import argparse

from .arguments import add_json, check_json_apart


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "check-log",
        help="compare Xen's boot logs with the model, figure by figure",
        description="Reads the memory arrangements of PV domains out of logs as people paste them, and says of "
        "each figure whether the model agrees, or by how much it differs. A count of an older Xen is named as "
        "such. Status 0 when nothing differs, 1 when something does, 2 when a file has no boot, a figure can't "
        "be read, or nothing can be checked.",
        allow_abbrev=False,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a log; - is standard input")
    parser.add_argument("--quiet", action="store_true", help="print the verdict on each boot only")
    add_json(parser, "the judgements")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Judge every boot in every file; a file that can't be used is told of, and the rest go on."""
    import sys
    from collections import Counter

    from ..boot_log import LIMIT, read_boots
    from ..check_log import Judgement, Outcome, as_dict, as_lines, check_boot
    from ..count_rule import count_rules
    from ..errors import InputError, one_line
    from ..exit_status import Status
    from ..files import read_input, title, write_json

    check_json_apart(arguments.json, *arguments.files)
    rules = count_rules()
    judgements: list[Judgement] = []
    complaints: list[str] = []
    for name in arguments.files:
        try:
            boots = read_boots(read_input(name, LIMIT), title(name))
        except InputError as error:
            complaints.append(str(error))
            print(f"ptproof: {one_line(str(error))}", file=sys.stderr)
            continue
        for boot in boots:
            judgement = check_boot(boot, rules)
            judgements.append(judgement)
            if arguments.json != "-":
                lines = as_lines(judgement)
                print("\n".join(map(one_line, lines[-1:] if arguments.quiet else lines)))
    if arguments.json is not None:
        boots_shown = [as_dict(each) for each in judgements]
        write_json(
            arguments.json, {"schema": "ptproof-check-log/1", "boots": boots_shown, "errors": complaints}
        )
    if len(judgements) > 1 and arguments.json != "-":
        outcomes = Counter(each.outcome for each in judgements)
        counts = ", ".join(f"{each.value} {outcomes[each]}" for each in Outcome if outcomes[each])
        print(f"{len(judgements)} boots: {counts}")
    statuses = [each.status for each in judgements] + [Status.BAD_INPUT for _ in complaints]
    return max(statuses)
