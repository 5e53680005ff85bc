"""Everything that the tests do otherwise than the pages say: smaller, without a GPU, with this machine for every other one."""

from __future__ import annotations

from tests.latency.ssh_server import LOGIN

WORDS = {
    "mbconv@128": "fashion",  # whose kit takes seconds, not minutes
    "mbconv": "fashion",
    "torchvision:resnet18": "timm:test_resnet",  # four blocks
    "torchvision:mobilenet_v2 --input 3x160x160": "timm:test_resnet",
    "--device cuda": "--device cpu",
    "--standalone --nproc-per-node 8": "--standalone --nproc-per-node 1",  # two: tests/rating/test_torchrun.py
    "--nproc-per-node 8": "--nproc-per-node 2",
    "--jobs 6": "--jobs 2",
    "imagenet/": "photos/",
    "pi@raspberry": f"{LOGIN}@raspberry",  # an ssh server on this machine: tests/latency/ssh_server.py
    "/media/stick": "../stick",  # beside both folders
    'runtime = "tensorrt"': 'runtime = "onnxruntime"',
    'provider = "cuda:0"': 'provider = "CPUExecutionProvider"',
    "warmup_s = 0.2": "warmup_s = 0.0",  # before each of thousands of visits
    "--validate 40": "--validate 6",
    " --steady": "",  # waits until nobody else uses the processor, and here other tests do: tests/latency/test_pace.py
}
"""What is written instead of a text in a line or a target file, longer ones first. Latency budgets stay as they are."""

FOLDER_OF_SUPERNETS = "runs/rate-1a2b3c4d"
"""Stands in pages for the folder that an earlier `rate` has named."""

SMALL = {
    "profile": ("--rounds", "24", "--accept-noise"),
    "verify": ("--rounds", "24", "--accept-noise"),
    "export": ("--images", "20"),
    "train": ("--epochs", "1", "--images", "200"),
    "rate": ("--epochs", "1", "--images", "64", "--rating-images", "16", "--teacher-epochs", "1", "--teacher-images", "64"),
    "calibrate": ("--networks", "6", "--epochs", "12"),  # until not all of them guess
    "evolve": (
        "--dataset", "photos", "--rounds", "1", "--epochs", "1", "--images", "100",
        "--train-epochs", "1", "--train-images", "100", "--teacher-epochs", "1", "--teacher-images", "100",
    ),
    "report": ("--no-png",),
    "units": ("--seconds", "0.2"),
}  # fmt: skip
"""What is appended to a command of a page, so that it ends soon; the last of two equal flags counts."""

SMALL_JOURNEY = {
    "DNA_DEPLOY_KEEP_PROMISE": "false",  # other tests slow the machine down
    "DNA_DEPLOY_PROFILE_ROUNDS": "24",
    "DNA_DEPLOY_PROFILE_VALIDATION_NETWORKS": "2",
    "DNA_DEPLOY_DATA_TEACHER_IMAGES": "100",
    "DNA_DEPLOY_DATA_SUPERNET_IMAGES": "100",
    "DNA_DEPLOY_DATA_TRAIN_IMAGES": "100",
    "DNA_DEPLOY_DATA_RATING_IMAGES": "50",
    "DNA_DEPLOY_DATA_VALIDATION_IMAGES": "50",
    "DNA_DEPLOY_TEACHER_RECIPE_EPOCHS": "1",
    "DNA_DEPLOY_RATE_EPOCHS": "1",
    "DNA_DEPLOY_TRAIN_EPOCHS": "1",
}
"""Settings of a whole journey, from the environment."""

_INSTALLS = "`make setup` installs the package so before any test, with more extras"
_MAKES = "ten minutes, the whole journey; tests walk it in small, and see that the target is there"

NOT_RUN = {
    "pip install .": _INSTALLS,
    "pip install '.[train]'": _INSTALLS,
    "make demo": _MAKES,
    "make test": "runs this very test",
    "make quick": "runs a part of these tests",
    "sudo nvpmodel -m 0": "a Jetson's own program, which sets its power mode",
    "sudo jetson_clocks": "a Jetson's own program, which locks its clocks",
}
"""Every line of a page that no test runs, and why. All other lines are run."""
