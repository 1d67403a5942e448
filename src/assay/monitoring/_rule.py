"""When windows fire: `violations` of the last `of` that could be decided, and the newest of them."""

from __future__ import annotations

from collections import Counter

from assay.artifacts import Watched, WatchVerdict, Window
from assay.spec.monitoring import MonitoringSpec


def judged(name: str, version: int, windows: tuple[Window, ...], config: MonitoringSpec, after: int) -> Watched:
    """See `assay.monitoring.judged`."""
    fresh = [window for window in windows if window.number > after]
    decided = [window for window in fresh if window.verdict != "UNDECIDED"][-config.of :]
    violating = [window for window in decided if window.verdict == "VIOLATES"]
    verdict, reason = _verdict(fresh, decided, violating, config)
    shown = violating or decided[-1:]
    times = Counter(_called(look) for window in shown for look in window.looks if look.moved)
    times.update(gate.title for window in shown for gate in window.gates if gate.verdict == "FAIL")
    return Watched(
        name=name,
        version=version,
        windows=windows,
        verdict=verdict,
        reason=reason,
        counted=tuple(window.number for window in decided),
        moved=tuple(what for what, _ in sorted(times.items(), key=lambda item: (-item[1], item[0]))),
    )


def _verdict(
    fresh: list[Window], decided: list[Window], violating: list[Window], config: MonitoringSpec
) -> tuple[WatchVerdict, str]:
    n, of = config.violations, config.of
    if not fresh or fresh[-1].verdict == "UNDECIDED":
        why = fresh[-1].reason if fresh else "there is no window since the last retraining"
        return "UNDECIDED", f"the newest window cannot be decided: {why}"
    if fresh[-1].verdict == "HOLDS":
        return "QUIET", f"the newest window holds; {len(violating)} of the last {len(decided)} violate"
    if len(violating) >= n:
        return "FIRES", f"{len(violating)} of the last {len(decided)} windows violate, the newest among them"
    if len(decided) < n:
        return "UNDECIDED", f"the newest window violates, and it takes {n} of {of}: there are {len(decided)} so far"
    return "QUIET", f"the newest window violates, but only {len(violating)} of the last {len(decided)}; it takes {n}"


def _called(look: object) -> str:
    about, name = getattr(look, "about", ""), getattr(look, "name", "")
    if about == "together":
        return "all columns together"
    return str(name) if about == "values" else f"{name} ({about})"
