"""Invented words, names and values. Nothing here is looked up: every one is put together from sounds and digits.

Example: `Maker(Random(1), "train").value("person")` gives something like "Tamira Voskel".
"""

from collections.abc import Callable
from random import Random

from training.nano.corpus.splits import Split, draw
from training.nano.corpus.vocabulary import ADJECTIVES, COLOURS, JOBS, MONTHS, NOUNS, STATES, WEEKDAYS

ONSETS = tuple("b c d f g h j k l m n p r s t v w z".split()) + tuple(
    "br ch cl cr dr fl fr gr kl kr pl pr qu sh sk sl sm sn sp st th tr tw vl".split()
)
VOWELS = tuple("a e i o u".split()) * 4 + tuple("ai au ea ee ia ie oa oo ou y".split())
CODAS = ("",) * 8 + tuple("b d g k l m n p r s t v x z ck ld lk lm ln mp nd ng nk nt rd rk rn rt sh ss st th".split())
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MONEY = ("euros", "dollars", "crowns", "francs", "pounds")
SURNAME_ENDINGS = ("", "", "", "son", "er", "man", "ez", "ski", "ova", "berg", "ley")
TOWN_ENDINGS = ("", "", "", "ton", "ville", "burg", "ford", "haven", "port", "dale", "field", "stad")
COMPANY_ENDINGS = ("", "", " Works", " Labs", " Group", " Systems", " Foods", " Energy", " Bank")
ROOMS = ("Room {n}", "Hall {n}", "room {n}", "Room {l}{n}", "the {w} Room", "{w} Hall")


class Maker:
    """Makes values of one split from one random stream; the same seed makes the same values in the same order."""

    def __init__(self, rng: Random, split: Split) -> None:
        self.rng = rng
        self.split = split
        self._makers: dict[str, Callable[[], str]] = {
            "person": self.person,
            "town": lambda: self.name(TOWN_ENDINGS),
            "company": lambda: self.name() + rng.choice(COMPANY_ENDINGS),
            "thing": self._thing,
            "subject": self._subject,
            "job": lambda: rng.choice(JOBS),
            "state": lambda: rng.choice(STATES),
            "colour": lambda: rng.choice(COLOURS),
            "number": self.number,
            "age": lambda: str(rng.randint(18, 99)),
            "year": lambda: str(rng.randint(1500, 2090)),
            "date": self._date,
            "clock": lambda: f"{rng.randint(0, 23)}:{rng.randint(0, 59):02d}",
            "price": lambda: f"{self.number()} {rng.choice(MONEY)}",
            "weight": lambda: f"{rng.randint(2, 990)} {rng.choice(('kilograms', 'grams', 'tonnes', 'kg'))}",
            "length": lambda: f"{rng.randint(2, 990)} {rng.choice(('metres', 'kilometres', 'centimetres', 'km'))}",
            "degrees": lambda: f"{rng.randint(-40, 400)} degrees",
            "code": self._code,
            "room": self._room,
            "object": lambda: f"{rng.choice(('a', 'an old', 'a new', 'a small'))} {rng.choice(COLOURS)} {rng.choice(NOUNS)}",
            "anything": self._anything,
        }

    def value(self, kind: str) -> str:
        """A fresh value of a kind; the whole value belongs to this maker's split, and so does every invented name in it."""
        return draw(self._makers[kind], self.split)

    def word(self) -> str:
        """An invented lower-case word of this split."""
        return draw(self._raw_word, self.split)

    def name(self, endings: tuple[str, ...] = ("",)) -> str:
        return draw(lambda: (self._raw_word() + self.rng.choice(endings)).capitalize(), self.split)

    def person(self) -> str:
        if self.rng.random() < 0.3:
            return self.name()
        return f"{self.name()} {self.name(SURNAME_ENDINGS)}"

    def number(self) -> str:
        value = int(10 ** self.rng.uniform(0.5, 6))
        return f"{value:,}" if self.rng.random() < 0.4 else str(value)

    def _raw_word(self) -> str:
        if self.rng.random() < 0.08:
            return "".join(self.rng.choices(LETTERS, k=self.rng.randint(3, 7)))
        syllables = self.rng.choice((1, 2, 2, 2, 3))
        word = "".join(self.rng.choice(ONSETS) + self.rng.choice(VOWELS) for _ in range(syllables)) + self.rng.choice(CODAS)
        return self.rng.choice(VOWELS)[0] + word if self.rng.random() < 0.15 else word

    def _date(self) -> str:
        day, month, year = self.rng.randint(1, 28), self.rng.choice(MONTHS), self.rng.randint(1900, 2060)
        forms = (
            f"{day} {month} {year}",
            f"{month} {day}",
            f"{day} {month}",
            f"{self.rng.choice(WEEKDAYS)} {day} {month}",
            f"{year}-{self.rng.randint(1, 12):02d}-{day:02d}",
        )
        return self.rng.choice(forms)

    def _code(self) -> str:
        letters = "".join(self.rng.choices(LETTERS.upper(), k=self.rng.randint(1, 3)))
        digits = self.rng.randint(1, 9999)
        return self.rng.choice(
            (f"{letters}-{digits}", f"{letters}{digits}", f"{digits}-{letters}", f"{letters}-{digits}-{self.rng.choice(LETTERS.upper())}")
        )

    def _room(self) -> str:
        form = self.rng.choice(ROOMS)
        return form.format(n=self.rng.randint(1, 999), l=self.rng.choice("ABCDEFGH"), w=self.name())

    def _thing(self) -> str:
        return self.rng.choice(
            (
                f"{self.name()} {self.rng.choice(NOUNS)}",
                f"{self.rng.choice(NOUNS)} {self._code()}",
                f"{self.name()} {self.rng.randint(1, 99)}",
            )
        )

    def _subject(self) -> str:
        return self.rng.choice(
            (
                f"{self.rng.choice(ADJECTIVES)} {self.rng.choice(NOUNS)}",
                f"{self.rng.choice(NOUNS)} {self.rng.choice(NOUNS)}",
                f"{self.word()} {self.rng.choice(NOUNS)}",
            )
        )

    def _anything(self) -> str:
        return self._makers[
            self.rng.choice(("person", "town", "company", "number", "date", "price", "code", "weight", "colour", "subject", "thing"))
        ]()
