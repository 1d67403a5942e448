"""Smaller gaps between groups, by one line of the spec: a method per file, found by its name.

Why this shape: a gap is a function of sums over groups, and so is every method. One of training says what is minimised
over a step, `objective(config, batch, state)`, in terms of a `Batch`, whose sums are over the rows of all ranks and
carry gradients (a gap that each rank computes of its own rows is that of too few people, and mostly noise). What it
keeps is `state`, tensors that `prepare(config, n_GO)` makes from the counts of the train rows; every checkpoint holds
them. A method of the decision has `choose(config, ...)` instead and trains nothing: thresholds per group, chosen on
valid rows. Either sees groups as codes; of which columns, it never learns. Parity and odds pull apart, so the spec
names what it wants, and the report shows every gap before and after.

B rows, G groups, O classes, C classes whose rates are compared: the positive one, or all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assay.artifacts import Calibration, GroupCodes, Predictions
from assay.errors import Mistake
from assay.spec import plugins
from assay.spec.evidence import MitigateSpec
from assay.spec.training import TrainingSpec

if TYPE_CHECKING:
    from assay.store import Store

KIND = "mitigation"


def is_of_training(config: MitigateSpec) -> bool:
    """True when the method changes the training; False when it changes the decision alone."""
    return hasattr(plugins.load(KIND, config.method), "objective")


def notice(config: MitigateSpec) -> str:
    """What whoever answers for the model has to know before using the method; mostly nothing."""
    return str(getattr(plugins.load(KIND, config.method), "NOTICE", ""))


def mistakes(config: MitigateSpec, training: TrainingSpec) -> Iterator[Mistake]:
    """What the training of a spec asks for and the method cannot do."""
    if config.method not in plugins.names(KIND) or not is_of_training(config):
        return
    mixed = [name for name in ("mixup", "cutmix") if getattr(training.augment, name)]
    for name in mixed:
        found = "rows are mixed, and a mixed row is of no group"
        yield Mistake(where=f"training.augment.{name}", found=found, allowed="0 beside `mitigate`")
    if training.sync_every > 1:
        found = f"{training.sync_every}, so that ranks go apart, and `mitigate` compares groups over all of them"
        hint = "`training.accumulate` saves exchanges as well."
        yield Mistake(where="training.sync_every", found=found, allowed="1 beside `mitigate`", hint=hint)


def calibrate(
    valid: Predictions, groups: GroupCodes, calibration: Calibration, config: MitigateSpec, *, store: Store
) -> Calibration:
    """`calibration` with a threshold per group, chosen by a method of the decision on calibrated valid rows.

    Raises DataError in tasks that have no threshold, since they do not have two classes.
    """
    from assay.mitigation._decision import calibrate

    return calibrate(valid, groups, calibration, config, store)
