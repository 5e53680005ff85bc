"""What an exported model says about itself: written into the file, read back on the device through its runtime.

Text pairs, because that is what ONNX and OpenVINO carry. Free of torch and onnx: a device needs neither to read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError

from dna_deploy.errors import UsageError
from dna_deploy.records.files import Part
from dna_deploy.records.preprocessing import Preprocessing
from dna_deploy.targets.target import Precision

PREFIX = "dna_deploy."
"""Our keys start with this, so that they never meet another tool's."""


_STRUCTURED = ("labels", "mean", "deviation", "preprocessing")
"""What is written as JSON."""


class ModelInfo(Part):
    """The provenance of an exported model. No date in it: the same network gives the same file, byte for byte."""

    tool_version: str
    space: str
    space_digest: str
    architecture: str = Field(description="the architecture's line, readable by the space")
    input: str = Field(description="channels x height x width")
    labels: tuple[str, ...] = Field(description="the name of each class, in the order of the scores")
    mean: tuple[float, ...] = Field(
        description="inputs are (byte / 255 - mean) / deviation, a number a channel; empty: not known"
    )
    deviation: tuple[float, ...]
    task: str = Field("classification", description="what the network is for")
    weights: str = Field(description="digest of the checkpoint, or 'untrained'")
    precision: Precision = "fp32"
    pictures: str = Field(
        "", description="the size of pictures (bytes, channels last) where pre-processing and softmax are inside, or 'any size'"
    )

    preprocessing: Preprocessing | None = Field(default=None, description="from a picture to the input; absent: not known")

    def pairs(self) -> dict[str, str]:
        """The facts as text pairs, each under its own key."""
        usual = {name for name in ("task", "pictures", "preprocessing") if getattr(self, name) in ("", None, "classification")}
        values = self.model_dump(mode="json", exclude=usual)
        return {PREFIX + key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}

    @classmethod
    def parse(cls, pairs: Mapping[str, str], name: str) -> Self | None:
        """The facts in a model's text pairs; None where this tool did not write it. ``name`` says in errors which model.

        Raises:
            UsageError: a newer version of this tool wrote it, or someone changed it.
        """
        values: dict[str, Any] = {key.removeprefix(PREFIX): value for key, value in pairs.items() if key.startswith(PREFIX)}
        if not values:
            return None
        try:
            lists = {key: json.loads(values[key]) for key in _STRUCTURED if key in values}
            return cls.model_validate({**values, **lists})
        except (ValidationError, json.JSONDecodeError) as error:
            raise UsageError(f"cannot read what {name} says about itself: {str(error).splitlines()[0]}") from error
