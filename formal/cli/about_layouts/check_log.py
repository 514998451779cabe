"""``ptproof check-log``: compare real boot logs with the model of the layout."""

import argparse
from typing import TYPE_CHECKING

from ..arguments import add_examples, add_json, add_limit, set_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...judging.check_log import Judgement, Outcome
    from ...judging.domu_records import DomuJudgement
    from ...layouts.count_rule import CountRule
    from ...logs.boot_log import Boot
    from ...logs.boot_log_text import Blocks
    from ...logs.messages_in_logs import Said

    Judge = Callable[[], tuple[list[Judgement], Sequence[DomuJudgement]]]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "check-log",
        help="compare Xen's boot logs with the model, figure by figure",
        description="Reads the memory arrangements of PV domains in logs, and says for each figure whether the model agrees, or "
        "by how much it differs. A count of an older Xen is named as such. What libxenguest and a domU such as "
        "Mini-OS print is compared with libxenguest's steps; so is a file of JSON records, one a line, of what "
        "domUs printed of their start_info. HVM and PVH are out of scope. Status 0 when nothing differs, 1 when "
        "something does, 2 when a file has no boot, a figure can't be read, or nothing can be checked.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a log, or domUs' records as JSON; - is standard input"
    )
    parser.add_argument("--quiet", action="store_true", help="print the verdict on each boot only")
    add_limit(parser)
    add_json(parser, "the judgements")
    set_files(parser, reads=("files",))
    add_examples(parser, "ptproof check-log xen.log", "ptproof check-log --quiet - < xen.log")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Judge every boot in every file; reports a file that can't be used, and continues with the rest."""
    import sys

    from ...edge.errors import InputError
    from ...edge.exit_status import Status
    from ...edge.files import title, write_json
    from ...edge.outside import say
    from ...judging.check_log import Judgement, as_dict, as_lines
    from ...judging.domu_records import DomuJudgement
    from ...layouts.count_rule import count_rules
    from ...logic.verdict import MachineDisagreesError

    rules = count_rules()
    judgements: list[Judgement] = []
    domus: list[DomuJudgement] = []
    complaints: list[str] = []
    panics: list[dict[str, object]] = []
    disagrees = False
    for name in arguments.files:
        lines: list[list[str]] = []
        said: Sequence[Said] = ()
        complaint = ""
        try:
            said, judge = _read(name, rules, arguments.limit)
            lines = [[f"{title(name)}:{each.line}: panic: {each.sentence}"] for each in said]
            checked, found = judge()
            panics += ({"file": title(name), **each.as_dict()} for each in (() if checked else said))
            judgements += checked
            domus += found
            lines = [*([as_lines(each) for each in checked] or lines), *(each.lines() for each in found)]
        except InputError as error:
            complaints.append(str(error))
            panics += ({"file": title(name), **each.as_dict()} for each in said)
            complaint = f"ptproof: {error}"
        except MachineDisagreesError as error:
            disagrees = True
            complaints.append(str(error))
            complaint = f"ptproof: the machine disagrees: {error}"
        if arguments.json != "-":
            for each in lines:
                say(each[-1:] if arguments.quiet else each)
        if complaint:
            sys.stdout.flush()  # what was said first stands first, also where both go to one file
            say([complaint], sys.stderr)
    shown = {
        "boots": [as_dict(each) for each in judgements],
        "domus": [each.as_dict() for each in domus],
        "panics": panics,
    }
    if arguments.json is not None:
        write_json(arguments.json, {"schema": "ptproof-check-log/1", **shown, "errors": complaints})
    if arguments.json != "-":
        _sum_up("boots", [each.outcome for each in judgements])
        _sum_up("domUs", [each.outcome for each in domus])
    return max(
        [
            _status(judgements, domus),
            *((Status.FAILED if disagrees else Status.BAD_INPUT) for _ in complaints),
        ]
    )


def _status(judgements: "Sequence[Judgement]", domus: "Sequence[DomuJudgement]") -> int:
    """The worst of all; if everything is out of scope, nothing could be checked."""
    from ...edge.exit_status import Status
    from ...judging.check_log import Outcome

    statuses = [each.status for each in judgements] + [each.status for each in domus]
    if judgements and not domus and all(each.outcome is Outcome.OUT_OF_SCOPE for each in judgements):
        statuses.append(Status.BAD_INPUT)
    return max([Status.AS_EXPECTED, *statuses])


def _read(name: str, rules: "Sequence[CountRule]", limit: int) -> "tuple[Sequence[Said], Judge]":
    """What Xen says in a file, and what judges each boot and each domU in it. Both raise `InputError`."""
    import sys
    from functools import partial

    from ...edge.files import read_input, title
    from ...edge.limits import RAISED
    from ...edge.outside import say
    from ...judging.domu_log import judge_log
    from ...judging.domu_records import judge_all, looks_like_records, read_records
    from ...logs.boot_log_reader import all_boots
    from ...logs.log_window import LIMIT, log_text
    from ...logs.messages_in_logs import messages_in

    source, data = title(name), read_input(name, LIMIT * limit, RAISED)
    text = log_text(data, source, limit)
    if text and text[-1].cut:
        say([f"{source}: this {text[-1].cut} file is cut short: what there is of it is read"], sys.stderr)
    domus, boots = judge_log(text, source, limit), all_boots(text, source, limit)
    if not domus and not boots and looks_like_records(data):
        records = read_records(data, source, limit)
        return (), lambda: ([], judge_all(records, limit))
    said = messages_in(text, source, limit)
    return said, partial(_judged, text, source, rules, limit, boots=boots, domus=domus, said=said)


def _judged(
    text: "Blocks",
    source: str,
    rules: "Sequence[CountRule]",
    limit: int,
    *,
    boots: "Sequence[Boot]",
    domus: "Sequence[DomuJudgement]",
    said: "Sequence[Said]",
) -> "tuple[list[Judgement], Sequence[DomuJudgement]]":
    """Every boot of a log, with what the host's memory map and Xen's messages add to it, and every domU.

    Raises `InputError`, also where there is none.
    """
    from attrs import evolve

    from ...edge.errors import InputError
    from ...judging.check_log import check_boots
    from ...judging.domu_log import builders_refusal
    from ...judging.memory_conflicts import with_maps
    from ...judging.panics import panic_findings
    from ...logs.boot_log_reader import NO_ARRANGEMENT, NO_BOOT

    if not boots and not domus:
        raise InputError(f"{source}: {builders_refusal(text) or (NO_ARRANGEMENT if said else NO_BOOT)}")
    judged = with_maps(check_boots(boots, rules, limit), text, limit)
    told = zip(judged, panic_findings(boots, said), strict=True)
    return [evolve(each, findings=(*each.findings, *notes)) for each, notes in told], domus


def _sum_up(what: str, outcomes: "list[Outcome]") -> None:
    """How many boots, or domUs, had each outcome, if there are several."""
    from ...edge.outside import say
    from ...judging.check_log import Outcome

    if len(outcomes) > 1:
        counts = ", ".join(f"{each.value} {outcomes.count(each)}" for each in Outcome if each in outcomes)
        say([f"{len(outcomes)} {what}: {counts}"])
