"""What was measured, what the gates make of it, and what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.artifacts._data import LeakReport
from assay.artifacts._explained import Explained, Flips, Membership, Stability
from assay.artifacts._model import Calibration, Model
from assay.artifacts._numbers import Curve, Interval, Share
from assay.artifacts._words import Blob, FoldName, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """A metric of one fold, with its interval and how that was made (`bootstrap`, `wilson`, `delong`, ...)."""

    name: str
    fold: FoldName
    interval: Interval
    method: str
    greater_is_better: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One finding about the fit: a verdict, the numbers that it cites, and what to try in the spec."""

    name: str
    verdict: str
    numbers: tuple[tuple[str, float], ...]
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model does on the test fold. `confusion` is [true class][predicted class] counts."""

    metrics: tuple[MetricValue, ...]
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]
    curves: tuple[Curve, ...]
    diagnoses: tuple[Diagnosis, ...]
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One group of one sensitive feature or crossing: `metrics` holds (name, numerator, denominator, value) rows."""

    sensitive: str
    group: str
    n_rows: int
    share: float
    powered: bool
    metrics: tuple[tuple[str, float, float, Interval], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairGap:
    """The gap between two groups in one metric, with the bounds that the rule needs.

    `low` and `high` are the one-sided 95 % bounds (a pair passes when both lie inside the tolerance); `low_adjusted`
    and `high_adjusted` are Bonferroni bounds over all pairs and sides (a pair fails when one lies outside).
    `k_*` / `n_*` are the counts behind rates, NaN-free; for means `k` is the sum and `ss` the sum of squares.
    `gap` is a - b with the higher group as a, or a / b with the lower group as a.
    """

    metric: str
    sensitive: str
    group_a: str
    group_b: str
    n_a: float
    k_a: float
    n_b: float
    k_b: float
    ss_a: float = 0.0
    ss_b: float = 0.0
    gap: float = 0.0
    low: float = 0.0
    high: float = 0.0
    low_adjusted: float = 0.0
    high_adjusted: float = 0.0
    powered: bool = True
    scale: Literal["difference", "ratio"] = "difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """What was foretold of a group and what came true, per score bin that has rows: shares between 0 and 1."""

    sensitive: str
    group: str
    n_rows: tuple[int, ...]
    foretold: tuple[float, ...]
    happened: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the audit found: groups, gaps with bounds, and the cells (Parquet counts) they are recomputed from."""

    cells: Blob
    fold: FoldName
    groups: tuple[GroupRow, ...]
    gaps: tuple[PairGap, ...]
    problems: tuple[str, ...]
    reliability: tuple[Reliability, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """One look at the data before training: what was measured and of whom, the bound of the spec, and the reason.

    NOT_APPLICABLE means that the spec sets no bound: the number is there to be read.
    """

    check: str
    about: str
    verdict: Verdict
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelBias:
    """How the labels of one group differ from those of everybody else, over training rows.

    `measures` holds (name, estimate, what chance alone would give) rows.
    """

    sensitive: str
    group: str
    n_rows: int
    n_others: int
    measures: tuple[tuple[str, Interval, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCount:
    """A group in the fold that the model will be audited on; `n_by_class` is empty in regression."""

    sensitive: str
    group: str
    n_rows: int
    n_by_class: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAudit:
    """What the data say about the people in them, before any model. `counts` are of the fold of the later audit.

    `positive` is an index into `classes` or None; `positive_rate` is the share of positive training labels.
    """

    checks: tuple[DataCheck, ...]
    label_bias: tuple[LabelBias, ...]
    counts: tuple[GroupCount, ...]
    classes: tuple[str, ...]
    positive: int | None
    positive_rate: float
    min_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Every check of the data, those included that ask whether the gates can be decided. `stops` end the run."""

    checks: tuple[DataCheck, ...]
    stops: tuple[DataCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Rows that are described by their values and on which the model is worse than on the rest, as the data suggested.

    `error`, `error_of_rest` and `gap` are of the confirming half alone, which had no part in finding the slice. `p` is
    the chance of such a gap or a wider one were there none, corrected for all slices that were tried there.
    """

    described: str
    n_rows: int
    error: float
    error_of_rest: float
    gap: Interval
    p: float
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """Slices that one half of the fold suggested, as the other half saw them. `error` says what was averaged."""

    error: str
    slices: tuple[Slice, ...]
    n_explored: int
    n_suggested: int
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplicity:
    """Rows whose predicted class hangs on the seed of the training, per group (Marx et al. 2020: ambiguity)."""

    n_models: int
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Conformal sets of classes: how often they hold the true one, per group and label.

    `marginal` are of sets with one threshold for all rows, `conditional` of sets with one per group and label; `sizes`
    are the mean numbers of classes in a set, in the same order, by feature.
    """

    promised: float
    marginal: tuple[Share, ...]
    conditional: tuple[Share, ...]
    sizes: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmitigated:
    """What the same spec comes to without its `mitigate`, on the same rows; `method` is what it is compared with."""

    method: str
    sensitive: str
    notice: str
    evaluation: Evaluation
    findings: Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The model that holds the alias now, with what is needed to predict with it again.

    `train_hashes` is an npy file of uint64: the content hashes of the rows that it was trained on.
    """

    name: str
    version: int
    model: Model
    calibration: Calibration
    train_hashes: Blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Candidate minus champion on the same rows, oriented so that positive is better, by paired bootstrap."""

    champion_version: int
    metric: str
    difference: Interval
    n_rows: int
    n_excluded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that gates may look at: numbers, never a model or a row of data. `champion_version` 0 means there is none."""

    evaluation: Evaluation
    findings: Findings | None
    comparisons: tuple[Comparison, ...]
    champion_version: int
    leaks: LeakReport | None = None
    comparison_problem: str = ""
    slices: Slices | None = None
    multiplicity: Multiplicity | None = None
    coverage: Coverage | None = None
    explained: Explained | None = None
    stability: Stability | None = None
    flips: Flips | None = None
    membership: Membership | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a waiver has to be for: the registered name, the data, who made the run, the day, and the profiles asked.

    `authors` are all names that the author of the run goes by; `today` is an ISO date.
    """

    model: str = ""
    data_sha256: str = ""
    authors: tuple[str, ...] = ()
    today: str = ""
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Which gaps of the audit a gate judges (`metrics` as the audit names them), and the range that it lets pass."""

    metrics: tuple[str, ...]
    sensitive: str
    scale: Literal["difference", "ratio"]
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate's answer: its verdict, the number and the bound it was held against, and the reason in a sentence.

    `tolerance` is there when the number is a gap between groups, so that a picture of the gaps can show it, and `pairs`
    are the groups that keep it from passing. `waived` says until when, by whom and why the decision overlooks the
    verdict; the verdict stays what it is.
    """

    gate: str
    title: str
    verdict: Verdict
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    detail: tuple[str, ...] = ()
    tolerance: Tolerance | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    waived: str = ""
    waived_until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What all gates together say: `promote` only when no gate failed, erred or stayed inconclusive."""

    outcome: Literal["promote", "refuse", "inconclusive"]
    gates: tuple[GateResult, ...]
    reason: str
    champion_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """What people read about a model: Markdown and HTML. `gaps` are the fields that nobody has filled in."""

    files: tuple[Blob, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The evidence behind a decision as files, and the manifest that seals them.

    `signed_by` is the public key in hex of whoever signed the manifest, empty where nobody did.
    """

    files: tuple[Blob, ...]
    manifest: Blob
    signed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The model version in the registry, and whether the alias points to it after this run."""

    name: str
    version: int
    model_sha256: str
    alias: str
    holds_alias: bool
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The files a reviewer opens; `review` is one self-contained HTML page."""

    review: Blob
    files: tuple[Blob, ...] = ()
