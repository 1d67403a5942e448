"""What a frozen backbone makes of each row, computed once: a training of the head alone then needs nothing else.

N rows, B rows of a pass, W features.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from assay import models
from assay.artifacts import Encoded, TrainingArrays
from assay.models import Inputs
from assay.training import _ray
from assay.training._batches import Rows
from assay.training._job import Job
from assay.training._transfer import Transfer


def embedded(job: Job) -> TrainingArrays:
    """The arrays of a job with float32 [N, W] in place of its images, texts or series."""
    device = torch.device("cuda" if _ray.gpu_wanted(job.compute) else "cpu")
    inputs = Inputs.of(job.prepared, store=job.store)
    with torch.random.fork_rng(devices=[]):  # building draws first weights, which are thrown away
        network = models.build(job.family, job.options, inputs, job.prepared.target.n_outputs, job.root)
    transfer = Transfer.of(job)
    assert transfer is not None, "there is a backbone"
    network = transfer.started(network).to(device).eval()
    parts = (job.arrays.train, job.arrays.valid)
    train, valid = (_fold(job, encoded, network, device) for encoded in parts)
    return TrainingArrays(train=train, valid=valid, embedded=True)


def _fold(job: Job, encoded: Encoded, network: torch.nn.Module, device: torch.device) -> Encoded:
    rows = Rows.open(encoded, job.store, torch.device("cpu"))
    n_rows = models.rows_of_a_pass(job.prepared.signal)
    with job.store.create("features.npy") as draft, torch.inference_mode():
        features_NW = None
        for start in range(0, len(rows), n_rows):
            inputs, _ = rows.slice(slice(start, start + n_rows), device)
            found_BW = models.features(network, inputs[-1]).float().cpu().numpy()
            if features_NW is None:
                shape = (len(rows), found_BW.shape[1])
                features_NW = np.lib.format.open_memmap(draft.path, "w+", np.float32, shape)
            features_NW[start : start + len(found_BW)] = found_BW
        assert features_NW is not None, "folds have rows"
        features_NW.flush()
        del features_NW
    return replace(encoded, signal=draft.blob)
