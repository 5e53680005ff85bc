#!/usr/bin/env bash
# Makes the environments of the searchers that `benchmarks.search.run` compares with, one a searcher, so that their
# requirements do not meet. Packages that this environment has already (torch, numpy) are shared, not downloaded again.
#
#   benchmarks/search/setup.sh          # with the project's environment active
set -euo pipefail
cd "$(dirname "$0")/.."
shared=$(python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')

environment() { # NAME PACKAGE...: an environment that sees the shared packages behind its own
  local name=$1
  shift
  python -m venv ".environments/$name"
  local own
  own=$(".environments/$name/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  echo "$shared" >"$own/shared.pth"
  ".environments/$name/bin/pip" install --quiet "$@"
}

environment solvers "pulp>=2.9" "ortools>=9.10" "pymoo>=0.6.1" &
environment ofa --no-deps ofa==0.1.0.post202012082159 &
environment modelopt --no-deps nvidia-modelopt==0.47.0 &
wait
# What importing Puzzletron asks for, besides torch.
.environments/modelopt/bin/pip install --quiet pulp omegaconf regex transformers hydra-core datasets accelerate typeguard \
  immutabledict fire
