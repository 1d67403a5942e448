"""Who was in the training rows: how well an attacker can tell.

Why this shape. A threshold on the loss looks harmless where it matters, at few false alarms; LiRA (Carlini et al. 2022)
does not. For every row it asks how sure models are of it that were trained with it, and how sure those that were not,
and whether the model at hand behaves like the former. So it needs shadow models: the same training, on halves of the
training rows and the audited rows together, dealt by their content. All of it is one stage, since its parts are of no
use to anybody else. An attack that fails proves nothing; only the accountant of a private training does.
"""

from __future__ import annotations

from pathlib import Path

from assay.artifacts import Blob, Encoded, Membership, Model, Predictions, TrainFold
from assay.spec.evidence import MembershipSpec
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.store import Store

__all__ = ["attack"]


def attack(
    model: Model,
    train: TrainFold,
    others: Predictions,
    valid: Encoded,
    row_hashes: Blob,
    family: ModelSpec,
    training: TrainingSpec,
    compute: ComputeSpec,
    seed: int,
    config: MembershipSpec,
    *,
    store: Store,
    folder: Path,
    root: Path | None = None,
    weights: Blob | None = None,
) -> Membership:
    """Attack `model`: which of the rows of `train` and of `others` were it trained on?

    Rows of `others` whose content stands in `train` are left out. Shadow trainings keep their checkpoints in `folder`,
    and start from `weights` where the model did.
    """
    from assay.membership import _attack

    shadows = _attack.Shadows(family, training, compute, seed, valid, folder, root, weights)
    return _attack.attack(model, train, others, row_hashes, shadows, config, store)
