"""A network judged with weights that another has learned.

B rows of a batch.
"""

from __future__ import annotations

import torch
from safetensors.torch import load
from torch import nn

from assay import models
from assay.artifacts import Epoch, Model
from assay.errors import TrainingError
from assay.models import Inputs
from assay.training._batches import Rows
from assay.training._job import Job
from assay.training._judge import Judge
from assay.training._losses import Loss
from assay.training._place import Place, threads
from assay.training._ray import gpu_wanted

N_BATCHES, BATCH = 8, 128  # of rows on which batch normalisation is measured again


def inherit(job: Job, weights: Model) -> tuple[Epoch, int]:
    """See `assay.training.inherit`."""
    place = Place(0, 1, torch.device("cuda" if gpu_wanted(job.compute) else "cpu"))
    known = load(job.store.read(weights.weights))
    with torch.random.fork_rng(devices=[]), threads(job.compute.threads or torch.get_num_threads()):
        inputs = Inputs.of(job.prepared, store=job.store)
        network = models.build(job.family, job.options, inputs, job.prepared.target.n_outputs, job.root)
        names = network.state_dict()
        missing = [name for name in names if name not in known or known[name].shape != names[name].shape]
        if missing:
            raise TrainingError(f"the supernet has no weights {missing[0]!r} of this shape.")
        network.load_state_dict({name: known[name] for name in names})
        train, valid = (Rows.open(rows, job.store, place.device) for rows in (job.arrays.train, job.arrays.valid))
        _measure_again(network.to(place.device), train, place.device)
        loss = Loss.of(job.training, job.prepared.target, train.target_N, place.device)
        valid_loss, metrics = Judge(job, place, valid, loss)(network)
    n_parameters = sum(value.numel() for value in network.parameters())
    epoch = Epoch(epoch=0, train_loss=0.0, valid_loss=valid_loss, lr=0.0, seconds=0.0, metrics=metrics)
    return epoch, n_parameters


def _measure_again(network: nn.Module, train: Rows, device: torch.device) -> None:
    """Means and spreads of batch normalisation on train rows: those of a supernet are of all its paths together."""
    found = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not found:
        return
    for module in found:
        module.reset_running_stats()
        module.momentum = None  # the plain mean over batches
    network.train()
    index_N = train.in_order(0, 0, BATCH)[: N_BATCHES * BATCH]
    with torch.no_grad():
        for index_B in torch.split(index_N, BATCH):
            inputs, _ = train.take(index_B, device)
            network(*inputs)
