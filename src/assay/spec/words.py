"""The two shapes that every part of a spec has: plain words, and a named plugin with its options beside the name."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Words(BaseModel):
    """A part of the spec whose keys are all known here. An unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Named(BaseModel):
    """A part of the spec that names a plugin; the other keys are the plugin's options, checked by its `Config`."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside the plugin's name, as written."""
        return dict(self.model_extra or {})
