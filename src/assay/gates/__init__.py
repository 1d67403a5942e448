"""Gates: the evidence held against the bounds of the spec.

Why this shape: a decision is data. A gate sees numbers, never a model or a row, and returns a plain result; `decide`
asks every gate even after one has failed, so that a person learns everything at once; nothing here acts on the
decision. An estimate comes with its interval, so a gate has three answers, not two, and the third says how many more
rows would decide. Missing evidence never passes, an error never passes, and a spec without gates promotes nothing.

A gate is one file: `Config` and `check(config, evidence) -> GateResult`, and `compared(config)` when it wants the
candidate compared with the champion. Standard library and pydantic only.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from assay.artifacts import Decision, Evidence, GateResult, Scope, Task
from assay.gates import _waivers
from assay.spec import plugins
from assay.spec.evidence import GateSpec
from assay.spec.waivers import WaiverSpec

Outcome = Literal["promote", "refuse", "inconclusive"]
NOT_REFUSING = ("PASS", "NOT_APPLICABLE", "INCONCLUSIVE")

__all__ = ["asked_metrics", "decide", "lapsed", "metrics_of_groups"]


def decide(
    evidence: Evidence,
    gates: tuple[GateSpec, ...],
    promote_inconclusive: bool,
    waivers: tuple[WaiverSpec, ...] = (),
    scope: Scope | None = None,
) -> Decision:
    """The decision of all `gates` together. A gate that raises answers ERROR; it neither passes nor stops the others.

    FAIL and ERROR refuse. INCONCLUSIVE promotes only with `promote_inconclusive`, and the reason says so. A waiver that
    holds in `scope` keeps a FAIL or an INCONCLUSIVE from counting; the verdict stays what it is.
    """
    results = tuple(_ask(gate, evidence) for gate in gates)
    if waivers and scope is not None:
        results = tuple(_waivers.waived(result, waivers, scope) for result in results)
    outcome, reason = _outcome(results, promote_inconclusive)
    return Decision(
        outcome=outcome,
        gates=results,
        reason=reason + _suspicions(evidence),
        champion_version=evidence.champion_version,
    )


def lapsed(decision: Decision, today: date) -> tuple[str, ...]:
    """The waived gates of a decision whose waiver has ended by `today`: a reason not to serve the model any longer."""
    ended = (gate for gate in decision.gates if gate.waived_until and date.fromisoformat(gate.waived_until) < today)
    return tuple(f"{gate.title}: {gate.verdict}, waived until {gate.waived_until}" for gate in ended)


def asked_metrics(gates: tuple[GateSpec, ...]) -> tuple[str, ...]:
    """The metrics in which the gates want the candidate compared with the champion, each once."""
    wanted: dict[str, None] = {}
    for gate in gates:
        compared = getattr(plugins.load("gate", gate.gate), "compared", None)
        if compared is not None:
            wanted.update(dict.fromkeys(compared(plugins.config("gate", gate.gate, gate.options))))
    return tuple(wanted)


def metrics_of_groups(task: Task) -> tuple[str, ...]:
    """The metrics in which groups can be compared in such a task."""
    from assay.gates import _rates

    return _rates.MEANS if task == "regression" else (*_rates.RATES, "equalized_odds", _rates.CALIBRATION)


def _ask(gate: GateSpec, evidence: Evidence) -> GateResult:
    try:
        result = plugins.load("gate", gate.gate).check(plugins.config("gate", gate.gate, gate.options), evidence)
        if not isinstance(result, GateResult):
            raise TypeError(f"`check` of a gate returns a GateResult, not a {type(result).__name__}")
    except Exception as error:  # a gate may be anybody's code; whatever it raises becomes an answer that cannot pass
        reason = f"The gate raised {type(error).__name__}: {error}"
        return GateResult(gate=gate.gate, title=gate.gate, verdict="ERROR", reason=reason)
    return result


def _outcome(results: tuple[GateResult, ...], promote_inconclusive: bool) -> tuple[Outcome, str]:
    def titles(*verdicts: str) -> list[str]:
        return [result.title for result in results if result.verdict in verdicts and not result.waived]

    undecided, idle = titles("INCONCLUSIVE"), titles("NOT_APPLICABLE")
    overlooked = [f"{result.title}, {result.verdict} ({result.waived})" for result in results if result.waived]
    refusals = [result.title for result in results if result.verdict not in NOT_REFUSING and not result.waived]
    if not results:
        return "refuse", "The spec has no gates: nothing was asked of this model. Write at least one gate."
    if refusals:
        return "refuse", f"{len(refusals)} of {len(results)} gates refuse: {'; '.join(refusals)}."
    if not titles("PASS") and not undecided:
        return "refuse", f"No gate passed, so nothing speaks for this model. Not applicable: {'; '.join(idle)}."
    if undecided and not promote_inconclusive:
        return "inconclusive", f"The rows at hand cannot decide: {'; '.join(undecided)}."
    reason = f"{len(titles('PASS'))} of {len(results)} gates passed."
    if undecided:
        reason += f" Promoted although undecided, as `registry.promote_inconclusive` says: {'; '.join(undecided)}."
    if overlooked:
        reason += f" Overlooked: {'; '.join(overlooked)}."
    if idle:
        reason += f" Not applicable: {'; '.join(idle)}."
    return "promote", reason


def _suspicions(evidence: Evidence) -> str:
    probes = evidence.leaks.probes if evidence.leaks is not None else ()
    suspicious = [probe.name for probe in probes if probe.suspicious]
    return f" Look at the leak probes first: {', '.join(suspicious)}." if suspicious else ""
