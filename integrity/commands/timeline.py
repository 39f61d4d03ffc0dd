"""`integrity timeline`: recorded device work, for a trace viewer."""

import argparse
from pathlib import Path

from integrity.commands.arguments import Parser

EPILOG = """\
exit codes:
  0  written                               2  wrong usage, bad input, no record
  4  internal error
"""


def parser() -> Parser:
    made = Parser(
        "timeline",
        "Write what the workers' devices were recorded doing as Chrome trace events, which "
        "Perfetto (ui.perfetto.dev) and chrome://tracing open. "
        "`integrity audit --level gpu --evidence FILE` records it.",
        EPILOG,
    )
    made.add_argument("evidence", type=Path, metavar="EVIDENCE.json")
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: stdout")
    return made


def run(arguments: argparse.Namespace) -> int:
    from integrity.commands.output import check_writable, write
    from integrity.errors import BadInput
    from integrity.replay import load
    from integrity.reports.timeline import timeline

    check_writable("--output", arguments.output)
    runs = load(arguments.evidence).runs.values()
    recorded = (run.device_traces for run in runs if run.device_traces)
    found = {str(role): trace for traces in recorded for role, trace in traces.items()}
    if not any(trace.windows for trace in found.values()):
        why = next((trace.unavailable for trace in found.values() if trace.unavailable), "")
        raise BadInput(
            f"{arguments.evidence} holds no record of a device"
            + (f": {why}" if why else "; audit with --level gpu --evidence FILE")
        )
    write(timeline(found), arguments.output)
    return 0
