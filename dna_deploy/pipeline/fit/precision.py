"""The original in 8 bits: what nobody has to search for, measured and judged like every other network."""

from __future__ import annotations

from pathlib import Path

import torch

from dna_deploy.data.splits import ImageData
from dna_deploy.export.checks.judge import in_batches, open_judge
from dna_deploy.export.formats.onnx_graph import INPUT_NAME, export_onnx
from dna_deploy.export.runtimes.onnx_runtime import quantised
from dna_deploy.fit.judging import Judge
from dna_deploy.pipeline.fit.prepare import Prepared
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.records.files import digest_of, write_atomically
from dna_deploy.records.fitted_model import NetworkStanding
from dna_deploy.tasks.classification import Classification

INT8 = "the original in int8"

_CALIBRATION_BATCHES = 2


def int8_standing(
    prepared: Prepared, test: Judge, labelled: ImageData | None, stopwatch: Stopwatch, folder: Path
) -> NetworkStanding:
    """What the original takes and knows with weights and activations rounded to 8 bits; nothing is fine-tuned.

    Args:
        prepared: With the original, and images to see ranges of activations on.
        test: The images that it is judged on.
        labelled: Their labels, where they are the model's.
        stopwatch: Times it.
        folder: Of the two files.
    """
    batch = stopwatch.target.batch
    content = export_onnx(stopwatch.original, (stopwatch.input,), batch).SerializeToString()
    name = f"original-{digest_of(content)[7:19]}"  # another model in the same folder has other files
    plain, rounded = folder / f"{name}.onnx", folder / f"{name}.int8.onnx"
    if not rounded.exists():
        write_atomically(plain, content)
        images = torch.cat(list(prepared.judge.gathering[:_CALIBRATION_BATCHES])).contiguous().numpy()
        feeds = [{INPUT_NAME: images[start : start + batch]} for start in range(0, len(images) // batch * batch, batch)]
        write_atomically(rounded, quantised(plain, feeds).SerializeToString())
    scores = in_batches(open_judge("onnxruntime", rounded), batch)
    answers = [torch.from_numpy(scores(images.contiguous().numpy())) for images in test.batches]
    agreement = test.agreement(answers)
    accuracy = None
    if labelled is not None:
        labels = labelled.test.labels(torch.arange(len(labelled.test)))
        accuracy = Classification().metrics(torch.cat(answers), labels)[0]
    return NetworkStanding(
        measured_s=stopwatch.time_file({"original": plain, "network": rounded}),
        agreement=float(agreement.double().mean()), divergence=test.divergence(answers).value, images=len(agreement),
        before=accuracy, after=None, agreement_after=None,
    )  # fmt: skip
