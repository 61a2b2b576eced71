"""Two exercises that teach copying before there is any language in it.

Example: user "Repeat: vo7 Trel -k", assistant "vo7 Trel -k"; or user "kel: Brasto; ump: 41-QZ\\n\\nump?", assistant "41-QZ".
"""

from random import Random
from string import ascii_letters, digits

from training.nano.corpus.chat import Conversation, Message
from training.nano.corpus.splits import Split
from training.nano.corpus.vocabulary import ADJECTIVES, NOUNS
from training.nano.corpus.words import Maker

CHARACTERS = ascii_letters + digits + "-_./"


class Recaller:
    def __init__(self, rng: Random, split: Split) -> None:
        self.rng = rng
        self.maker = Maker(rng, split)

    def repeat(self) -> Conversation:
        """Say again a string that means nothing."""
        text = " ".join(self._piece() for _ in range(self.rng.randint(2, 10)))
        return Conversation("repeat", (Message("user", f"Repeat: {text}"), Message("assistant", text)))

    def look_up(self) -> Conversation:
        """Say what stands behind a key; later questions of the same conversation ask other keys."""
        keys = list(dict.fromkeys(self.maker.word() for _ in range(self.rng.randint(2, 8))))
        pairs = {key: " ".join(self._piece() for _ in range(self.rng.choice((1, 1, 2)))) for key in keys}
        asked = self.rng.sample(keys, min(len(keys), 4))
        listing = self.rng.choice(("; ", ", ", "\n")).join(f"{key}: {value}" for key, value in pairs.items())
        messages = [Message("user", f"{listing}\n\n{asked[0]}?"), Message("assistant", pairs[asked[0]])]
        for key in asked[1:]:
            messages += [Message("user", f"{key}?"), Message("assistant", pairs[key])]
        return Conversation("look_up", tuple(messages))

    def _piece(self) -> str:
        kind = self.rng.random()
        if kind < 0.25:
            return "".join(self.rng.choices(CHARACTERS, k=self.rng.randint(1, 6)))
        if kind < 0.35:
            return self.rng.choice(NOUNS + ADJECTIVES)
        return self.maker.value(self.rng.choice(("person", "town", "number", "code", "weight", "date")))
