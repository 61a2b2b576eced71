"""infinity-emb, the peer, in the environment that runs this file: ``PYTHON deployments/bench/infinity.py PORT``.

It needs an environment of its own (its pins do not live beside Ray's), so it imports nothing of Hearth. Reads from stdin a line
``{"path": FOLDER, "model": NAME}``
and prints "ready"; the end of stdin ends it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def main() -> None:
    spec, port = json.loads(sys.stdin.readline()), sys.argv[1]
    program = Path(sys.executable).with_name("infinity_emb")
    options = ["--engine", "torch", "--device", "cpu", "--host", "127.0.0.1", "--port", port]
    model = ["--model-id", spec["path"], "--served-model-name", spec["model"], "--no-bettertransformer"]
    with subprocess.Popen([program, "v2", *model, *options], stdout=sys.stderr) as server:
        while not _answers(port) and server.poll() is None:
            time.sleep(0.2)
        if server.poll() is None:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            sys.stdin.read()
            server.terminate()


def _answers(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    main()
