"""`training.pretrained` of a spec: weights to start from, and what of them is trained."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from assay.spec.words import Slip, Words, Wrong

PACKAGE = "package"
REGISTERED = "models:/"
FILES = (".safetensors", ".pt", ".pth")


class LoraSpec(Words):
    """Changes of low rank to the linear layers of a backbone, W + alpha / rank * B A (Hu et al. 2021)."""

    rank: int = Field(default=8, ge=1, le=1024)
    alpha: float = Field(default=16.0, gt=0)


class PretrainedSpec(Words):
    """Weights to start from. The head (the last layer) starts anew where its shape is another.

    `weights`: `package` (what the family's package brings), `models:/NAME@ALIAS` or `models:/NAME/VERSION` (a
    registered model of the same family), or a file: .safetensors, or a state dict of torch (.pt, .pth).
    `train: head` leaves the backbone as it is, `lora` adds small matrices to it, `all` trains it too: from the head
    downwards, one more layer every `unfreeze_epochs` (Howard & Ruder 2018), each at `lr_decay` times the rate of the
    one above it.
    """

    weights: str
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$", description="what the weights must be; empty: any")
    train: Literal["all", "head", "lora"] = "all"
    lora: LoraSpec = LoraSpec()
    unfreeze_epochs: int = Field(default=0, ge=0, description="0: all layers from the start")
    lr_decay: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        known = self.weights == PACKAGE or self.weights.startswith(REGISTERED) or self.weights.endswith(FILES)
        frozen = f"of `train: all`, and it is `{self.train}`"
        Wrong.when(
            None if known else Slip("weights", f"`package`, `models:/NAME@ALIAS`, or a file: {', '.join(FILES)}"),
            Slip("unfreeze_epochs", f"0: it is {frozen}") if self.unfreeze_epochs and self.train != "all" else None,
            Slip("lr_decay", f"1: it is {frozen}") if self.lr_decay != 1 and self.train != "all" else None,
        )
        return self
