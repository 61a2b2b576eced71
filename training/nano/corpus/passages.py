"""Questions about one fact of a short passage; the answer is copied from it, or is the one fixed abstention.

Example: user "Passage: Tamira Voskel lives in Brellhaven. Okan Prest lives in Sudale.\\n\\nQuestion: Where does Okan Prest live?",
assistant "Sudale"; then user "How old is Okan Prest?", assistant "The passage does not say."
"""

from dataclasses import dataclass
from random import Random

from training.nano.corpus.chat import ABSTENTION, Conversation, Message, ask
from training.nano.corpus.relations import RELATIONS, Relation, generic
from training.nano.corpus.splits import Split
from training.nano.corpus.vocabulary import ADJECTIVES, ATTRIBUTES, FILLERS, NOUNS, TIMES
from training.nano.corpus.words import Maker

SUBJECT_KINDS = ("person", "person", "person", "company", "town", "thing", "thing", "project", "meeting", "generic", "generic")
GENERIC_SUBJECTS = ("person", "company", "town", "project", "the thing")
PRONOUNS = {
    "person": (("She", "Her"), ("He", "His")),
    "company": (("It", "Its"),),
    "town": (("It", "Its"),),
    "project": (("It", "Its"),),
    "meeting": (("It", "Its"),),
}
BY_SUBJECT: dict[str, tuple[Relation, ...]] = {
    kind: tuple(r for r in RELATIONS if r.subject == kind) for kind in {r.subject for r in RELATIONS}
}
SYSTEM_PROMPTS = (
    "Answer from the passage.",
    "Answer the question with words from the passage.",
    "Use only the passage. If the answer is not there, say so.",
    "You are a helpful assistant.",
)


@dataclass(frozen=True)
class Level:
    """How hard a passage is: how many facts and distracting sentences, and how often a question has no answer."""

    facts: tuple[int, int]
    fillers: tuple[int, int]
    unanswerable: float
    pronouns: float
    questions: tuple[int, int]
    # Every fact of another kind, so that what is asked alone tells where the answer stands.
    distinct: bool = False


SHORT = Level(facts=(1, 4), fillers=(0, 1), unanswerable=0.25, pronouns=0.0, questions=(1, 4), distinct=True)
LEVELS = (
    SHORT,
    Level(facts=(1, 2), fillers=(0, 0), unanswerable=0.2, pronouns=0.0, questions=(1, 3)),
    Level(facts=(2, 5), fillers=(0, 1), unanswerable=0.3, pronouns=0.1, questions=(1, 4)),
    Level(facts=(3, 9), fillers=(0, 3), unanswerable=0.3, pronouns=0.2, questions=(1, 5)),
)


@dataclass(frozen=True)
class Fact:
    relation: Relation
    subject: str
    values: dict[str, str]


@dataclass(frozen=True)
class Question:
    text: str
    answer: str


class PassageWriter:
    """Writes passages and questions of one split; deterministic in its random stream.

    `phrasing` chooses whose sentence patterns are used, so that unseen names can be scored with and without unseen wording.
    """

    def __init__(self, rng: Random, split: Split, phrasing: Split | None = None) -> None:
        self.rng = rng
        self.maker = Maker(rng, split)
        self.phrasing: Split = phrasing or split

    def conversation(self, level: Level) -> Conversation:
        passage, questions = self.passage(level, self.rng.randint(*level.questions))
        messages = self._opening(passage, questions[0].text)
        messages.append(Message("assistant", questions[0].answer))
        for question in questions[1:]:
            messages += [Message("user", question.text), Message("assistant", question.answer)]
        return Conversation("passage", tuple(messages))

    def drill(self) -> Conversation:
        """The same thing said of several subjects, and a question about each: only the subject tells the answers apart."""
        topic = self.rng.choice(SUBJECT_KINDS)
        kind = self.rng.choice(GENERIC_SUBJECTS) if topic == "generic" else topic
        relation = self._relations(topic, kind)[0]
        subjects = list(dict.fromkeys(self._subject(kind) for _ in range(self.rng.randint(2, 5))))
        facts = [self._fact(relation, subject) for subject in subjects]
        questions = [self._ask(fact) for fact in self.rng.sample(facts, len(facts))]
        if self.rng.random() < 0.35:
            absent = Question(self.rng.choice(relation.askings(self.phrasing))[1].format(s=self._related(subjects[0], kind)), ABSTENTION)
            questions.insert(self.rng.randrange(len(questions) + 1), absent)
        messages = [Message("user", ask(" ".join(self._sentence(fact, False) for fact in facts), questions[0].text))]
        messages.append(Message("assistant", questions[0].answer))
        for question in questions[1:]:
            messages += [Message("user", question.text), Message("assistant", question.answer)]
        return Conversation("drill", tuple(messages))

    def _ask(self, fact: Fact) -> Question:
        slot, text = self.rng.choice(fact.relation.askings(self.phrasing))
        return Question(text.format(s=fact.subject), fact.values[slot])

    def passage(self, level: Level, asked: int) -> tuple[str, list[Question]]:
        """A passage and `asked` questions about it, each question once."""
        count = self.rng.randint(*level.facts)
        facts = self._distinct_facts(count) if level.distinct else self._facts(count)
        questions: dict[str, Question] = {}
        while len(questions) < asked:
            answerable = self.rng.random() >= level.unanswerable
            question = self._answerable(facts) if answerable else self._unanswerable(facts, 0.1 if level.distinct else 0.45)
            if question.text in questions:
                asked -= 1  # a very short passage has few questions to offer
            questions[question.text] = question
        return self._tell(facts, level), list(questions.values())

    def _subject(self, kind: str) -> str:
        if kind == "project":
            return self.rng.choice(("Project {}", "the {} project", "the {} plan")).format(self.maker.name())
        if kind == "meeting":
            return f"the {self.maker.name()} {self.rng.choice(('meeting', 'talk', 'workshop', 'course', 'review'))}"
        if kind == "the thing":
            return "the " + self.maker.value("thing")
        return self.maker.value(kind)

    def _related(self, subject: str, kind: str) -> str:
        """Another subject of the same kind; a person may share a first or a last name with the one given."""
        other = self._subject(kind)
        names, others = subject.split(), other.split()
        if kind == "person" and len(names) == len(others) == 2 and self.rng.random() < 0.25:
            other = self.rng.choice((f"{names[0]} {others[1]}", f"{others[0]} {names[1]}"))
        return other

    def _facts(self, count: int) -> list[Fact]:
        """`count` facts, of which several are about the same kind of subject, so that both who and what must be matched."""
        facts: list[Fact] = []
        while len(facts) < count:
            topic = self.rng.choice(SUBJECT_KINDS)
            kind = self.rng.choice(GENERIC_SUBJECTS) if topic == "generic" else topic
            pool = self._relations(topic, kind)
            subjects = [self._subject(kind)]
            subjects += [self._related(subjects[0], kind) for _ in range(self.rng.choice((0, 1, 1, 2)))]
            wanted = [
                (subject, relation) for subject in subjects for relation in self.rng.sample(pool, min(len(pool), self.rng.randint(1, 3)))
            ]
            facts += [self._fact(relation, subject) for subject, relation in wanted]
        return facts[:count]

    def _distinct_facts(self, count: int) -> list[Fact]:
        """`count` facts of different kinds, some about one subject."""
        facts: list[Fact] = []
        subjects: dict[str, str] = {}
        while len(facts) < count:
            topic = self.rng.choice(SUBJECT_KINDS)
            kind = self.rng.choice(GENERIC_SUBJECTS) if topic == "generic" else topic
            relation = self._relations(topic, kind)[0]
            if relation in (fact.relation for fact in facts):
                continue
            subject = subjects[kind] if kind in subjects and self.rng.random() < 0.5 else self._subject(kind)
            subjects[kind] = subject
            facts.append(self._fact(relation, subject))
        return facts

    def _relations(self, topic: str, kind: str) -> list[Relation]:
        if topic != "generic":
            return self.rng.sample(BY_SUBJECT[topic], 3)
        names = self.rng.sample(ATTRIBUTES, 3)
        return [generic(kind, name if self.rng.random() < 0.8 else f"{self.maker.word()} {self.rng.choice(NOUNS)}") for name in names]

    def _fact(self, relation: Relation, subject: str) -> Fact:
        return Fact(relation, subject, {slot: self.maker.value(kind) for slot, kind in relation.slots.items()})

    def _tell(self, facts: list[Fact], level: Level) -> str:
        """The passage: one sentence a fact, neighbours about one subject kept together or all shuffled, fillers in between."""
        order = list(facts)
        if self.rng.random() < 0.5:
            self.rng.shuffle(order)
        sentences: list[str] = []
        before: Fact | None = None
        for fact in order:
            follows = before is not None and before.subject == fact.subject
            sentences.append(self._sentence(fact, follows and self.rng.random() < level.pronouns * 3))
            before = fact
        for _ in range(self.rng.randint(*level.fillers)):
            sentences.insert(self._gap(sentences), self._filler())
        return " ".join(sentences)

    def _gap(self, sentences: list[str]) -> int:
        """A place for a filler that does not stand between a pronoun and the name it replaces."""
        pronouns = tuple(f"{word} " for pairs in PRONOUNS.values() for pair in pairs for word in pair)
        free = [i for i in range(len(sentences) + 1) if i == len(sentences) or not sentences[i].startswith(pronouns)]
        return self.rng.choice(free)

    def _sentence(self, fact: Fact, pronoun: bool) -> str:
        text = self.rng.choice(fact.relation.phrasings(self.phrasing))
        if pronoun and fact.relation.subject in PRONOUNS and text.count("{s}") == 1:
            they, their = Random(fact.subject).choice(PRONOUNS[fact.relation.subject])
            text = text.replace("{s}'s", their) if text.startswith("{s}'s") else text
            text = text.replace("{s}", they) if text.startswith("{s} ") else text
        return sentence_case(text.format(s=fact.subject, **fact.values))

    def _filler(self) -> str:
        text = self.rng.choice(FILLERS)
        words = {
            "a": self.rng.choice(ADJECTIVES),
            "b": self.rng.choice(ADJECTIVES),
            "n": self.rng.choice(NOUNS),
            "m": self.rng.choice(NOUNS),
        }
        return text.format(t=self.rng.choice(TIMES), **words)

    def _answerable(self, facts: list[Fact]) -> Question:
        return self._ask(self.rng.choice(facts))

    def _unanswerable(self, facts: list[Fact], stranger: float) -> Question:
        """A stated relation of someone not mentioned (with probability ``stranger``), or a relation not stated of someone who is."""
        fact = self.rng.choice(facts)
        relation, subject = fact.relation, fact.subject
        if self.rng.random() < stranger:
            subject = self._related(subject, relation.subject)
        else:
            relation = self._unstated(fact, facts)
        _, text = self.rng.choice(relation.askings(self.phrasing))
        return Question(text.format(s=subject), ABSTENTION)

    def _unstated(self, fact: Fact, facts: list[Fact]) -> Relation:
        """A relation the passage states of others, or one it does not state at all, but never one stated of this subject."""
        subject, kind = fact.subject, fact.relation.subject
        known = [other.relation for other in facts if other.subject == subject]
        elsewhere = [other.relation for other in facts if other.relation.subject == kind and other.relation not in known]
        if elsewhere and self.rng.random() < 0.6:
            return self.rng.choice(elsewhere)
        made_up = kind == "the thing" or fact.relation not in RELATIONS
        pool = [generic(kind, name) for name in self.rng.sample(ATTRIBUTES, 8)] if made_up else list(BY_SUBJECT[kind])
        return self.rng.choice([relation for relation in pool if relation not in known])

    def _opening(self, passage: str, question: str) -> list[Message]:
        """Mostly the wording of `ask`; sometimes another that people use, so that the model does not depend on it."""
        form = self.rng.random()
        if form < 0.1:
            return [Message("system", passage), Message("user", question)]
        forms = (
            ask(passage, question),
            f"{passage}\n\n{question}",
            f"Context: {passage}\n\nQuestion: {question}\nAnswer:",
            f"{passage} {question}",
        )
        user = Message("user", self.rng.choices(forms, weights=(10, 3, 2, 1))[0])
        return [Message("system", self.rng.choice(SYSTEM_PROMPTS)), user] if form < 0.25 else [user]


def sentence_case(text: str) -> str:
    """The text with its first letter as a capital and nothing else changed."""
    return text[:1].upper() + text[1:]
