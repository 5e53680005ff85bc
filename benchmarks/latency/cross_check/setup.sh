#!/usr/bin/env bash
# Makes the environment of MLPerf LoadGen for `benchmarks.latency.cross_check.run`. ONNX Runtime and numpy are this environment's own.
#
#   benchmarks/latency/cross_check/setup.sh     # with the project's environment active
set -euo pipefail
cd "$(dirname "$0")/../.."
python -m venv .environments/loadgen
own=$(.environments/loadgen/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' >"$own/shared.pth"
.environments/loadgen/bin/pip install --quiet --no-deps "mlcommons-loadgen>=6.0"
