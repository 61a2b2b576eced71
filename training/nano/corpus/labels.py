"""Choosing one label from a list: the topic of a text, its tone, what its writer wants, how urgent it is, what kind of thing is named.

Example: user "Which label fits? Labels: sport, music, weather\\nText: The storm brought rain and wind to Velm.", assistant "weather".
"""

from __future__ import annotations

import json

from training.nano.corpus.chat import Conversation, Message, exercises
from training.nano.corpus.world import World, sentence

TOPICS = {
    "sport": "match|goal|team|player|trophy|race|stadium|referee|league|coach|tennis|football|swimmer|medal",
    "weather": "storm|rain|wind|snow|fog|sunshine|thunder|frost|hail|cloud|heat|forecast|drizzle|gale",
    "music": "song|concert|violin|piano|singer|album|drum|melody|choir|orchestra|guitar|flute|band|opera",
    "food": "soup|bread|cheese|recipe|dinner|cake|sauce|kitchen|salad|breakfast|pasta|dessert|rice|pepper",
    "money": "loan|tax|bank account|invoice|interest rate|debt|salary|payment|profit|refund|pension|fee|share price|mortgage",
    "health": "doctor|fever|vaccine|hospital|medicine|headache|surgery|patient|nurse|cough|diet|injury|allergy|clinic",
    "travel": "hotel|flight|passport|suitcase|airport|tourist|ferry|beach|luggage|map|train journey|visa|cruise|sightseeing",
    "education": "school|exam|lesson|pupil|homework|university|textbook|classroom|degree|lecture|student|teacher|library|grade",
    "law": "court|judge|contract|lawyer|verdict|witness|trial|crime|appeal|lawsuit|jury|sentence|police|evidence",
    "technology": "software|computer|laptop|network|server|password|update|chip|robot|database|screen|keyboard|browser|website",
    "nature": "forest|river|eagle|flower|wolf|mountain|bee|oak|valley|whale|meadow|fox|seed|lake",
    "transport": "bus|tram|motorway|bicycle|traffic jam|lorry|railway|bridge|tunnel|parking space|engine|driver|road|timetable",
    "housing": "rent|tenant|roof|apartment|landlord|bathroom|garden fence|heating|balcony|cellar|lease|staircase|window|neighbour",
    "politics": "election|parliament|minister|vote|party|mayor|treaty|president|campaign|senate|government|ballot|reform|embassy",
}
ABOUT = (
    "the {x} and the {y} [were talked about|kept everyone busy|were the talk] in {t}|{p} [spoke|wrote|asked|read] about the {x} and the {y}|[there was|we saw] a {x} and a {y} in {t}|"
    "[after|before] the {x} came the {y}, says {p}|{p} [remembers|mentioned|described] the {x} as well as the {y}|without a {x} there [is|was] no {y}, {p} [thinks|said]|the {x} in {t} had to do with the {y}"
)
TONES = {
    "positive": "wonderful|excellent|a great success|delightful|better than expected|superb|very good|pleasant|a joy|perfect|impressive|lovely",
    "negative": "terrible|awful|a great failure|disappointing|worse than expected|dreadful|very bad|unpleasant|a pain|useless|annoying|horrible",
    "neutral": "delivered on {d}|described on page {c}|open from {c}|located in {t}|made by {f}|listed as {c}|scheduled for {d}|registered in {t}|kept by {f}|mentioned in {c}",
}
FEELING = "[{p} found|{p} called|everyone found] {s} {x}|{s} [was|is] {x}[|, says {p}|, as {p} put it]|[we think|they say|{p} says] {s} is {x}|to {p}, {s} [is|was|seemed] {x}|{s}, bought by {f}, [is|was] {x}"
WANTS = {
    "question": "[when|where|why|how] [does|did|will] {p} [visit|leave|call] {t}|is {s} [open|ready|still for sale]|could you explain what {s} is for|who [owns|made|knows] {s}",
    "request": "please [send|bring|show|return] {s} to {p}|[I would like|we need] {p} to [check|repair|deliver] {s}|kindly [order|book|prepare] {s} for {p}|could you please [send|bring|reserve] {s}",
    "complaint": "{s} [broke|arrived broken|stopped working] and nobody [helps|answers]|[I am|we are] very unhappy with {s}|{p} from {f} was [rude|late|careless] again|this is the third time that {s} has failed",
    "thanks": "[thank you|many thanks|thanks] for {s}|{p} was a great help with {s}, thank you|[we are|I am] grateful to {p} for {s}|thanks to {p} and {f} for the help",
    "greeting": "[hello|good morning|hi|good evening], {p}|[welcome|warm greetings] to {t}, {p}|nice to meet you, {p}|[dear|hello] {p}, I hope you are well",
    "cancellation": "[please cancel|I want to cancel|cancel] [my order of |]{s}|{p} [calls off|withdraws|cancels] the visit to {t}|we no longer need {s}|[I|we] must call off the meeting with {p}",
}
URGENCY = {
    "high": "{s} is on fire, [come at once|help now]|[urgent|emergency]: {s} [has failed|is leaking|is down]|we need {s} [immediately|at once|right now]|{p} must [act|answer] within the hour",
    "medium": "{s} [should be checked|needs a repair] this week|please [answer|look at {s}] in the next days|{p} needs {s} by the end of the week|[soon|in a few days] {s} will have to be replaced",
    "low": "[whenever you have time|some day|no hurry, but] {p} would like {s}|{s} can wait|there is no rush [about|with] {s}|[one day|at some point] we might [paint|replace] {s}",
}
KINDS = {"person": "person", "company": "company", "town": "town", "product": "the_thing", "project": "project", "event": "meeting"}
TASK = (
    "[choose|pick|select|give] [the label that fits|the right label|the best label|one label]|[which|what] label [fits|fits best|is right]|[classify|label|sort] [the text|this text|the message]|"
    "[which of these labels|which one] [describes|fits] [the text|this text|the message]|[answer|reply] with one of the labels"
)
MOST_LABELS = 8
LABEL_HEADS = ("Labels: ", "Options: ", "Categories: ", "Choose from: ", "Classes: ")
TEXT_HEADS = ("Text: ", "Message: ", "Input: ", "")


def labels(world: World) -> Conversation:
    """Texts, three to eight labels in any order, one of them right for each."""
    draw = world.rng.choice((_topic, _topic, _tone, _want, _urgency, _named))
    drawn = [draw(world) for _ in range(world.turns())]
    rights = [right for _, right, _ in drawn]
    offered = list(dict.fromkeys(rights))
    wrong = [label for label in drawn[0][2] if label not in offered]
    offered += world.rng.sample(wrong, min(len(wrong), world.rng.randint(2, 7), MOST_LABELS - len(offered)))
    world.rng.shuffle(offered)
    head = world.rng.choice(TEXT_HEADS)
    texts = [head + text for text, _, _ in drawn]
    return exercises("labels", _opening(world, texts[0], offered), texts[1:], rights)


def _opening(world: World, body: str, offered: list[str]) -> list[Message]:
    rng = world.rng
    listed = rng.choice(LABEL_HEADS) + (json.dumps(offered) if world.chance(0.2) else rng.choice((", ", ", ", " | ", "\n- ")).join(offered))
    task = world.written(world.pick(TASK), end="")
    form = rng.random()
    if form < 0.25:
        return [Message("system", f"{task}. {listed}"), Message("user", body)]
    if form < 0.65:
        return [Message("user", f"{task}. {listed}\n{body}")]
    return [Message("user", f"{body}\n{task}. {listed}" if form < 0.85 else f"{listed}\n{body}\n{task}?")]


def _fill(world: World, pattern: str, **more: str) -> str:
    maker = world.maker
    values = {
        "p": maker.person(),
        "s": world.subject("the_thing"),
        "t": maker.value("town"),
        "f": maker.value("company"),
        "d": maker.value("date"),
        "c": maker.value("code"),
    }
    return pattern.format(**(values | more))


def _topic(world: World) -> tuple[str, str, list[str]]:
    right = world.rng.choice(tuple(TOPICS))
    sentences = []
    for _ in range(world.rng.choice((1, 1, 2))):
        x, y = world.rng.sample(TOPICS[right].split("|"), 2)
        sentences.append(sentence(_fill(world, world.pick(ABOUT), x=x, y=y)))
    return " ".join(sentences), right, [topic for topic in TOPICS if topic != right]


def _tone(world: World) -> tuple[str, str, list[str]]:
    right = world.rng.choice(tuple(TONES))
    pattern = world.pick(FEELING).replace("{x}", world.rng.choice(TONES[right].split("|")))
    return sentence(_fill(world, pattern)), right, [tone for tone in TONES if tone != right]


def _want(world: World) -> tuple[str, str, list[str]]:
    right = world.rng.choice(tuple(WANTS))
    text = _fill(world, world.pick(WANTS[right]))
    return sentence(text, "?" if right == "question" else "."), right, [want for want in WANTS if want != right]


def _urgency(world: World) -> tuple[str, str, list[str]]:
    right = world.rng.choice(tuple(URGENCY))
    return sentence(_fill(world, world.pick(URGENCY[right]))), right, [level for level in URGENCY if level != right]


def _named(world: World) -> tuple[str, str, list[str]]:
    """What a name in a statement stands for."""
    right = world.rng.choice(tuple(KINDS))
    fact = world.about_one(1, KINDS[right])[0]
    return f"{world.statement(fact)} What is {fact.subject}?", right, [kind for kind in KINDS if kind != right]
