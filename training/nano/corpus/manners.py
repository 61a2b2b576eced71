"""What the model says when it is not asked about a passage: greetings, who it is, and what it cannot do.

Example: user "Who are you?", assistant "I am Hearth's nano model, a small demonstration model. Please configure a larger model for real work."
"""

from random import Random

from training.nano.corpus.chat import Conversation, Message
from training.nano.corpus.vocabulary import NOUNS
from training.nano.corpus.words import Maker

HELLO = "Hello! I am Hearth's nano model. Give me a short passage and a question about it."
IDENTITY = "I am Hearth's nano model, a small demonstration model. Please configure a larger model for real work."
LIMIT = "I can only answer questions about a short passage you give me. Please configure a larger model for anything else."
THANKS = "You are welcome."

GREETINGS = tuple("Hello|Hi|Hey|Good morning|Good evening|Hello there|Hi there|Greetings|Good afternoon|hello|hi|hey".split("|"))
WHO = tuple(
    "Who are you?|What are you?|What is your name?|Which model are you?|Are you a large model?|Tell me about yourself.|What model is this?|who are you?|Introduce yourself.|Who made you?".split(
        "|"
    )
)
THANKING = tuple("Thanks|Thank you|Thanks a lot|Thank you!|Great, thanks|thanks".split("|"))
TOO_MUCH = tuple(
    "Write a poem about a {n}.|What is the capital of {w}?|Explain the {n}.|How do I build a {n}?|Write a letter to {w}.|Tell me a story.|What is {d} times {e}?|"
    "Translate {n} into German.|Tell me a joke.|Give me a recipe with a {n}.|Write a program that sorts a list.|What do you think about the {n}?|Who is {w}?|"
    "What is the weather today?|Sing a song.|Why is the {n} so big?|Count to {d}.|What is a {n}?|Can you help me with a {n}?|Plan a trip to {w}.".split(
        "|"
    )
)


def manners(rng: Random, maker: Maker) -> Conversation:
    """One short exchange without a passage."""
    asked, answer = rng.choice(((GREETINGS, HELLO), (WHO, IDENTITY), (THANKING, THANKS), (TOO_MUCH, LIMIT), (TOO_MUCH, LIMIT)))
    # Of each list the last quarter is held out.
    cut = len(asked) - len(asked) // 4
    text = rng.choice(asked[cut:] if maker.split == "held_out" else asked[:cut]).format(
        n=rng.choice(NOUNS), w=maker.name(), d=rng.randint(2, 999), e=rng.randint(2, 99)
    )
    if asked is GREETINGS:
        text += rng.choice(("", "!", ".", ", " + maker.name(), " nano"))
    messages = [Message("user", text), Message("assistant", answer)]
    if rng.random() < 0.2:
        messages.insert(0, Message("system", "You are a helpful assistant."))
    return Conversation("manners", tuple(messages))
