"""A method of mitigation in a training: what is minimised in place of the mean loss.

N train rows, B rows of this rank in a batch, G groups, O classes, C classes whose rates are compared.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from assay import models
from assay.mitigation import KIND
from assay.mitigation._batch import Batch
from assay.spec import plugins
from assay.training._job import Job
from assay.training._place import Place


class Mitigation:
    """`state` is what the method keeps; it is equal on all ranks, and a part of every checkpoint."""

    def __init__(self, job: Job, place: Place, group_N: Tensor, target_N: Tensor) -> None:
        assert job.mitigate is not None
        assert job.groups is not None
        target = job.prepared.target
        self._method = plugins.load(KIND, job.mitigate.method)
        self._config = plugins.config(KIND, job.mitigate.method, job.mitigate.options)
        self._place, self._group_N = place, group_N
        self._n_groups, self._n_classes = len(job.groups.names), target.n_outputs
        self._classes = slice(None) if target.positive is None else slice(target.positive, target.positive + 1)
        cell_N = group_N * self._n_classes + target_N
        n_GO = torch.bincount(cell_N, minlength=self._n_groups * self._n_classes).view(-1, self._n_classes).float()
        self.state: dict[str, Tensor] = self._method.prepare(self._config, n_GO.to(place.device))

    @classmethod
    def of(cls, job: Job, place: Place, target_N: Tensor) -> Self | None:
        """The mitigation that a job asks for, or None."""
        if job.groups is None:
            return None
        group_N = torch.from_numpy(job.store.array(job.groups.codes).copy()).to(target_N.device)
        return cls(job, place, group_N, target_N)

    def __call__(self, loss_B: Tensor, out: Tensor, target_B: Tensor, index_B: Tensor, weight: Tensor | int) -> Tensor:
        """What is minimised over the batch of which this rank has the rows `index_B`; `weight` is that of all rows.

        Groups of an ensemble are compared by what it predicts, the mean of its members.
        """
        p_BO = models.scores(out).softmax(dim=-1)
        batch = Batch(
            loss_B=loss_B,
            p_BC=p_BO[:, self._classes],
            group_B=self._group_N[index_B].to(out.device),
            target_B=target_B,
            n_groups=self._n_groups,
            n_classes=self._n_classes,
            weight=weight,
            world_size=self._place.world_size,
            total=self._place.total,
        )
        found: Tensor = self._method.objective(self._config, batch, self.state)
        return found
