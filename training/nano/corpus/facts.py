"""What can be said about whom, each in hundreds of wordings: a kind of fact is a verb phrase, its questions, and a noun for it.

Example: "home town" of a person gives "These days Okan Prest lives in Sudale", "Okan Prest's home town is Sudale", "Where does Okan Prest
live?", "Name the home town of Okan Prest." and, for a summary, the clause "lives in Sudale".
"""

from __future__ import annotations

from dataclasses import dataclass

from training.nano.corpus.vocabulary import ATTRIBUTES

# Around every statement that has a noun and around every question; each is a grammar of its own (see wordings).
BY_NOUN = (
    "[the |]{n} of {s} [is|is now|is given as|was noted as|is listed as|remains] {v}|{s}'s {n} [is|is now|is given as|was noted as|remains] {v}|"
    "{v} is [the {n} of {s}|{s}'s {n}|what {s} has as {n}]|[for|in the case of|as for] {s}, the {n} is {v}|{s} has {v} [as|for] [its|the] {n}|"
    "{s}: {n} {v}|{n} of {s}: {v}|the {n} that belongs to {s} is {v}|[we|they] list {v} as the {n} of {s}"
)
ASK_BY_NOUN = (
    "what is [the {n} of {s}|{s}'s {n}]|what's [the {n} of {s}|{s}'s {n}]|[name|give|state|tell me|find|I need|look up] [the {n} of {s}|{s}'s {n}]|"
    "which {n} does {s} have|[the {n} of {s}|{s}'s {n}]|what does [the text|the passage] give as the {n} of {s}|do you know [the {n} of {s}|{s}'s {n}]"
)
BEFORE = (
    "|||||[according to|as stated in|as written in|in] [the|our|this] [notes|report|register|files|list|letter|minutes], |[as far as we know|I believe|we heard that|it is known that|note that], |"
    "[this week|last year|by now|since spring|today|these days], |[also|besides|moreover|meanwhile|in addition|then], |[it is said that|people say that|everyone knows that|we are told that] "
)
AFTER = "||||||, [as far as we know|it seems|we are told|they say|I believe|so the notes say]| [at the moment|as everyone knows|for the time being|according to the notes]"
ASK_BEFORE = "||||||[please answer|one question|quick question|question|tell me|I wonder]: |[from the text|going by the text|as far as the text says]: "


@dataclass(frozen=True)
class Kind:
    """One kind of fact. ``subject`` and ``value`` name kinds of :class:`Maker`; the rest are grammars, ``clause`` excepted.

    ``statements`` use ``{s}`` and ``{v}``, ``questions`` ``{s}``, ``nouns`` nothing; ``clause`` is one verb phrase with ``{v}``.
    """

    name: str
    subject: str
    value: str
    nouns: str
    clause: str
    statements: str
    questions: str


def kind(name: str, kinds: str, nouns: str, clause: str, statements: str, questions: str) -> Kind:
    subject, value = kinds.split()
    return Kind(name, subject, value, nouns, clause, statements, questions)


PERSON = (
    kind(
        "home_town",
        "person town",
        "home town|place of residence|home",
        "lives in {v}",
        "{s} [|now |currently |still ][lives|resides|has a home|has a house|has settled] in [|the town of ]{v}|[the house|the home|the flat] of {s} [is|stands] in {v}|{v} is [where {s} lives|the town where {s} lives]|{s} [moved to|settled in] {v} and [stayed|lives] there",
        "[where|in which town|in what town] does {s} [live|reside|have a home]|[which|what] town does {s} live in|where is the home of {s}",
    ),
    kind(
        "birthplace",
        "person town",
        "birthplace|place of birth",
        "was born in {v}",
        "{s} [was born|came into the world|was born and raised] in [|the town of ]{v}|{s} [comes|is|stems] [from|originally from] {v}|{v} is [where {s} was born|the town that {s} comes from]",
        "where [was {s} born|does {s} come from]|in [which|what] town was {s} born|[which|what] town [does {s} come from|was {s} born in]",
    ),
    kind(
        "employer",
        "person company",
        "employer|company",
        "works for {v}",
        "{s} [|now |currently |still ][works|has a job|is employed|earns a living] [at|with] {v}|{s} works for {v}|{v} [|now |currently ][employs|pays the wages of] {s}|{v} [hired|took on|recruited] {s}|{s} [joined|started at|signed a contract with] {v}",
        "[who|which company|which firm|what company] does {s} work for|where [does {s} work|is {s} employed]|[who|which company|which firm] [employs|hired|pays] {s}",
    ),
    kind(
        "job",
        "person job",
        "job|profession|trade|occupation",
        "works as a {v}",
        "{s} [|now |currently ][works|earns a living|is employed] as a {v}|{s} is a {v}[| by trade| by profession]|{s} [became|trained as|was trained as] a {v}|[by profession|by trade] {s} is a {v}",
        "what does {s} [do for a living|work as]|[what|which] [job|trade|profession] does {s} have|as what does {s} work",
    ),
    kind(
        "age",
        "person age",
        "age|age in years",
        "is {v} years old",
        "{s} is [|now |already |just ]{v}[| years old| years of age]|{s} [has turned|turned|just turned|has reached the age of] {v}|at [the age of |]{v}, {s} is [still busy|as busy as ever]",
        "how old is {s}[| now]|what age [is {s}|has {s} reached]|how many years old is {s}",
    ),
    kind(
        "manager",
        "person person",
        "manager|boss|supervisor",
        "reports to {v}",
        "{s} [reports|answers] to {v}|{v} [manages|supervises|leads|is in charge of] {s}|{s} [works under|is managed by|is supervised by|takes orders from] {v}",
        "[who|whom] does {s} [report to|answer to|work under]|who [manages|supervises|leads|is in charge of] {s}|by whom is {s} managed",
    ),
    kind(
        "spouse",
        "person person",
        "spouse|partner",
        "is married to {v}",
        "{s} [is|has been|has long been] married to {v}|{s} [married|wed] {v}|{v} is the [wife|husband] of {s}|{s} and {v} are [married|husband and wife]",
        "[who|to whom] is {s} married[| to]|who did {s} marry|who is the [wife|husband] of {s}",
    ),
    kind(
        "phone",
        "person number",
        "phone number|telephone number|extension",
        "can be called on {v}",
        "{s} [can be called|can be reached|picks up the phone|answers] on {v}|to [reach|call|phone] {s}, [dial|ring|call] {v}|[call|dial|ring] {v} to [reach|speak to] {s}",
        "[what|which] number [reaches {s}|do I dial for {s}]|how can {s} be [reached|called] by phone|on [what|which] number can {s} be [called|reached]",
    ),
    kind(
        "room",
        "person room",
        "office|desk|room",
        "sits in {v}",
        "{s} [sits|works|has a desk|can be found] in {v}|[the office|the desk] of {s} is in {v}|you [will find|can find|find] {s} in {v}",
        "[where|in which room] [does {s} sit|can {s} be found|is the desk of {s}]|[which|what] room does {s} [sit|work] in",
    ),
    kind(
        "hobby_object",
        "person object",
        "purchase|new possession",
        "bought {v}",
        "{s} [bought|purchased|has bought|picked up|paid for] {v}[| at the market| yesterday| last week]|{v} was [bought|purchased|paid for] by {s}",
        "what [did {s} buy|has {s} bought|was bought by {s}|did {s} purchase|did {s} pay for]",
    ),
    kind(
        "subject_studied",
        "person subject",
        "field of study|research subject",
        "studies the {v}",
        "{s} [studies|is studying|has studied|researches|writes about] the {v}|the {v} is [studied|researched] by {s}",
        "what [does {s} study|is {s} studying|is studied by {s}|does {s} research|does {s} write about]",
    ),
    kind(
        "teacher",
        "person person",
        "teacher|tutor|coach",
        "was taught by {v}",
        "{s} [was taught by|learned from|took lessons from|trained with] {v}|{v} [taught|trained|coached|gave lessons to] {s}",
        "who [taught|trained|coached|gave lessons to] {s}|from whom did {s} learn|who did {s} [learn from|take lessons from]",
    ),
    kind(
        "badge",
        "person code",
        "badge|badge code|pass",
        "carries badge {v}",
        "{s} [carries|wears|was given|received] [badge|pass] {v}|[badge|pass] {v} [belongs to|was issued to|is carried by] {s}",
        "[which|what] [badge|pass] [does {s} carry|was {s} given|belongs to {s}|was issued to {s}]",
    ),
)
FIRM = (
    kind(
        "headquarters",
        "company town",
        "headquarters|head office|seat",
        "is based in {v}",
        "{s} [is based|has its headquarters|has its head office|is at home|sits] in [|the town of ]{v}|[the headquarters|the head office] of {s} [is|stands] in {v}|{v} is [where {s} is based|home to {s}]",
        "where [is {s} based|does {s} have its headquarters|is the head office of {s}]|in [which|what] town is {s} [based|at home]",
    ),
    kind(
        "director",
        "company person",
        "director|head|chief",
        "is led by {v}",
        "{s} is [|now ][led|run|headed|directed|managed] by {v}|{v} [leads|runs|heads|directs|manages] {s}|{v} is [the boss|at the head|in charge] of {s}",
        "who [leads|runs|heads|directs|manages|is in charge of|is the boss of] {s}|by whom is {s} [led|run]",
    ),
    kind(
        "product",
        "company thing",
        "main product|best product",
        "makes the {v}",
        "{s} [makes|builds|produces|sells|manufactures|ships] the {v}|the {v} is [made|built|produced|sold|manufactured] by {s}",
        "what does {s} [make|build|produce|sell|manufacture]|[which|what] product [does {s} make|comes from {s}]|what is [made|built|produced] by {s}",
    ),
    kind(
        "founded",
        "company year",
        "year of foundation|founding year",
        "was founded in {v}",
        "{s} [was founded|was set up|was started|opened|was established|began] in [|the year ]{v}|the history of {s} [began|starts] in {v}",
        "[when|in which year|in what year] was {s} [founded|set up|established|started]|[what|which] year was {s} founded|when did {s} [begin|open]",
    ),
    kind(
        "staff",
        "company number",
        "staff|head count|number of employees",
        "employs {v} people",
        "{s} [employs|has|counts|gives work to] {v} [people|workers|employees]|{v} [people|workers|employees] work [at|for] {s}|{s} has a staff of {v}",
        "how many [people|workers|employees] [does {s} employ|work at {s}|work for {s}|does {s} have]|how large is the staff of {s}",
    ),
    kind(
        "owner",
        "company company",
        "owner|parent company",
        "belongs to {v}",
        "{s} [belongs to|is owned by|was bought by|was taken over by|is part of] {v}|{v} [owns|bought|took over|acquired] {s}",
        "[who|which company] [owns|bought|took over|acquired] {s}|[who|to whom] does {s} belong[| to]",
    ),
    kind(
        "supplier",
        "company company",
        "supplier|vendor",
        "buys its parts from {v}",
        "{s} [buys|gets|orders] its [parts|goods|supplies] from {v}|{v} [supplies|delivers parts to|delivers to|sells parts to] {s}",
        "who [supplies|delivers to|sells parts to] {s}|[where|from whom] does {s} [buy its parts|get its supplies|order its goods]",
    ),
    kind(
        "revenue",
        "company price",
        "revenue|turnover|yearly sales",
        "earned {v}",
        "{s} [earned|made|took in|turned over] {v}[| last year| in a year]|[sales|revenues] at {s} [reached|came to|were] {v}",
        "how much [did {s} earn|did {s} make|did {s} take in|did {s} turn over]|what were the sales of {s}",
    ),
)
THING = (
    kind(
        "price",
        "the_thing price",
        "price|cost",
        "costs {v}",
        "{s} [costs|is sold for|sells for|goes for|is priced at|is on sale for] {v}|[you pay|buyers pay|it takes] {v} for {s}|{v} is [charged|asked|paid] for {s}",
        "how much [does {s} cost|is {s}|is paid for {s}|is asked for {s}|must I pay for {s}]|what does {s} [cost|sell for|go for]",
    ),
    kind(
        "weight",
        "the_thing weight",
        "weight|mass",
        "weighs {v}",
        "{s} [weighs|has a weight of|comes to|brings to the scales] {v}|on the scales {s} shows {v}",
        "how [much does {s} weigh|heavy is {s}]|what does {s} weigh",
    ),
    kind(
        "length",
        "the_thing length",
        "length|size",
        "is {v} long",
        "{s} [is {v} long|measures {v}|has a length of {v}|is {v} from end to end|stretches over {v}]",
        "how long is {s}|what does {s} measure|how far does {s} stretch",
    ),
    kind(
        "colour",
        "the_thing colour",
        "colour|paint",
        "is {v}",
        "{s} [is|looks|was painted|has been painted|is all|comes in] {v}|{s} has [a {v} coat of paint|a {v} surface]",
        "[what|which] colour [is {s}|does {s} have|does {s} come in|was {s} painted]",
    ),
    kind(
        "status",
        "the_thing state",
        "status|state|condition",
        "is {v}",
        "{s} [is|is now|is currently|is reported as|has been marked as|is said to be] {v}",
        "[in what state|in which state|in what condition] is {s}|what [state|condition] is {s} in|what is [going on with|the matter with] {s}",
    ),
    kind(
        "storage",
        "the_thing room",
        "storage place|place|location",
        "is kept in {v}",
        "{s} [is|is kept|is stored|stands|can be found|is locked away] in {v}|[you will find|they keep|we keep|staff keep] {s} in {v}",
        "[where|in which room] [is {s}|is {s} kept|is {s} stored|does {s} stand|can I find {s}]",
    ),
    kind(
        "serial",
        "the_thing code",
        "serial number|part number|order code",
        "bears the number {v}",
        "{s} [bears|carries|has|is marked with|is registered under] the [number|code|mark] {v}|the [number|code] {v} [stands on|is printed on|is stamped on] {s}",
        "[what|which] [number|code|mark] [does {s} bear|does {s} carry|is on {s}|stands on {s}]",
    ),
    kind(
        "maker",
        "the_thing company",
        "maker|manufacturer|producer",
        "is made by {v}",
        "{s} [is|was] [made|built|produced|manufactured|assembled] by {v}|{v} [made|built|makes|builds|produces] {s}|{s} comes from the [works|factory] of {v}",
        "who [made|makes|built|builds|produces|manufactured] {s}|[which|what] company [made|makes|builds|produced] {s}",
    ),
    kind(
        "inventor",
        "the_thing person",
        "inventor|designer",
        "was invented by {v}",
        "{s} was [invented|designed|devised|drawn up|thought up] by {v}|{v} [invented|designed|devised|thought up] {s}|[the idea|the design] of {s} [is due to|came from] {v}",
        "who [invented|designed|devised|thought up|drew up] {s}|by whom was {s} [invented|designed]",
    ),
    kind(
        "temperature",
        "the_thing degrees",
        "temperature|operating temperature",
        "runs at {v}",
        "{s} [runs|works|operates|is kept|must stay] at {v}|{s} [reaches|has reached|is heated to] {v}",
        "how [hot|warm|cold] is {s}|at [what|which] temperature [does {s} run|is {s} kept]",
    ),
)
PLACE = (
    kind(
        "population",
        "town number",
        "population|number of inhabitants",
        "has {v} inhabitants",
        "{s} [has|counts] {v} [inhabitants|people|residents]|{v} [people|residents] live in {s}|{s} is [home|a home] to {v} [people|residents]",
        "how many [people|residents|inhabitants] [live in {s}|does {s} have|does {s} count]|how [big|large] is {s}",
    ),
    kind(
        "mayor",
        "town person",
        "mayor|head of the council",
        "is governed by {v}",
        "{s} [is governed|is run|is led] by {v}|{v} [governs|runs|was elected in|is in charge of] {s}|[the people of {s}|voters in {s}] [elected|chose] {v}",
        "who [governs|runs|was elected in|is in charge of] {s}|[whom|who] did the people of {s} [elect|choose]",
    ),
    kind(
        "distance",
        "town length",
        "distance from the sea|distance to the coast",
        "lies {v} from the sea",
        "{s} [lies|is|is found|stands] {v} [from the sea|from the coast|inland]|from {s} it is {v} to [the sea|the coast]",
        "how far is [{s} from the sea|{s} from the coast|it from {s} to the sea]|how far inland [is|lies] {s}",
    ),
    kind(
        "river",
        "town name",
        "river|stream",
        "lies on the river {v}",
        "{s} [lies|stands|was built] on the [river|banks of the] {v}|the river {v} [runs|flows|passes] through {s}",
        "[what|which] river [runs|flows] through {s}|on [what|which] river does {s} [lie|stand]",
    ),
    kind(
        "famous_for",
        "town subject",
        "sight|main attraction",
        "is famous for its {v}",
        "{s} is [famous|known|loved|praised] for its {v}|[visitors|people] come to {s} [for|to see] the {v}",
        "what is {s} [famous|known|praised] for|[why|for what] do [people|visitors] come to {s}",
    ),
)
PLAN = (
    kind(
        "leader",
        "project person",
        "leader|lead|person responsible",
        "is led by {v}",
        "{s} is [|now ][led|run|headed|handled] by {v}|{v} [leads|runs|heads|handles|is in charge of|is responsible for] {s}|{v} was [put in charge of|made head of] {s}",
        "who [leads|runs|heads|handles|is in charge of|is responsible for|was put in charge of] {s}",
    ),
    kind(
        "budget",
        "project price",
        "budget|cost",
        "has a budget of {v}",
        "{s} [has {v} to spend|may cost {v}|was given {v}|received {v}|may spend {v}]|[the board|the council|the bank] [granted|gave|promised] {s} {v}",
        "how much [money |][does {s} have to spend|may {s} cost|was {s} given|may {s} spend|did {s} receive]",
    ),
    kind(
        "deadline",
        "project date",
        "deadline|due date|end date",
        "is due on {v}",
        "{s} [is due|must be finished|has to be ready|ends|will be complete|must be done] [on|by] {v}|{v} is the last day for {s}|the last day for {s} is {v}",
        "[when|by when|on what day] [is {s} due|must {s} be finished|does {s} have to be ready|does {s} end|must {s} be done]",
    ),
    kind(
        "progress",
        "project state",
        "status|state",
        "is {v}",
        "{s} [is|is now|is currently|has been reported as|was declared|is marked as] {v}",
        "[how|where] does {s} stand|what [state|condition] is {s} in|in [what|which] state is {s}",
    ),
    kind(
        "start",
        "meeting clock",
        "start|starting time",
        "starts at {v}",
        "{s} [starts|begins|opens|kicks off|will start|will begin] at {v}|[come|be there] at {v} for {s}|we [meet|gather] at {v} for {s}",
        "[when|at what time] [does {s} start|does {s} begin|will {s} begin|does {s} open]|what time does {s} [start|begin]",
    ),
    kind(
        "venue",
        "meeting room",
        "venue|place",
        "takes place in {v}",
        "{s} [takes place|is held|will be held|happens|meets] in {v}|{v} [hosts|is booked for|is reserved for] {s}|[go|come] to {v} for {s}",
        "[where|in which room] [does {s} take place|is {s} held|will {s} be held|does {s} meet]|[what|which] room is [booked|reserved] for {s}",
    ),
    kind(
        "topic",
        "meeting subject",
        "topic|theme",
        "is about the {v}",
        "{s} [is about|deals with|covers|discusses|will treat] the {v}|the {v} [is discussed|is dealt with|will be treated] [in|at] {s}",
        "what [is {s} about|does {s} deal with|does {s} cover|is discussed at {s}]",
    ),
    kind(
        "chair",
        "meeting person",
        "chair|speaker|host",
        "is chaired by {v}",
        "{s} is [chaired|hosted|opened|led] by {v}|{v} [chairs|hosts|opens|leads|will chair] {s}",
        "who [chairs|hosts|opens|leads|will chair] {s}|by whom is {s} [chaired|hosted]",
    ),
    kind(
        "day",
        "meeting date",
        "date|day",
        "is on {v}",
        "{s} [is|will be|is planned|is set|takes place|was arranged] [on|for] {v}|[come to|join us for|do not miss] {s} on {v}",
        "on [which|what] [day|date] [is {s}|does {s} take place|will {s} be]|[which|what] [day|date] is {s} [planned|set] for",
    ),
)
KINDS = PERSON + FIRM + THING + PLACE + PLAN
BY_SUBJECT = {subject: tuple(k for k in KINDS if k.subject == subject) for subject in dict.fromkeys(k.subject for k in KINDS)}


def made_up(subject: str, noun: str) -> Kind:
    """A kind of fact that has only a noun: "The harbour code of Velm is T-41"."""
    return Kind(noun.replace(" ", "_"), subject, "anything", noun, "has the " + noun + " {v}", "", "")


NOUNS_FOR_ANYTHING = ATTRIBUTES
