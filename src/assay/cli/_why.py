"""What `assay audit show` says of reasons, and of what would decide a gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from assay.artifacts import Explained, Flips, GateResult, Interval, Membership, Stability, from_json

if TYPE_CHECKING:
    from rich.console import Console

MOST_COLUMNS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What the stages of a run have said about reasons; None is what its spec did not ask for."""

    explained: Explained | None
    stability: Stability | None
    flips: Flips | None
    membership: Membership | None

    @classmethod
    def of(cls, handoffs: Mapping[str, str]) -> Self:
        """From the hand-offs of a run, by stage."""

        def read(kind: type, stage: str) -> object:
            return from_json(kind, handoffs[stage]) if stage in handoffs else None

        return cls(
            explained=read(Explained, "explain"),  # type: ignore[arg-type]
            stability=read(Stability, "stability"),  # type: ignore[arg-type]
            flips=read(Flips, "flip"),  # type: ignore[arg-type]
            membership=read(Membership, "membership"),  # type: ignore[arg-type]
        )

    def show(self, console: Console) -> None:
        """Columns by what they add, then the rest as names and values."""
        from assay.cli import _print

        found = self.explained
        if found is not None:
            named = {one.column: one for one in (found.reasons.named if found.reasons else ())}
            rows = _print.table("column", "adds", "interval", "a reason of", "look at", right=("adds", "a reason of"))
            for name, one in found.importance[:MOST_COLUMNS]:
                told = named.get(name)
                counts = (f"{told.n_rows:,}", told.flag) if told else ("", "")
                rows.add_row(name, _print.number(one.value, 3), _print.interval(one.low, one.high), *counts)
            console.print()
            console.print(rows)
        if facts := list(self._facts()):
            console.print()
            _print.facts(console, facts)

    def _facts(self) -> Iterator[tuple[str, str]]:
        if self.explained is not None and (reasons := self.explained.reasons) is not None:
            yield "reasons hold", f"{_told(reasons.fidelity)} of {reasons.n_moved:,} move the score as they say"
        if self.explained is not None and (changes := self.explained.changes) is not None:
            yield "ways out", f"{_told(changes.found)} of {changes.n_rows:,} adverse decisions have one"
        if self.stability is not None:
            _, _, n, interval = self.stability.agreement[0]
            yield "same first reason", f"{_told(interval)} of {n:,} rows, beside {self.stability.n_models} other seeds"
        if self.flips is not None:
            for one in (share for share in self.flips.shares if share.sensitive == "(all)"):
                yield one.what, f"{_told(one.interval)} of {one.n:,} predictions"
            if not self.flips.seen:
                yield "flips", "the model sees no sensitive column"
        if self.membership is not None:
            fpr = f"{self.membership.fpr:.1%} false alarms"
            yield "recognised", f"{_told(self.membership.tpr)} of {self.membership.n_members:,} training rows, at {fpr}"


def deciding(gate: GateResult) -> str:
    """What would decide it."""
    from assay.reporting._gates import needs

    return f"{gate.title}: {' '.join(needs(gate))}"


def _told(one: Interval) -> str:
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
