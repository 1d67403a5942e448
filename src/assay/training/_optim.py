"""Torch's optimisers, minus a second of start-up."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from assay.spec.training import TrainingSpec

FUSED = {"cpu": ("adamw", "adam", "sgd", "adagrad"), "cuda": ("adamw", "adam", "sgd")}


def optimizer(
    network: nn.Module, training: TrainingSpec, lr_fracs: Mapping[str, float] = MappingProxyType({})
) -> Optimizer:
    """The optimiser of a spec over the parameters of `network`. `lr_fracs` are their rates over `lr`, by name; 1 is not
    written.

    Weight decay is for matrices: biases and the scales of normalisations (one dimension) are left alone, as is usual
    (Goyal et al. 2017, section 5.3). Fused kernels are used where torch has them.
    """
    parameters = [(name, value) for name, value in network.named_parameters() if value.requires_grad]
    alike: dict[tuple[float, float], list[Tensor]] = {}  # one group where nothing differs: a step costs by the group
    for name, value in parameters:
        is_matrix = value.ndim > 1 and not name.endswith("bias")
        decay = training.weight_decay if is_matrix else 0.0
        alike.setdefault((lr_fracs.get(name, 1.0), decay), []).append(value)
    groups = [
        {"params": values, "weight_decay": decay, "lr_frac": lr_frac} for (lr_frac, decay), values in alike.items()
    ]
    make, options = _kind(training)
    if training.optimizer in FUSED.get(parameters[0][1].device.type, ()):
        options["fused"] = True
    return undecorated(make)(groups, lr=training.lr, **options)


def undecorated(cls: type[Optimizer]) -> Callable[..., Optimizer]:
    """The same optimiser, its methods stripped of what torch wraps around them for `torch.compile` and its profiler.

    The wrappers import `torch._dynamo` when they are first called (0.8 s) and cost a part of every step. Of what they
    do a loop that is neither compiled nor profiled needs one thing: `step` runs without gradients.
    """
    methods: dict[str, Callable[..., Any]] = {
        name: inspect.unwrap(getattr(cls, name)) for name in ("add_param_group", "state_dict", "load_state_dict")
    }
    step = torch.no_grad()(inspect.unwrap(cls.step))
    step.hooked = True  # or torch would wrap it again
    return type(cls.__name__, (cls,), {**methods, "step": step})


def _kind(training: TrainingSpec) -> tuple[type[Optimizer], dict[str, Any]]:
    kinds: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
        "adamw": (AdamW, {"betas": training.betas}),
        "adam": (Adam, {"betas": training.betas}),
        "sgd": (SGD, {"momentum": training.momentum}),
        "rmsprop": (RMSprop, {"momentum": training.momentum}),
        "adagrad": (Adagrad, {}),
    }
    return kinds[training.optimizer]


def state_tensors(source: Optimizer) -> dict[str, Tensor]:
    """The optimiser's state, flat: `INDEX.NAME` for every tensor of every parameter."""
    state = source.state_dict()["state"]
    return {
        f"{index}.{name}": value
        for index, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def load_state_tensors(target: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `state_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    target.load_state_dict({"state": state, "param_groups": target.state_dict()["param_groups"]})
