#!/usr/bin/env bash
# make gpu-kit DATA=FOLDER: into .gpu-kit/ what a bare machine needs beside this checkout (benchmarks/gpu/bare.sh):
# the wheels of kit.txt for Python 3.12 on Linux, x86-64, and the Parquet files of FOLDER.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${1:?make gpu-kit needs DATA=FOLDER, the folder of the Parquet files of CIFAR-10}
rm -rf .gpu-kit
mkdir -p .gpu-kit/data
platforms=()
for tag in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 manylinux1; do
  platforms+=(--platform "${tag}_x86_64")
done
.venv/bin/python -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
  "${platforms[@]}" --dest .gpu-kit --requirement benchmarks/gpu/kit.txt
cp "$data"/*.parquet .gpu-kit/data/
chmod -R u+w .gpu-kit
du -sh .gpu-kit
