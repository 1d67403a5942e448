"""`audit data`, `show`, `export` and `verify`: what the audit finds, and whether it still stands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.artifacts import as_data
from assay.cli._answer import Answer, command
from assay.cli._record import RunId
from assay.cli._run import Overrides, SpecFile, understood

if TYPE_CHECKING:
    from rich.console import Console

    from assay.artifacts import DataAudit, DataCheck, Decision, Findings, LabelBias, Preflight, Share
    from assay.audit import Verified
    from assay.cli._why import Why

PANEL = "An audit"
MOST_METRICS = 7
ORDER = ("ERROR", "FAIL", "INCONCLUSIVE", "PASS", "NOT_APPLICABLE")


def data(spec: SpecFile, overrides: Overrides = None) -> Answer:
    """Audit the data of a spec as a run would before it trains. Trains nothing.

    Who is in them, how they are labelled, what gives people away, and whether the gates can be decided with the rows at
    hand. Ends with 0, 2 when a check failed, 3 when one could not tell, 4 on an error.
    """
    from assay import pipeline
    from assay.ledger import find_home

    found, checks = pipeline.audit_data(understood(spec, tuple(overrides or ())), home=find_home())
    verdicts = {check.verdict for check in checks.checks}
    shown = {"found": as_data(found), "preflight": as_data(checks)}
    return Answer(shown, lambda console: _show_data(console, found, checks), exit_code=exit_code(verdicts))


def show(run: RunId) -> Answer:
    """Print the verdicts of a run: its gates, its groups, the checks of its data, and how often its fold was looked at.

    Ends with 0 passed, 2 failed, 3 inconclusive, 4 error.
    """
    import json

    from assay.artifacts import Bundle, Coverage, Decision, Findings, Multiplicity, Preflight, from_json
    from assay.cli import _why
    from assay.ledger import Ledger, find_home

    found = _handoffs(run)
    decision = from_json(Decision, found["decide"])
    findings = from_json(Findings, found["audit"]) if "audit" in found else None
    checks = from_json(Preflight, found["preflight"]).checks if "preflight" in found else ()
    sealed = from_json(Bundle, found["evidence"]).manifest
    manifest = json.loads(Ledger(find_home()).store.read(sealed))
    shares = [*(from_json(Multiplicity, found["seeds"]).shares if "seeds" in found else ())]
    shares += from_json(Coverage, found["conformal"]).conditional if "conformal" in found else ()
    data = {"run": run, "decision": as_data(decision), "findings": as_data(findings), "checks": as_data(checks)}
    why = _why.Why.of(found)
    data |= {"why": as_data(why)}
    code = exit_code({gate.verdict for gate in decision.gates if not gate.waived})
    facts = [("outcome", decision.outcome), ("because", decision.reason), *_about(manifest, sealed.sha256)]
    facts += [("problem", problem) for problem in (findings.problems if findings is not None else ())]
    tables = [_groups(findings)] if findings is not None else []
    if shares:
        tables.append(_shares(shares))
    judged = [check for check in checks if check.verdict != "NOT_APPLICABLE"]
    return Answer(
        data | {"manifest": manifest},
        lambda console: _show_verdicts(console, decision, tables, why, judged, facts),
        exit_code=code,
    )


def _show_verdicts(
    console: Console,
    decision: Decision,
    tables: list[object],
    why: Why,
    checks: list[DataCheck],
    facts: list[tuple[str, str]],
) -> None:
    """Gates, groups, reasons, checks of the data, what would decide the open gates, and the facts."""
    from assay.cli import _print, _result, _why

    console.print(_result.gates_table(decision.gates))
    for table in tables:
        console.print()
        console.print(table)
    why.show(console)
    if checks:
        console.print()
        show_checks(console, checks)
    console.print()
    for gate in decision.gates:
        if gate.verdict == "INCONCLUSIVE":
            console.print(_why.deciding(gate), highlight=False)
    _print.facts(console, facts)


def export(
    run: RunId,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write it; must not exist yet.")],
) -> Answer:
    """Write the evidence of a run to a folder, for whoever is to check it. It is in MLflow, too, under `evidence`."""
    import shutil

    from assay.artifacts import Bundle, from_json
    from assay.errors import AssayError
    from assay.ledger import Ledger, find_home

    found = _handoffs(run)
    if folder.exists():
        raise AssayError(f"{folder} is there already. Name a folder that is not.")
    evidence = from_json(Bundle, found["evidence"])
    store, blobs = Ledger(find_home()).store, (evidence.manifest, *evidence.files)
    paths = {blob.name: store.path(blob) for blob in blobs}  # all of them, before anything is written
    folder.mkdir(parents=True)
    for name, path in paths.items():
        shutil.copyfile(path, folder / name)
    words = f"Wrote {len(paths)} files to {folder}. Check them with: assay audit verify {folder}"
    return Answer({"folder": str(folder), "files": sorted(paths)}, lambda console: console.print(words))


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder of the evidence.", show_default=False)],
    key: Annotated[str, typer.Option(help="The public key that must have signed it: a PEM file, or hex.")] = "",
) -> Answer:
    """Check every byte of the evidence of a run, and recompute every verdict from its counts.

    Needs neither data nor model. Ends with 0, or 2 when something was changed or does not follow.
    """
    from assay import audit

    verified = audit.verify(bundle, key)
    data = {"valid": not verified.problems, **as_data(verified)}
    return Answer(data, lambda console: _show_verified(console, verified), exit_code=2 if verified.problems else 0)


def exit_code(verdicts: Iterable[str]) -> int:
    """0 when nothing is amiss; 4 for an ERROR, 2 for a FAIL, 3 for what could not be told, whichever comes first."""
    codes = {"ERROR": 4, "FAIL": 2, "INCONCLUSIVE": 3}
    there = set(verdicts)
    return next((code for verdict, code in codes.items() if verdict in there), 0)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands, under the word `audit`."""
    audit = typer.Typer(help="Look at data, at a run's verdicts, and at evidence.", rich_markup_mode="rich")
    for function in (data, show, export, verify):
        command(audit, function, PANEL)
    app.add_typer(audit, name="audit", rich_help_panel=PANEL)


def _show_data(console: Console, found: DataAudit, checks: Preflight) -> None:
    from assay.cli import _print

    show_checks(console, checks.checks)
    if found.label_bias:
        console.print()
        console.print(_label_bias(found.label_bias))
    console.print()
    stops = f"{len(checks.stops)} of {len(checks.checks)} checks would end a run, as `audit.data.stop_on` says."
    _print.facts(console, [("in all", stops if checks.stops else f"{len(checks.checks)} checks, none ends a run.")])


def show_checks(console: Console, checks: Iterable[DataCheck]) -> None:
    """The checks of the data as a table, what is amiss first."""
    from rich.text import Text

    from assay.cli import _print

    rows = _print.table("verdict", "check", "value", "interval", "bound", right=("value", "interval", "bound"))
    for one in sorted(checks, key=lambda check: ORDER.index(check.verdict)):
        words = Text.assemble(f"{one.check}, {one.about}", "\n", (one.reason, "dim"))
        verdict = "measured" if one.verdict == "NOT_APPLICABLE" else one.verdict
        numbers = (_print.number(one.value), _print.interval(one.low, one.high), _print.number(one.bound))
        rows.add_row(_print.coloured(verdict), words, *numbers)
    console.print(rows)


def _label_bias(rows: Iterable[LabelBias]) -> object:
    from assay.cli import _print

    known = list(rows)
    names = [name for name, _, _ in known[0].measures]
    table = _print.table("labels of", "rows", *names, right=("rows", *names))
    for row in known:
        values = [_print.number(interval.value, 3) for _, interval, _ in row.measures]
        table.add_row(f"{row.sensitive}: {row.group}", f"{row.n_rows:,}", *values)
    return table


def _handoffs(run: str) -> dict[str, str]:
    """What the stages of a run have handed on, by stage, as JSON. Raises AssayError where it has decided nothing."""
    from assay.errors import AssayError
    from assay.ledger import Ledger, find_home

    committed = (event for event in Ledger(find_home()).events(run) if event["kind"] == "stage_committed")
    found = {event["stage"]: event["artifact"] for event in committed}
    if not {"decide", "evidence"} <= found.keys():
        raise AssayError(f"Run {run} has come to no decision, so there is no evidence of one. See `assay logs {run}`.")
    return found


def _about(manifest: dict[str, Any], sha256: str) -> Iterable[tuple[str, str]]:
    yield "look", f"number {manifest['look']} at this fold; each one makes the next verdict on it worth less"
    yield "manifest", f"sha256 {sha256}"
    yield "signed by", manifest["signed_by"] or "nobody"


def _groups(findings: Findings) -> object:
    """The groups with their rates; those too small to be judged are marked."""
    from assay.cli import _print

    names = list(dict.fromkeys(entry[0] for row in findings.groups for entry in row.metrics))[:MOST_METRICS]
    table = _print.table(f"groups, {findings.fold} fold", "rows", *names, right=("rows", *names))
    for row in findings.groups:
        known = {name: interval.value for name, _, _, interval in row.metrics}
        who = f"{row.sensitive}: {row.group}" + ("" if row.powered else " (too few)")
        table.add_row(who, f"{row.n_rows:,}", *(_print.number(known.get(name), 3) for name in names))
    return table


def _shares(shares: Iterable[Share]) -> object:
    """Rows that hang on the seed, and sets that hold the true class, per group."""
    from assay.cli import _print

    table = _print.table("share of rows", "of", "rows", "share", "interval", right=("rows", "share", "interval"))
    for one in shares:
        what = one.what if one.what == "hangs on the seed" else f"set holds {one.what}"
        value, ends = _print.number(one.interval.value, 3), _print.interval(one.interval.low, one.interval.high)
        table.add_row(what, f"{one.sensitive}: {one.group}", f"{one.n:,}", value, ends)
    return table


def _show_verified(console: Console, verified: Verified) -> None:
    from assay.cli import _print

    if verified.recomputed:
        rows = _print.table("recorded", "recomputed", "gate")
        for title, then, now in verified.recomputed:
            rows.add_row(_print.coloured(then), _print.coloured(now), title)
        console.print(rows)
        console.print()
    subject = ", ".join(f"{name} {value[:16]}" for name, value in verified.manifest["subject"].items())
    excused = verified.manifest["suppressed"]["verdicts"]
    notes = [("rests on suppressed cells", title) for title in excused]
    facts = [("about", subject), ("signature", verified.signature), *_about(verified.manifest, verified.sha256), *notes]
    result = "fail" if verified.problems else "ok"
    _print.facts(console, [*facts, *(("problem", problem) for problem in verified.problems), ("in all", result)])
