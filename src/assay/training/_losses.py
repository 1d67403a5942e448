"""Losses as sums over rows, and the weight of a row, so that means over any set of rows are exact.

B rows, O outputs, N rows times ensemble members.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from assay import models
from assay.artifacts import TargetInfo
from assay.errors import Mistake
from assay.spec.training import TrainingSpec

REGRESSION: dict[str, Callable[..., Tensor]] = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}


class Loss:
    """The training loss of a spec.

    Classification: cross entropy with label smoothing (Szegedy et al. 2016) and class weights. The mean over a batch
    divides by the sum of its rows' weights, as torch does.
    """

    def __init__(self, training: TrainingSpec, weight_O: Tensor | None, classes: bool) -> None:
        self._weight_O = weight_O
        self._smoothing = training.label_smoothing
        self._regression = None if classes else REGRESSION["mse" if training.loss == "auto" else training.loss]

    @classmethod
    def of(cls, training: TrainingSpec, target: TargetInfo, target_N: Tensor, device: torch.device) -> Self:
        """The loss of a spec; `target_N` are the train rows' classes, which balanced weights count."""
        weight_O = class_weights(training, target, target_N)
        weight_O = None if weight_O is None else weight_O.to(device)
        return cls(training, weight_O, classes=target.task == "classification")

    def sum(self, out: Tensor, target_B: Tensor) -> Tensor:
        """The loss summed over rows, a float32 scalar. `out` is [B, O], or [B, K, O]: then members are averaged."""
        n_members = out.shape[1] if out.ndim == 3 else 1
        out_NO, target_N = models.members(out, target_B)
        out_NO = out_NO.float()
        if self._regression is not None:
            return self._regression(out_NO.squeeze(-1), target_N, reduction="sum") / n_members
        total = F.cross_entropy(
            out_NO, target_N, weight=self._weight_O, reduction="sum", label_smoothing=self._smoothing
        )
        return total if n_members == 1 else total / n_members

    def rows(self, out: Tensor, target_B: Tensor) -> Tensor:
        """The loss of every row, float32 [B], whose sum is `sum`. Of classification."""
        n_members = out.shape[1] if out.ndim == 3 else 1
        out_NO, target_N = models.members(out, target_B)
        loss_N = F.cross_entropy(
            out_NO.float(), target_N, weight=self._weight_O, reduction="none", label_smoothing=self._smoothing
        )
        return loss_N.view(len(out), n_members).mean(dim=1)

    def weight(self, target_N: Tensor, index_B: Tensor | None = None) -> Tensor | int:
        """The summed weight of all rows or of those named: how many they are, where classes have no weights."""
        if self._weight_O is None:
            return len(target_N if index_B is None else index_B)
        target_B = target_N if index_B is None else target_N.index_select(0, index_B)
        return self._weight_O[target_B.to(self._weight_O.device)].sum()


def class_weights(training: TrainingSpec, target: TargetInfo, target_N: Tensor) -> Tensor | None:
    """One weight per class, float32 [O]; `balanced` gives each class the same weight in total (King & Zeng 2001)."""
    if training.class_weights is None:
        return None
    if training.class_weights == "balanced":
        counts_O = torch.bincount(target_N, minlength=target.n_outputs).clamp(min=1)
        return (len(target_N) / (target.n_outputs * counts_O)).float()
    return torch.tensor([training.class_weights.get(name, 1.0) for name in target.classes])


def check(training: TrainingSpec, target: TargetInfo) -> list[Mistake]:
    """What the spec asks of the loss that this target cannot have."""
    classification = target.task == "classification"
    allowed = ("auto", "cross_entropy") if classification else ("auto", *REGRESSION)
    mistakes = []
    if training.loss not in allowed:
        found = f"{training.loss!r} is no loss of {target.task}"
        mistakes.append(Mistake(where="training.loss", found=found, allowed=", ".join(allowed)))
    if not classification and (training.class_weights is not None or training.label_smoothing):
        found = "class weights and label smoothing are of classification; the task is regression"
        mistakes.append(Mistake(where="training", found=found, allowed="neither of them"))
    if isinstance(training.class_weights, dict):
        unknown = sorted(set(training.class_weights) - set(target.classes))
        allowed_names = ", ".join(target.classes[:20])
        if unknown:
            found = f"there is no class {unknown[0]!r}"
            mistakes.append(Mistake(where="training.class_weights", found=found, allowed=allowed_names))
    return mistakes
