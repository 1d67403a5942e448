"""Principal components from a covariance matrix. F numeric features, P components."""

from __future__ import annotations

import numpy as np

from assay.errors import DataError
from assay.preprocessing._read import Floats


def components(covariance_FF: Floats, n_components: int | float) -> Floats:
    """The leading eigenvectors as rows [P, F], each with its largest entry positive.

    `n_components` counts them or, as a float up to 1, is the share of variance that they hold. Raises DataError when
    there are not so many.
    """
    variance_F, vectors_FF = np.linalg.eigh(covariance_FF)
    variance_F, rows_FF = np.maximum(variance_F[::-1], 0), vectors_FF.T[::-1]
    if isinstance(n_components, float) and n_components <= 1:
        share_F = np.cumsum(variance_F) / variance_F.sum()
        n_components = min(int(np.searchsorted(share_F, n_components)) + 1, len(variance_F))
    if n_components != int(n_components) or n_components > len(variance_F):
        raise DataError(
            f"preprocessing.pca.n_components: {n_components} of {len(variance_F)} numeric features. "
            f"Allowed: a count from 1 to {len(variance_F)}, or a share of variance such as 0.95."
        )
    chosen_PF = rows_FF[: int(n_components)]
    largest_P = np.abs(chosen_PF).argmax(axis=1)
    signed_PF: Floats = chosen_PF * np.sign(chosen_PF[np.arange(len(chosen_PF)), largest_P])[:, None]
    return signed_PF
