"""The exported files answering questions: through llama.cpp and through transformers, each with the chat template it finds there."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
import xllamacpp  # type: ignore[import-untyped]
from transformers import AutoModelForCausalLM, AutoTokenizer

from cluster.errors import EngineError
from training.nano.exam import LONGEST_ANSWER, Answerer
from training.nano.export import GGUF, SUMS

EngineName = Literal["hf", "gguf"]
TOGETHER = 16  # prompts in one batch of transformers
CONTEXT = 2048  # tokens


@contextmanager
def answerer(weights: Path, engine: EngineName, threads: int = 1) -> Iterator[Answerer]:
    """Greedy answers from the files in `weights`, until the block is left. Raises EngineError when one of them is damaged."""
    verified(weights)
    if engine == "hf":
        yield transformers_answerer(weights)
        return
    with llama_server(weights / GGUF, threads) as server:
        yield lambda prompts: [_chat(server, prompt) for prompt in prompts]


def verified(weights: Path) -> None:
    """Compares the files in a folder with its SHA256SUMS. Raises EngineError, naming the file, when one is missing or differs."""
    sums = weights / SUMS
    if not sums.exists():
        raise EngineError(f"{sums} is missing, so nobody knows whether the weights beside it are whole; export them again.")
    for line in sums.read_text().splitlines():
        digest, name = line.split("  ")
        path = weights / name
        if not path.exists():
            raise EngineError(f"{path} is missing; restore it (git checkout -- {weights}) or export the run again.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise EngineError(f"{path} is damaged: its checksum is not the one in {SUMS}; restore it or export the run again.")


def transformers_answerer(weights: Path) -> Answerer:
    """Answers of the Hugging Face files in float32, in batches padded on the left."""
    tokenizer = AutoTokenizer.from_pretrained(weights, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).eval()  # type: ignore[no-untyped-call]

    def answer(prompts: Sequence[str]) -> list[str]:
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        answers = [""] * len(prompts)
        for start in range(0, len(order), TOGETHER):
            chosen = order[start : start + TOGETHER]
            chats = [[{"role": "user", "content": prompts[i]}] for i in chosen]
            texts = [str(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)) for chat in chats]
            inputs = tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt")
            with torch.inference_mode():
                produced = model.generate(**inputs, max_new_tokens=LONGEST_ANSWER, do_sample=False)
            said = tokenizer.batch_decode(produced[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
            for i, text in zip(chosen, said, strict=True):
                answers[i] = text
        return answers

    return answer


@contextmanager
def llama_server(path: Path, threads: int) -> Iterator[xllamacpp.Server]:
    """llama.cpp with the file loaded; its obligatory address is a socket in a private folder that is gone before anyone could call it."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.fit_params = False
    params.verbosity = 1
    params.ui = False
    params.n_threads_http = 1
    with tempfile.TemporaryDirectory(prefix="hearth-nano-") as folder:
        params.hostnames = [str(Path(folder) / "llama.sock")]
        server = xllamacpp.Server(params)
        _chat(server, "Hello")  # its loop runs once it has answered; let go of earlier, it would never end
    yield server


def _chat(server: xllamacpp.Server, prompt: str) -> str:
    request = {"messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": LONGEST_ANSWER}
    reply = server.handle_chat_completions(request)
    if "error" in reply:
        raise RuntimeError(f"llama.cpp refused the prompt: {reply['error']['message']}")
    return str(reply["choices"][0]["message"]["content"])
