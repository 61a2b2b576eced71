"""What can be said about whom: every kind of fact, how it is stated and how it is asked.

The last statement and the last question of each relation are kept for the held-out split and never shown in training.
"""

from dataclasses import dataclass, field

from training.nano.corpus.splits import Split


@dataclass(frozen=True)
class Relation:
    """One kind of fact about a subject. `{s}` is the subject; `{v}` and, in some, `{w}` are values.

    Example: subject "person", slots {"v": "town"}, statement "{s} lives in {v}.", question ("v", "Where does {s} live?").
    """

    subject: str
    slots: dict[str, str]
    statements: tuple[str, ...]
    questions: tuple[tuple[str, str], ...] = field(repr=False)

    def phrasings(self, split: Split) -> tuple[str, ...]:
        return self.statements[-1:] if split == "held_out" else self.statements[:-1]

    def askings(self, split: Split) -> tuple[tuple[str, str], ...]:
        """(slot, question) pairs a split may use."""
        slots = self.slots
        kept = [[pair for pair in self.questions if pair[0] == slot] for slot in slots]
        return tuple(pair for pairs in kept for pair in (pairs[-1:] if split == "held_out" else pairs[:-1]))


def fact(subject: str, kind: str, statements: str, questions: str) -> Relation:
    """A relation with one value; alternatives are separated by a bar."""
    return Relation(subject, {"v": kind}, tuple(statements.split("|")), tuple(("v", question) for question in questions.split("|")))


def move(subject: str, kind: str, statements: str, from_questions: str, to_questions: str) -> Relation:
    """A relation with two values of one kind: `{v}` before and `{w}` after."""
    asked = [("v", question) for question in from_questions.split("|")] + [("w", question) for question in to_questions.split("|")]
    return Relation(subject, {"v": kind, "w": kind}, tuple(statements.split("|")), tuple(asked))


PEOPLE = (
    fact(
        "person",
        "town",
        "{s} lives in {v}.|{s} has a home in {v}.|These days {s} lives in {v}.|The home of {s} is in {v}.|{s} now lives in the town of {v}.",
        "Where does {s} live?|In which town does {s} live?|What town does {s} live in?|Which town does {s} live in?",
    ),
    fact(
        "person",
        "town",
        "{s} was born in {v}.|{v} is where {s} was born.|The birthplace of {s} is {v}.|{s} was born in the town of {v}.",
        "Where was {s} born?|In which town was {s} born?|What is the birthplace of {s}?|Which town was {s} born in?",
    ),
    fact(
        "person",
        "company",
        "{s} works for {v}.|{s} works at {v}.|{s} has a job at {v}.|{v} employs {s}.|{s} is employed by {v}.",
        "Who does {s} work for?|Where does {s} work?|Which company employs {s}?|Which company does {s} work for?",
    ),
    fact(
        "person",
        "job",
        "{s} works as a {v}.|{s} is a {v} by trade.|By profession {s} is a {v}.|{s} earns a living as a {v}.",
        "What is the job of {s}?|What does {s} do for a living?|What is {s}'s profession?|What job does {s} have?",
    ),
    fact(
        "person",
        "age",
        "{s} is {v} years old.|{s} has turned {v}.|At the age of {v}, {s} is still busy.|{s} is now {v} years old.",
        "How old is {s}?|What is the age of {s}?|What age is {s}?",
    ),
    fact(
        "person",
        "person",
        "{s} reports to {v}.|{v} manages {s}.|The manager of {s} is {v}.|{s}'s manager is {v}.",
        "Who does {s} report to?|Who manages {s}?|Who is the manager of {s}?|Who is {s}'s manager?",
    ),
    fact(
        "person",
        "person",
        "{s} is married to {v}.|{s} married {v}.|{s} is the husband of {v}.|{s} is the wife of {v}.",
        "Who is {s} married to?|Who did {s} marry?|To whom is {s} married?",
    ),
    fact(
        "person",
        "object",
        "{s} bought {v}.|{s} has just bought {v}.|At the market {s} bought {v}.|Yesterday {s} bought {v}.",
        "What did {s} buy?|What has {s} bought?|What was bought by {s}?",
    ),
    fact(
        "person",
        "subject",
        "{s} studies the {v}.|{s} is studying the {v}.|For years {s} has studied the {v}.|{s} likes to study the {v}.",
        "What does {s} study?|What is {s} studying?|What is studied by {s}?",
    ),
    fact(
        "person",
        "room",
        "{s} sits in {v}.|The office of {s} is {v}.|{s} has a desk in {v}.|{s} is sitting in {v}.",
        "Where does {s} sit?|Where is the office of {s}?|In which room does {s} sit?",
    ),
    fact(
        "person",
        "number",
        "{s}'s phone number is {v}.|{s} can be called on {v}.|To reach {s}, call {v}.|The phone number of {s} is {v}.",
        "What is the phone number of {s}?|What number reaches {s}?|What is {s}'s phone number?",
    ),
    fact(
        "person",
        "date",
        "{s} joined on {v}.|{s} started on {v}.|The first day of {s} was {v}.|On {v} {s} joined the team.",
        "When did {s} join?|When did {s} start?|On which day did {s} join?",
    ),
    fact(
        "person",
        "date",
        "{s} will retire on {v}.|{s} plans to retire on {v}.|On {v}, {s} will retire.|The day {s} will retire is {v}.",
        "When will {s} retire?|When does {s} plan to retire?|On which day will {s} retire?",
    ),
    fact(
        "person",
        "person",
        "{s} called {v}.|{s} phoned {v}.|{s} gave {v} a call.|In the morning {s} called {v}.",
        "Who did {s} call?|Who did {s} phone?|Who was called by {s}?",
    ),
    move(
        "person",
        "town",
        "{s} moved from {v} to {w}.|{s} left {v} and moved to {w}.|{s} travelled from {v} to {w}.|Last year {s} moved from {v} to {w}.",
        "Where did {s} move from?|Where did {s} come from?|Which town did {s} move from?",
        "Where did {s} move to?|Where did {s} go?|Which town did {s} move to?",
    ),
)
FIRMS = (
    fact(
        "company",
        "town",
        "{s} is based in {v}.|{s} has its head office in {v}.|The head office of {s} is in {v}.|{s} is a company based in {v}.",
        "Where is {s} based?|Where is the head office of {s}?|In which town is {s} based?",
    ),
    fact(
        "company",
        "person",
        "{s} is led by {v}.|{v} leads {s}.|{v} is the head of {s}.|{s} has been led by {v} for years.",
        "Who leads {s}?|Who is the head of {s}?|By whom is {s} led?",
    ),
    fact(
        "company",
        "year",
        "{s} was founded in {v}.|{s} has existed since {v}.|In {v} {s} was founded.|The year in which {s} was founded is {v}.",
        "When was {s} founded?|In which year was {s} founded?|What year was {s} founded in?",
    ),
    fact(
        "company",
        "number",
        "{s} employs {v} people.|{s} has {v} workers.|{v} people work at {s}.|There are {v} people working at {s}.",
        "How many people work at {s}?|How many workers does {s} have?|How many people does {s} employ?",
    ),
    fact(
        "company",
        "thing",
        "{s} makes the {v}.|{s} produces the {v}.|The {v} is made by {s}.|{s} is known because it makes the {v}.",
        "What does {s} make?|What does {s} produce?|What is made by {s}?",
    ),
    fact(
        "company",
        "company",
        "{s} bought {v}.|{s} took over {v}.|{v} was bought by {s}.|{v} was taken over by {s}.",
        "Which company did {s} buy?|Which company did {s} take over?|Which company was bought by {s}?",
    ),
    fact(
        "company",
        "price",
        "{s} earned {v} last year.|Last year {s} earned {v}.|The income of {s} was {v}.|{s} had an income of {v}.",
        "How much did {s} earn?|What did {s} earn last year?|What was the income of {s}?",
    ),
    fact(
        "town",
        "number",
        "{s} has {v} inhabitants.|The population of {s} is {v}.|{v} people live in {s}.|There are {v} inhabitants in {s}.",
        "How many people live in {s}?|What is the population of {s}?|How many inhabitants does {s} have?",
    ),
    fact(
        "town",
        "person",
        "The mayor of {s} is {v}.|{v} is the mayor of {s}.|{s} has a mayor named {v}.|{s}'s mayor is {v}.",
        "Who is the mayor of {s}?|What is the name of the mayor of {s}?|Who is {s}'s mayor?",
    ),
    fact(
        "town",
        "town",
        "{s} lies north of {v}.|{s} is north of {v}.|To the north of {v} lies {s}.|{s} is a town north of {v}.",
        "What is {s} north of?|Which town does {s} lie north of?|Which town is {s} north of?",
    ),
    fact(
        "town",
        "length",
        "{s} lies at a height of {v}.|The height of {s} is {v}.|{s} is {v} above the sea.|{s} stands at a height of {v}.",
        "How high is {s}?|What is the height of {s}?|At what height is {s}?",
    ),
)
THINGS = (
    fact(
        "thing",
        "price",
        "The {s} costs {v}.|The price of the {s} is {v}.|They sell the {s} for {v}.|The {s} is sold at a price of {v}.",
        "How much does the {s} cost?|What is the price of the {s}?|What does the {s} cost?",
    ),
    fact(
        "thing",
        "weight",
        "The {s} weighs {v}.|The weight of the {s} is {v}.|The {s} has a weight of {v}.|It was found that the {s} weighs {v}.",
        "How much does the {s} weigh?|What is the weight of the {s}?|What does the {s} weigh?",
    ),
    fact(
        "thing",
        "colour",
        "The {s} is {v}.|The {s} was painted {v}.|The colour of the {s} is {v}.|The {s} has the colour {v}.",
        "What colour is the {s}?|What is the colour of the {s}?|Which colour is the {s}?",
    ),
    fact(
        "thing",
        "state",
        "The {s} is now {v}.|The status of the {s} is {v}.|The {s} is currently {v}.|The {s} is marked as {v}.|Right now the {s} is {v}.",
        "What is the status of the {s}?|What state is the {s} in?|In what state is the {s}?",
    ),
    fact(
        "thing",
        "town",
        "The {s} is stored in {v}.|The {s} is kept in {v}.|They keep the {s} in {v}.|The {s} can be found in {v}.",
        "Where is the {s} stored?|Where is the {s} kept?|In which town is the {s} stored?|Where can the {s} be found?",
    ),
    fact(
        "thing",
        "person",
        "The {s} belongs to {v}.|{v} owns the {s}.|The owner of the {s} is {v}.|The {s} is owned by {v}.",
        "Who owns the {s}?|Who is the owner of the {s}?|To whom does the {s} belong?|Who does the {s} belong to?",
    ),
    fact(
        "thing",
        "person",
        "{v} repaired the {s}.|The {s} was repaired by {v}.|It was {v} who repaired the {s}.|The person who repaired the {s} is {v}.",
        "Who repaired the {s}?|By whom was the {s} repaired?|Which person repaired the {s}?",
    ),
    fact(
        "thing",
        "degrees",
        "The {s} runs at {v}.|The temperature of the {s} is {v}.|The {s} has reached {v}.|The {s} has a temperature of {v}.",
        "What is the temperature of the {s}?|How hot is the {s}?|What temperature does the {s} have?",
    ),
    fact(
        "thing",
        "code",
        "The {s} has the serial number {v}.|The serial number of the {s} is {v}.|The number {v} is printed on the {s}.|The {s} carries the serial number {v}.",
        "What is the serial number of the {s}?|Which serial number does the {s} have?|What serial number does the {s} carry?",
    ),
    fact(
        "thing",
        "date",
        "The {s} was delivered on {v}.|The {s} arrived on {v}.|On {v} the {s} was delivered.|The delivery of the {s} was on {v}.",
        "When was the {s} delivered?|When did the {s} arrive?|On which day was the {s} delivered?",
    ),
    fact(
        "thing",
        "length",
        "The {s} is {v} long.|The length of the {s} is {v}.|The {s} has a length of {v}.|The {s} measures {v}.",
        "How long is the {s}?|What is the length of the {s}?|What length does the {s} have?",
    ),
    move(
        "thing",
        "state",
        "The {s} changed from {v} to {w}.|The status of the {s} went from {v} to {w}.|The {s} was {v} and then became {w}.|The {s} has changed from {v} to {w}.",
        "What was the {s} before?|What did the {s} change from?|From what did the {s} change?",
        "What did the {s} become?|What did the {s} change to?|To what did the {s} change?",
    ),
    move(
        "thing",
        "room",
        "The {s} was moved from {v} to {w}.|They carried the {s} from {v} to {w}.|The {s} left {v} and went to {w}.|The {s} has been moved from {v} to {w}.",
        "Where was the {s} moved from?|Where did the {s} come from?|From where was the {s} moved?",
        "Where was the {s} moved to?|Where did the {s} go?|To where was the {s} moved?",
    ),
)
PLANS = (
    fact(
        "project",
        "person",
        "{v} leads {s}.|{s} is led by {v}.|The leader of {s} is {v}.|The person in charge of {s} is {v}.",
        "Who leads {s}?|Who is the leader of {s}?|Who is in charge of {s}?",
    ),
    fact(
        "project",
        "date",
        "{s} must be finished by {v}.|The deadline of {s} is {v}.|{s} is due on {v}.|The deadline for {s} is {v}.",
        "When is {s} due?|What is the deadline of {s}?|When must {s} be finished?|What is the deadline for {s}?",
    ),
    fact(
        "project",
        "price",
        "The budget of {s} is {v}.|{s} has a budget of {v}.|{v} was set aside for {s}.|The budget for {s} is {v}.",
        "What is the budget of {s}?|How much money does {s} have?|What is the budget for {s}?",
    ),
    fact(
        "project",
        "state",
        "{s} is {v}.|The status of {s} is {v}.|{s} is currently {v}.|Right now {s} is {v}.",
        "What is the status of {s}?|What state is {s} in?|In what state is {s}?",
    ),
    fact(
        "project",
        "date",
        "{s} began on {v}.|The start of {s} was {v}.|Work on {s} began on {v}.|On {v} work on {s} began.",
        "When did {s} begin?|When was the start of {s}?|When did work on {s} begin?",
    ),
    fact(
        "meeting",
        "clock",
        "{s} starts at {v}.|{s} begins at {v}.|At {v} {s} starts.|{s} will start at {v}.",
        "At what time does {s} start?|When does {s} begin?|What time does {s} start?",
    ),
    fact(
        "meeting",
        "room",
        "{s} takes place in {v}.|{s} is held in {v}.|They hold {s} in {v}.|{s} will take place in {v}.",
        "Where is {s} held?|Where does {s} take place?|In which room is {s} held?",
    ),
    fact(
        "meeting",
        "person",
        "{s} is hosted by {v}.|{v} hosts {s}.|The host of {s} is {v}.|{s} will be hosted by {v}.",
        "Who hosts {s}?|Who is the host of {s}?|By whom is {s} hosted?",
    ),
    fact(
        "meeting",
        "subject",
        "{s} is about the {v}.|The topic of {s} is the {v}.|In {s} they talk about the {v}.|{s} deals with the {v}.",
        "What is {s} about?|What is the topic of {s}?|What topic does {s} have?",
    ),
    fact(
        "meeting",
        "date",
        "{s} is planned for {v}.|The date of {s} is {v}.|{s} will be on {v}.|{s} takes place on {v}.",
        "On which date is {s}?|What is the date of {s}?|On what day is {s}?|Which date is {s} planned for?",
    ),
)
RELATIONS = PEOPLE + FIRMS + THINGS + PLANS

GENERIC_STATEMENTS = (
    "The {r} of {s} is {v}.",
    "{s}'s {r} is {v}.",
    "{v} is the {r} of {s}.",
    "{s} has {v} as its {r}.",
    "For {s}, the {r} is {v}.",
    "As for {s}, its {r} is {v}.",
)
GENERIC_QUESTIONS = (
    "What is the {r} of {s}?",
    "What is {s}'s {r}?",
    "Name the {r} of {s}.",
    "Which {r} does {s} have?",
    "Tell me the {r} of {s}.",
)


def generic(subject: str, attribute: str) -> Relation:
    """A relation made on the spot from the name of an attribute: "The harbour code of Velm is T-41."."""
    statements = tuple(text.replace("{r}", attribute) for text in GENERIC_STATEMENTS)
    questions = tuple(("v", text.replace("{r}", attribute)) for text in GENERIC_QUESTIONS)
    return Relation(subject, {"v": "anything"}, statements, questions)
