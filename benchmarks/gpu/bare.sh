#!/usr/bin/env bash
# python -m benchmarks.gpu ARGS… on a machine whose python3 has torch but not all that this project needs, and no
# network: the rest comes from .gpu-kit/ (make gpu-kit, on a machine with a network).
#   benchmarks/gpu/bare.sh checks --data .gpu-kit/data
#   benchmarks/gpu/bare.sh paper --data .gpu-kit/data --minutes 8
set -euo pipefail
cd "$(dirname "$0")/../.."
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
  --disable-pip-version-check --target "$packages" .gpu-kit/*.whl
export PYTHONPATH=$packages PYTHONUNBUFFERED=1 CUBLAS_WORKSPACE_CONFIG=:4096:8
python3 -m benchmarks.gpu "$@"
