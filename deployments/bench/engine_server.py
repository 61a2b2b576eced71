"""llama.cpp's own HTTP server: ``python -m deployments.bench.engine_server PORT`` with a ReplicaSpec on stdin; the end of stdin ends it."""

from __future__ import annotations

import sys

import xllamacpp  # type: ignore[import-untyped]

from cluster.contracts.serving import ReplicaSpec
from deployments.engines.llama_server import parameters


def main() -> None:
    spec = ReplicaSpec.model_validate_json(sys.stdin.readline())
    params = parameters(spec)
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[1])
    # A streaming answer holds one of its threads to the end.
    params.n_threads_http = spec.parallel + 8
    server = xllamacpp.Server(params)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    del server


if __name__ == "__main__":
    main()
