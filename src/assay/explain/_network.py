"""A network as a function of what has gradients, and the average row that every path begins at.

B rows, F numeric features, C categorical features, L levels of all of them, R raw columns, O outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assay import models
from assay.artifacts import Calibration, CategoricalFeature, Model
from assay.explain import _paths
from assay.inference._torch import device_of, network
from assay.models._inputs import Rows
from assay.models._sequence import Steps
from assay.models.ft_transformer import Tokens
from assay.preprocessing._state import Arrays
from assay.store import Store

N_EVALUATIONS = 8192  # of a network in one pass with gradients
UNKNOWN = 1  # the token of what a vocabulary does not hold


@dataclass(frozen=True, kw_only=True)
class Attributions:
    """`amounts_BR` is what each raw column adds to `base_B` to give `score_B`; `missed_B` is what they do not.

    `class_B` is the class whose log-odds are explained (0 in regression). `signal`, where there is one: what each pixel
    [B, H, W] or step [B, length] adds.
    """

    amounts_BR: NDArray[np.float64]
    score_B: NDArray[np.float64]
    base_B: NDArray[np.float64]
    missed_B: NDArray[np.float64]
    class_B: NDArray[np.int64]
    signal: NDArray[np.float64] | None = None


class Network:
    """Scores with gradients, and what each feature of a row adds to them."""

    def __init__(self, model: Model, calibration: Calibration, arrays: Arrays, store: Store, root: Path | None) -> None:
        self._prepared, self._device = model.preprocessing, device_of(model)
        self._net = network(model, store, root).requires_grad_(False)
        self._temperature, self._mixes = calibration.temperature, models.mixes_levels(model.family)
        self._levels = [feature.n_levels for feature in self._prepared.categorical]
        self._steps = next((part for part in self._net.modules() if isinstance(part, Steps)), None)
        self._rows = next((part for part in self._net.modules() if isinstance(part, Rows | Tokens)), None)
        knots_FQ = np.array(store.array(self._prepared.knots))
        self._average_F = self._tensor(knots_FQ[:, knots_FQ.shape[1] // 2])
        self._pca: tuple[Tensor, Tensor] | None = None
        if arrays.pca_mean_F is not None and arrays.pca_PF is not None:
            self._average_F, pca_PF = self._tensor(arrays.pca_mean_F), self._tensor(arrays.pca_PF)
            self._pca = self._average_F, pca_PF
        self._share_L = self._tensor(np.concatenate([np.zeros(0), *map(_shares, self._prepared.categorical)]))
        n_rows = N_EVALUATIONS if self._prepared.signal is None else models.rows_of_a_pass(self._prepared.signal)
        self._n_evaluations = n_rows

    def attributed(
        self, arrays: tuple[NDArray[Any], ...], class_B: NDArray[np.int64], share_FR: NDArray[np.float64]
    ) -> Attributions:
        """See `Explainer.attributions`."""
        of_B = torch.from_numpy(class_B).to(self._device)
        inputs, base = self._ends(arrays)
        with torch.backends.cudnn.flags(enabled=False):  # its recurrent layers have gradients in training mode alone
            if self._mixes:
                found = _paths.integrated(self._score, inputs, base, of_B, self._n_evaluations)
            else:
                found = self._of_groups(inputs, base, of_B, share_FR)
            missed_B = _paths.missed(self._score, inputs, base, of_B, found)
            with torch.no_grad():
                score_B, base_B = self._score(*inputs, of_B), self._score(*base, of_B)
        features = [found[0] if found[0].ndim == 2 else found[0].sum(dim=2), self._by_feature(found[1])]
        signal = found[2] if len(found) > 2 else None
        if signal is not None:
            features.append(signal.flatten(1).sum(dim=1, keepdim=True))
        amounts_BF = torch.cat(features, dim=1).double().cpu().numpy()
        return Attributions(
            amounts_BR=amounts_BF @ share_FR,
            score_B=score_B.double().cpu().numpy(),
            base_B=base_B.double().cpu().numpy(),
            missed_B=missed_B.double().cpu().numpy(),
            class_B=class_B,
            signal=None if signal is None or not self._mixes else self._places(signal).double().cpu().numpy(),
        )

    def _ends(self, arrays: tuple[NDArray[Any], ...]) -> tuple[list[Tensor], list[Tensor]]:
        """Where the paths of these rows end and begin."""
        numeric_BF, codes_BC = (torch.from_numpy(array).to(self._device) for array in arrays[:2])
        n_rows = len(numeric_BF)
        codes_BC = codes_BC.long()
        inputs, base = [numeric_BF], [self._average_F.expand(n_rows, -1)]
        if self._mixes:
            inputs, base = [self._embedded(numeric_BF)], [self._embedded(base[0])]
            onehot = [torch.nn.functional.one_hot(codes_BC[:, c], n).float() for c, n in enumerate(self._levels)]
            inputs.append(torch.cat([numeric_BF[:, :0], *onehot], dim=1))
            base.append(self._share_L.expand(n_rows, -1))
        else:
            common = (
                [int(part.argmax()) for part in torch.split_with_sizes(self._share_L, self._levels)]
                if self._levels
                else []
            )
            inputs.append(codes_BC)
            base.append(torch.tensor(common, dtype=torch.long, device=self._device).expand(n_rows, -1))
        if len(arrays) > 2:
            ends = self._signal(torch.from_numpy(arrays[2]).to(self._device))
            inputs.append(ends[0])
            base.append(ends[1])
        return inputs, base

    def _embedded(self, numeric_BF: Tensor) -> Tensor:
        """Numbers as the network embeds them: where bins are narrow a path through the numbers would leap."""
        if self._rows is None or self._pca is not None:
            return numeric_BF
        with torch.no_grad():
            return self._rows.embedded(numeric_BF)

    def _signal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The signal with gradients, and one that says nothing: the mean colour, unknown tokens, the mean level."""
        signal = self._prepared.signal
        assert signal is not None
        if signal.kind == "image":
            mean_C = self._tensor(np.array(signal.mean) * 255)
            grey = mean_C[None, :, None, None].expand(len(x), -1, *x.shape[2:])
            return (x.float(), grey) if self._mixes else (x, grey.round().to(x.dtype))
        if signal.kind == "series":
            return x, torch.where(x.isnan(), x, torch.zeros_like(x))
        blank = torch.where(x == 0, x, torch.full_like(x, UNKNOWN))
        if self._steps is None or not self._mixes:
            return x, blank
        with torch.no_grad():
            return self._steps.embedded(x), self._steps.embedded(blank)

    def _score(self, *given: Tensor) -> Tensor:
        """The log-odds of each row's class, or the number in the units of the target."""
        *inputs, of_B = given
        unused_B = 0 * (
            inputs[0].flatten(1).sum(dim=1) + inputs[1].sum(dim=1)
        )  # captum wants a gradient of every input
        if self._pca is not None:
            inputs[0] = (inputs[0] - self._pca[0]) @ self._pca[1].T
        target, out_BO = self._prepared.target, models.scores(self._net(*inputs))
        if target.task == "regression":
            return out_BO[:, 0] * target.std + target.mean + unused_B
        scaled_BO = out_BO / self._temperature
        own_BO = torch.nn.functional.one_hot(of_B, out_BO.shape[1]).bool()
        return scaled_BO[own_BO] - scaled_BO.masked_fill(own_BO, -torch.inf).logsumexp(dim=1) + unused_B

    def _of_groups(
        self, inputs: list[Tensor], base: list[Tensor], of_B: Tensor, share_FR: NDArray[np.float64]
    ) -> list[Tensor]:
        """Shapley values of the features, those of the same raw columns together, laid out as `inputs` are."""
        group_F = torch.from_numpy(np.unique(share_FR, axis=0, return_inverse=True)[1].reshape(-1)).to(self._device)
        n_numeric, n_table = inputs[0].shape[1], inputs[0].shape[1] + inputs[1].shape[1]
        masks = [group_F[None, :n_numeric], group_F[None, n_numeric:n_table]]
        masks += [torch.full_like(part[:1], int(group_F[-1]), dtype=torch.long) for part in inputs[2:]]
        found = _paths.sampled(self._score, inputs, base, of_B, masks)
        n_G = torch.bincount(torch.cat([mask.flatten() for mask in masks]))
        return [part / n_G[mask] for part, mask in zip(found, masks, strict=True)]

    def _by_feature(self, amounts: Tensor) -> Tensor:
        """Contributions of levels summed to those of their features, [B, C]."""
        if not self._mixes:
            return amounts
        parts = torch.split_with_sizes(amounts, self._levels, 1) if self._levels else ()
        return torch.cat([amounts[:, :0], *(part.sum(dim=1, keepdim=True) for part in parts)], dim=1)

    def _places(self, amounts: Tensor) -> Tensor:
        """Contributions of pixels over their channels, or of steps over their numbers."""
        assert self._prepared.signal is not None
        return amounts.sum(dim=1) if self._prepared.signal.kind == "image" else amounts.sum(dim=2)

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self._device)


def _shares(feature: CategoricalFeature) -> NDArray[np.float64]:
    """The shares of a feature's codes among training rows; of a model that does not know them, the same for each."""
    return np.array(feature.shares or (1 / feature.n_levels,) * feature.n_levels)
