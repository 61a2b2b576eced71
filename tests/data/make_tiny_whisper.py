"""Trains the tiny Whisper of the tests and writes it in CTranslate2's format.

    python -m tests.data.make_tiny_whisper tests/data/tiny-whisper

It knows the four words of tests/deployments/fixtures/speech.py in two languages, says when each phrase begins and ends, and translates
German to English. Prints the loss; takes about ten minutes on one core.
"""

# Libraries whose types are partial: mypy is told to accept their untyped calls here.
# mypy: disable-error-code="no-untyped-call, no-any-return, import-untyped, arg-type"

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import ctranslate2
import numpy as np
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, PreTrainedTokenizerFast, WhisperConfig, WhisperForConditionalGeneration

from tests.deployments.fixtures.speech import RATE, TRANSLATION, WORDS, say, spoken_s

# (feature frames of 10 ms, batch, steps): most is learned on short windows, which cost little, the rest in Whisper's own of 30 s.
PHASES = ((400, 16, 2200), (3000, 8, 60))
EXAMPLES = 1600
TIMES_WEIGHT = 0.3  # of the loss of a timestamp, to the 1.0 of a word
SPECIALS = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|de|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
]
SPECIALS += ["<|nospeech|>", "<|notimestamps|>"]
TIMESTAMPS = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]


def build_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([f" {word}" for word in TRANSLATION] * 10, trainer)
    # CTranslate2 takes a model for multilingual when its vocabulary has the empty string.
    raw = json.loads(tokenizer.to_str())
    raw["model"]["vocab"][""] = len(raw["model"]["vocab"])
    tokenizer = Tokenizer.from_str(json.dumps(raw))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in TIMESTAMPS])
    return tokenizer


def ids_of(tokenizer: Tokenizer) -> Callable[[str], int]:
    vocabulary = tokenizer.get_vocab()
    return lambda token: vocabulary[token]


def example(rng: np.random.Generator, tokenizer: Tokenizer, extract: FeatureExtractor, frames: int) -> tuple[np.ndarray, list[int]]:
    """Log-mel features (80, frames) and the tokens from <|startoftranscript|> to <|endoftext|>."""
    token = ids_of(tokenizer)
    noise = float(rng.choice([0.0, 0.0005, 0.002, 0.005]))
    if rng.random() < 0.06:
        sound = rng.normal(0, noise, int(rng.uniform(0.5, 4) * RATE)).astype(np.float32)
        return features(extract, sound, frames), [token("<|startoftranscript|>"), token("<|nospeech|>"), token("<|endoftext|>")]
    language = str(rng.choice(["en", "de"]))
    words = [str(word) for word in rng.choice(list(WORDS[language]), rng.integers(1, 4))]
    task = "translate" if rng.random() < 0.35 else "transcribe"
    lead = float(rng.integers(0, 50)) * 0.02
    sound = say(words, float(rng.uniform(95, 210)), lead, float(rng.uniform(0.1, 0.6)), noise, int(rng.integers(1 << 30)))
    told = [TRANSLATION[word] for word in words] if task == "translate" else words
    end = round((lead + spoken_s(words)) / 0.02) * 0.02
    text = tokenizer.encode("".join(f" {word}" for word in told)).ids
    ids = [token("<|startoftranscript|>"), token(f"<|{language}|>"), token(f"<|{task}|>")]
    ids += [token(f"<|{lead:.2f}|>"), *text, token(f"<|{end:.2f}|>"), token("<|endoftext|>")]
    return features(extract, sound, frames), ids


def features(extract: FeatureExtractor, sound: np.ndarray, frames: int) -> np.ndarray:
    mel = extract(sound)[:, :frames]
    return np.pad(mel, ((0, 0), (0, frames - mel.shape[1])))


def train(tokenizer: Tokenizer) -> WhisperForConditionalGeneration:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    shape = {"d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    token = ids_of(tokenizer)
    end = token("<|endoftext|>")
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(), encoder_ffn_dim=192, decoder_ffn_dim=192, num_mel_bins=80, **shape,
        pad_token_id=end, bos_token_id=end, eos_token_id=end, decoder_start_token_id=token("<|startoftranscript|>"),
        suppress_tokens=[], begin_suppress_tokens=[], dropout=0.0,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=sum(steps for _, _, steps in PHASES), pct_start=0.1)
    rng, extract = np.random.default_rng(0), FeatureExtractor()
    pool = [example(rng, tokenizer, extract, PHASES[0][0]) for _ in range(EXAMPLES)]
    positions = model.model.encoder.embed_positions.weight.detach().clone()
    weights = torch.ones(tokenizer.get_vocab_size())
    weights[token(TIMESTAMPS[0]) :] = TIMES_WEIGHT
    for frames, size, steps in PHASES:
        model.config.max_source_positions = (
            frames // 2
        )  # the encoder's positions are fixed sinusoids: the first of them serve a short window
        model.model.encoder.embed_positions = torch.nn.Embedding.from_pretrained(positions[: frames // 2], freeze=True)
        for step in range(steps):
            batch = [pool[number] for number in rng.integers(EXAMPLES, size=size)]
            length = max(len(ids) for _, ids in batch)
            ids = torch.tensor([ids + [end] * (length - len(ids)) for _, ids in batch])
            wanted = torch.tensor([ids[1:] + [-100] * (length - len(ids)) for _, ids in batch])
            mel = np.pad(np.stack([mel for mel, _ in batch]), ((0, 0), (0, 0), (0, frames - PHASES[0][0])))
            logits = model(input_features=torch.from_numpy(mel), decoder_input_ids=ids[:, :-1]).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), weights, ignore_index=-100)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if step % 50 == 0:
                right = (logits.argmax(-1) == wanted)[:, 3:][(wanted[:, 3:] != -100)].float().mean()
                print(f"{frames} frames, step {step}: loss {loss.item():.3f}, right after the task {right:.2f}", flush=True)  # noqa: T201
    return model.eval()


def save(model: WhisperForConditionalGeneration, tokenizer: Tokenizer, target: Path) -> None:
    token = ids_of(tokenizer)
    model.generation_config = GenerationConfig(
        eos_token_id=token("<|endoftext|>"), pad_token_id=token("<|endoftext|>"), decoder_start_token_id=token("<|startoftranscript|>"),
        no_timestamps_token_id=token("<|notimestamps|>"), is_multilingual=True, suppress_tokens=[], begin_suppress_tokens=[],
        lang_to_id={"<|en|>": token("<|en|>"), "<|de|>": token("<|de|>")}, alignment_heads=[[1, 0], [1, 1]],
        task_to_id={"transcribe": token("<|transcribe|>"), "translate": token("<|translate|>")},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")
        fast.save_pretrained(folder)
        tokenizer.save(str(Path(folder) / "tokenizer.json"), pretty=False)
        (Path(folder) / "preprocessor_config.json").write_text(
            json.dumps({"feature_size": 80, "sampling_rate": RATE, "n_fft": 400, "hop_length": 160, "chunk_length": 30})
        )
        ctranslate2.converters.TransformersConverter(folder, copy_files=["tokenizer.json", "preprocessor_config.json"]).convert(
            str(target), quantization="int8", force=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    tokenizer = build_tokenizer()
    save(train(tokenizer), tokenizer, options.target)


if __name__ == "__main__":
    main()
