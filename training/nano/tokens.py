"""The model's byte-level BPE: trained on our own corpus, saved as a Hugging Face tokenizer.

A name must have the same tokens wherever it stands, or it could not be copied: after a space in the passage,
at the very start of the answer. So no merge joins a space to a word, except for the most frequent small words
that are never an answer; those get one token with their space to keep texts short.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from cluster.errors import ConfigError
from training.nano.corpus import Conversation, Message
from training.nano.corpus.vocabulary import ADJECTIVES, COLOURS, JOBS, NOUNS, STATES

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("system", "user", "assistant", "tool")
RESERVED = tuple(f"<|reserved_{n}|>" for n in range(10))  # so that later skills can have markers without a new vocabulary
SPECIALS = (PAD, END, *(f"<|{role}|>" for role in ROLES), *RESERVED)
CHAT_TEMPLATE = (
    "{%- for message in messages -%}{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
SPARE = "<|spare_"  # rows of the embedding that no text uses
SPACE = "Ġ"  # how byte-level BPE writes a space
GRAMMAR_WORDS = frozenset("a an the in on out up for under to of off".split())
ANSWER_WORDS = frozenset(word for text in (*STATES, *COLOURS, *JOBS, *NOUNS, *ADJECTIVES) for word in text.split()) - GRAMMAR_WORDS


def token_id(tokenizer: Tokenizer, marker: str) -> int:
    """The id of one of SPECIALS. Raises ConfigError with a tokenizer that is not the nano model's."""
    found = tokenizer.token_to_id(marker)
    if found is None:
        raise ConfigError(f"The tokenizer has no token {marker}, so it is not the nano model's; use the tokenizer.json of the same run.")
    return found


def load_tokenizer(path: Path, vocab: int) -> Tokenizer:
    """The tokenizer of a run. Raises ConfigError when the file cannot be read or belongs to a model of another vocabulary."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise ConfigError(f"{path} is no tokenizer ({error}); delete it and train anew, or copy the run's own back.") from error
    if tokenizer.get_vocab_size() != vocab:
        found = tokenizer.get_vocab_size()
        raise ConfigError(f"{path} has {found} tokens and the network {vocab}; use the tokenizer.json of the same run.")
    for marker in (PAD, END):
        token_id(tokenizer, marker)
    return tokenizer


def render(messages: Iterable[Message], ask_for_answer: bool = False) -> str:
    """The chat template in Python: the exact text the template file produces."""
    text = "".join(f"<|{m.role}|>{m.text}{END}" for m in messages)
    return text + "<|assistant|>" if ask_for_answer else text


def train_tokenizer(conversations: Iterable[Conversation], vocab: int) -> Tokenizer:
    """A tokenizer of exactly `vocab` entries, at most a seventh of them small words with their space."""
    texts = [m.text for c in conversations for m in c.messages]
    joined = vocab // 7
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab - joined,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        max_token_length=8,
    )
    pieces.train_from_iterator(texts, trainer)
    return _with_joined_words(pieces, texts, joined, vocab)


def _with_joined_words(pieces: Tokenizer, texts: list[str], joined: int, vocab: int) -> Tokenizer:
    model = json.loads(pieces.to_str())["model"]
    entries: dict[str, int] = model["vocab"]
    merges = [(left, right) for left, right in model["merges"]]
    counts = Counter(word for text in texts for word in text.split(" ")[1:] if word.isascii() and word.isalpha() and word.islower())
    often = len(texts) // 1000  # an invented word never comes up this often, so only real words are joined to their space
    words = [
        w for w, count in counts.most_common() if count > often and w in entries and w not in ANSWER_WORDS and (w == "a" or len(w) > 1)
    ]
    whole = _whole_answers(pieces, frozenset(words))
    merges += [pair for _, pair in whole]
    joined_words = [(SPACE + word, (SPACE, word)) for word in words[: joined - len(whole)]]
    merges += [pair for _, pair in joined_words]
    for entry, _ in (*whole, *joined_words):
        entries.setdefault(entry, len(entries))
    for spare in range(vocab - len(entries)):
        entries[f"{SPARE}{spare}|>"] = len(entries)
    tokenizer = Tokenizer(models.BPE(vocab=entries, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer


def _whole_answers(pieces: Tokenizer, small: frozenset[str]) -> list[tuple[str, tuple[str, str]]]:
    """Merges, with what they make, by which an answer that begins like a small word ("awaiting") becomes one token. They come before those
    of a space and a small word, so that the space cannot be joined to the answer's beginning."""
    found: dict[str, tuple[str, str]] = {}
    for word in sorted(ANSWER_WORDS):
        begun, *rest = pieces.encode(word).tokens
        for piece in rest if begun in small else ():
            found[begun + piece] = begun, piece
            begun += piece
    return list(found.items())


def save_tokenizer(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    """Write what `AutoTokenizer.from_pretrained` reads: tokenizer.json, its config and the chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "eos_token": END,
        "pad_token": PAD,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)


__all__ = ["CHAT_TEMPLATE", "END", "PAD", "SPARE", "SPECIALS", "load_tokenizer", "render", "save_tokenizer", "token_id", "train_tokenizer"]
