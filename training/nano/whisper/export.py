"""From a training run to the files faster-whisper opens:

python -m training.nano.whisper.export runs/whisper training/nano/weights/hearth-nano-whisper
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from ctranslate2.converters import TransformersConverter  # type: ignore[import-untyped]
from transformers import GenerationConfig, WhisperFeatureExtractor

from training.nano.checkpoint import load_checkpoint
from training.nano.export import SUMS, checksums
from training.nano.whisper.mels import BANDS
from training.nano.whisper.network import NanoWhisper
from training.nano.whisper.spec import LONGEST, WhisperShape, WhisperSpec
from training.nano.whisper.words import END, NO_TIMES, START, save_tokenizer, token, tokenizer

BESIDE = ("tokenizer.json", "preprocessor_config.json", "generation_config.json")
SPACE = "Ġ"


def export(run: Path, target: Path) -> None:
    """Write the model of a run folder's checkpoint into ``target``, in CTranslate2's int8; other files there (a model card) stay.

    Everything is written elsewhere on the same disk first and renamed into place, the checksums last. Raises FileNotFoundError where the
    run has no checkpoint yet.
    """
    checkpoint = load_checkpoint(run)
    if checkpoint is None:
        raise FileNotFoundError(f"{run} has no checkpoint yet; train first: python -m training.nano.whisper --out {run}")
    shape = WhisperSpec.load(run).shape
    network = NanoWhisper(shape)
    network.load_state_dict(checkpoint.model)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as scratch:
        original, folder = Path(scratch) / "original", Path(scratch) / "converted"
        _write_original(original, network, shape)
        TransformersConverter(str(original), copy_files=list(BESIDE)).convert(str(folder), quantization="int8")
        (folder / SUMS).write_text(checksums(folder))
        for path in sorted(folder.iterdir(), key=lambda path: path.name == SUMS):
            path.chmod(0o644)
            path.replace(target / path.name)


def _write_original(folder: Path, network: NanoWhisper, shape: WhisperShape) -> None:
    """As transformers has it, which is what the converter reads."""
    network.whisper.generation_config = _generation(shape)
    network.whisper.save_pretrained(folder)
    save_tokenizer(folder)
    WhisperFeatureExtractor(feature_size=BANDS).save_pretrained(folder)  # type: ignore[no-untyped-call]
    # transformers marks what it made itself, and the converter then passes over what only Whisper has.
    path = folder / "generation_config.json"
    kept = {name: value for name, value in json.loads(path.read_text()).items() if name != "_from_model_config"}
    path.write_text(json.dumps(kept, indent=1) + "\n")


def _generation(shape: WhisperShape) -> GenerationConfig:
    space = tokenizer().token_to_id(SPACE)
    return GenerationConfig(  # type: ignore[no-untyped-call]
        alignment_heads=[[layer, 0] for layer in range(shape.decoder_layers - 2, shape.decoder_layers)],
        begin_suppress_tokens=[space, token(END)],
        suppress_tokens=[],
        decoder_start_token_id=token(START),
        bos_token_id=token(END),
        eos_token_id=token(END),
        pad_token_id=token(END),
        no_timestamps_token_id=token(NO_TIMES),
        is_multilingual=False,
        max_length=LONGEST,
    )


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    target: Annotated[Path, typer.Argument(help="Folder of the model to write.")],
) -> None:
    """Export the nano Whisper."""
    export(run, target)


if __name__ == "__main__":
    typer.run(main)
