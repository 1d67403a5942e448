"""How good a network is on the valid rows, computed by all ranks and counted once.

B rows of a pass, S rows of a rank's share, N valid rows, O outputs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay import evaluation, models, preprocessing
from assay.training import _metrics
from assay.training._batches import Rows
from assay.training._job import Job
from assay.training._losses import Loss
from assay.training._place import Place


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Where a forward pass runs, in the precision of the spec."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)


class Judge:
    """Loss and metrics of the valid fold.

    Every rank scores its share; rank 0 gathers the scores in the order of the rows and does the sums, so that they do
    not hang on the number of ranks. Ensembles are judged by what they predict, the mean of their members.
    """

    def __init__(self, job: Job, place: Place, rows: Rows, loss: Loss) -> None:
        self._place, self._rows, self._loss = place, rows, loss
        self._precision = job.training.precision
        self._target = job.prepared.target
        self._n_rows = models.rows_of_a_pass(job.prepared.signal)
        self._y_N: NDArray[Any] = rows.target_N.cpu().numpy()
        self._encoder = preprocessing.encoder(job.prepared, store=job.store)
        self._watched = _metrics.watched(self._target.task, self._target.n_outputs == 2, job.training)
        if self._target.task == "regression":
            self._y_N = self._encoder.to_units(self._y_N)

    def __call__(self, network: nn.Module) -> tuple[float, tuple[tuple[str, float], ...]]:
        """The mean loss per row, and the metrics."""
        scores_NO = self._place.gather(self._scores(network), len(self._rows))
        numbers = [np.nan] * (1 + len(self._watched))
        if self._place.first:
            numbers = self._numbers(scores_NO)
        valid_loss, *values = self._place.agree(numbers)
        return valid_loss, tuple(zip(self._watched, values, strict=True))

    def _scores(self, network: nn.Module) -> Tensor:
        share = self._place.share(len(self._rows))
        scores_SO = torch.empty(share.stop - share.start, self._target.n_outputs, device=self._place.device)
        was_training = network.training
        network.eval()
        with torch.no_grad(), autocast(self._precision, self._place.device):
            for start in range(share.start, share.stop, self._n_rows):
                part = slice(start, min(start + self._n_rows, share.stop))
                inputs, _ = self._rows.slice(part, self._place.device)
                begin = start - share.start
                scores_SO[begin : begin + self._n_rows] = models.scores(network(*inputs))
        network.train(was_training)
        return scores_SO

    def _numbers(self, scores_NO: Tensor) -> list[float]:
        target_N = self._rows.target_N.to(scores_NO.device)
        loss = self._loss.sum(scores_NO, target_N) / self._loss.weight(target_N)
        scores_NO = scores_NO.cpu()
        if self._target.task == "regression":
            prediction = self._encoder.to_units(scores_NO.squeeze(-1).numpy())
        else:
            prediction = scores_NO.double().softmax(dim=-1).numpy()
        measured = evaluation.measure(self._target, self._watched, prediction, self._y_N)
        return [float(loss), *(value for _, value in measured)]
