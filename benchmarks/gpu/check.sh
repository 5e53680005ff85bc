#!/usr/bin/env bash
# What needs an NVIDIA GPU, proven on one: at most 8 minutes, and the same command goes on where it stopped.
#
#   benchmarks/gpu/check.sh [--wheels FOLDER] [--out FOLDER] [--seconds 480] [--truth NATS --cifar CIFAR [--resnet FILE]] [--dry-run] [PART...]
#
# Wants Python with torch, timm, onnx and onnxruntime, and no network: what else is needed is installed from --wheels into
# an environment of its own (on a machine with a network: pip download -d wheels '.[train,tensorrt-rtx]').
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
if [ "${1:-}" = "--wheels" ]; then
    wheels=$(realpath "$2")
    shift 2
    environment=runs/gpu-check/.venv
    test -x $environment/bin/python || $python -m venv --system-site-packages $environment
    python=$environment/bin/python
    $python -m pip install --quiet --no-index --find-links "$wheels" pydantic typer rich tabulate psutil filelock scipy \
        safetensors fvcore onnxscript
    for further in tensorrt-rtx-cu13 cuda-bindings nvidia-ml-py polygraphy tensorrt; do # each absent one is said by its part
        $python -m pip install --quiet --no-index --find-links "$wheels" $further 2>/dev/null || echo "no wheel of $further"
    done
fi
exec "$python" -m benchmarks.gpu "$@"
