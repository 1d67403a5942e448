"""`model`, `training` and `compute` of a spec."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from assay.spec.transfer import PretrainedSpec
from assay.spec.words import Named, Slip, Words, Wrong


class ModelSpec(Named):
    """A model family and its options. `python:package.module:Class` names a torch module of your own."""

    family: str = "tabm"


class ScheduleSpec(Words):
    """How the learning rate moves over the planned epochs, after `warmup_epochs` of a linear rise."""

    name: Literal["constant", "cosine", "linear", "step", "onecycle"] = "constant"
    warmup_epochs: float = Field(default=0.0, ge=0)
    final_frac: float = Field(default=0.0, ge=0, le=1, description="the last rate as a share of the first")
    step_epochs: int = Field(default=10, ge=1)
    gamma: float = Field(default=0.1, gt=0, le=1)


class EarlyStoppingSpec(Words):
    """Stop when the metric of the valid fold has not improved for `patience` epochs. The best epoch is kept anyway."""

    metric: str = "loss"
    patience: int = Field(default=8, ge=1)
    min_delta: float = Field(default=0.0, ge=0)


class AugmentSpec(Words):
    """How images are changed at random while training. All off by default; angles in degrees, the rest are shares.

    `crop: [0.6, 1]` cuts out such a share of the area and scales it to the whole; `erase` blanks a square of at most
    that share of the sides; `mixup` and `cutmix` are the alpha of their Beta distribution.
    """

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    rotate: float = Field(default=0.0, ge=0, le=180)
    shift: float = Field(default=0.0, ge=0, le=0.5)
    crop: tuple[float, float] | None = None
    brightness: float = Field(default=0.0, ge=0, le=1)
    contrast: float = Field(default=0.0, ge=0, le=1)
    saturation: float = Field(default=0.0, ge=0, le=1)
    erase: float = Field(default=0.0, ge=0, le=1)
    mixup: float = Field(default=0.0, ge=0)
    cutmix: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _sensible_crop(self) -> Self:
        if self.crop is not None and not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise ValueError("`crop` is two shares of the area, 0 < least <= most <= 1, e.g. [0.6, 1]")
        return self


class TrainingSpec(Words):
    """How a model is fitted. `batch_size` counts rows of a whole step, over all workers."""

    epochs: int = Field(default=50, ge=1, le=100_000)
    batch_size: int = Field(default=256, ge=1)
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop", "adagrad"] = "adamw"
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of sgd and rmsprop")
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: ScheduleSpec = ScheduleSpec()
    loss: Literal["auto", "cross_entropy", "mse", "mae", "huber"] = "auto"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    accumulate: int = Field(default=1, ge=1, description="steps whose gradients are added up before an update")
    clip_norm: float | None = Field(default=None, gt=0)
    sync_every: int = Field(default=1, ge=1, description="1: gradients every step; N: weights every N steps")
    ema: float | None = Field(default=None, gt=0, lt=1, description="decay of the averaged weights, per step")
    augment: AugmentSpec = AugmentSpec()
    pretrained: PretrainedSpec | None = None
    early_stopping: EarlyStoppingSpec | None = EarlyStoppingSpec()
    metrics: tuple[str, ...] = Field(default=(), description="computed after each epoch, beside the usual ones")
    checkpoint_every: int = Field(default=1, ge=1, description="epochs between checkpoints")

    @property
    def features_stay(self) -> bool:
        """True when the backbone makes the same of a row in every epoch."""
        frozen = self.pretrained is not None and self.pretrained.train == "head"
        return frozen and self.augment == AugmentSpec()

    @field_validator("betas")
    @classmethod
    def _decays(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise Wrong(Slip("", "two decays, each 0 or more and below 1, e.g. [0.9, 0.999]"))
        return betas

    @model_validator(mode="after")
    def _agree(self) -> Self:
        weights = self.class_weights if isinstance(self.class_weights, dict) else {}
        late = self.schedule.warmup_epochs > self.epochs
        Wrong.when(
            Slip("schedule.warmup_epochs", f"at most `training.epochs` ({self.epochs})") if late else None,
            Slip("class_weights", "at least one class and its weight, or null") if self.class_weights == {} else None,
            *(Slip(f"class_weights.{name}", "a number, 0 or more") for name, weight in weights.items() if weight < 0),
        )
        return self


class ComputeSpec(Words):
    """Where a training runs. `workers: 0` is this process, N are Ray workers, [min, max] grows and shrinks.

    `address` is the Ray that they are workers of, and no part of what a training depends on.
    """

    address: str | None = Field(
        default=None,
        description="null: RAY_ADDRESS, else a Ray of its own; local: a Ray of its own; auto: the cluster of this "
        "machine; HOST:PORT: that cluster, of which this machine is a node",
    )
    workers: int | tuple[int, int] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = Field(default=None, ge=1, le=1024, description="CPU threads of each worker; null: its share")
    max_failures: int = Field(default=3, ge=0)

    @model_validator(mode="after")
    def _sensible_workers(self) -> Self:
        low, high = self.workers if isinstance(self.workers, tuple) else (self.workers, self.workers)
        if low < 0 or high < low or (isinstance(self.workers, tuple) and low < 1):
            raise Wrong(Slip("workers", "0, a positive count, or [min, max] with 1 <= min <= max"))
        return self

    @field_validator("address")
    @classmethod
    def _an_address(cls, address: str | None) -> str | None:
        if address is not None and not re.fullmatch(r"local|auto|[\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", address):
            # A training's driver has to be on a node of its cluster, so Ray's client (ray://) cannot be one.
            raise Wrong(Slip("", "null, local, auto or the HOST:PORT of a Ray head, e.g. 10.0.0.5:6379"))
        return address
