"""The words that the patterns of sentences are filled with."""

from __future__ import annotations

NAMES = tuple(
    "Anna Boris Carla David Elena Felix Greta Hugo Irene Jonas Karen Lucas Maria Nadia Oscar Paula Rosa Simon Teresa Vera Walter Yusuf Zoe "
    "Martin Olivia Peter Sofia Thomas Emma Victor Daniel Helen Laura Robert Sandra".split()
)
PROJECTS = tuple(
    "Falcon Harbor Juniper Lantern Meadow Nimbus Orchid Pioneer Quartz Summit Tundra Voyager Willow Beacon Cobalt Delta "
    "Ember Granite Mosaic Phoenix".split()
)
DAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
MONTHS = tuple("January February March April May June July August September October November December".split())
THINGS = tuple(
    "budget report contract invoice schedule design prototype server database website newsletter survey draft offer order plan "
    "presentation roadmap backup license agenda manual password camera printer".split()
)
PLURALS = tuple("tickets tasks customers orders invoices questions servers licenses changes machines people rooms".split())
EVENTS = tuple("meeting review workshop launch demo interview training deadline".split())
PLACES = (
    "Berlin",
    "Vienna",
    "Lisbon",
    "Oslo",
    "Madrid",
    "Prague",
    "the office",
    "the kitchen",
    "the laboratory",
    "the library",
    "the warehouse",
    "the garden",
)
VERBS = tuple(
    "send write check sign update print translate approve cancel finish test present share repair deliver copy "
    "discuss explain replace improve".split()
)
STATES = ("ready", "late", "open", "closed", "blocked", "finished", "on hold", "in danger", "on time", "too expensive")
ONES = tuple(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen".split()
)
TENS = tuple("twenty thirty forty fifty sixty seventy eighty ninety".split())
FIRST = tuple(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth "
    "seventeenth eighteenth nineteenth twentieth".split()
)
ORDINALS = (*FIRST, *(f"twenty {one}" for one in FIRST[:9]), "thirtieth", "thirty first")
HOURS = ONES[1:13]
TIMES = (
    *(f"{hour} o'clock" for hour in HOURS),
    *(f"half past {hour}" for hour in HOURS),
    *(f"a quarter to {hour}" for hour in HOURS),
    "noon",
)
SLOTS: dict[str, tuple[str, ...]] = {
    "name": NAMES,
    "project": PROJECTS,
    "day": DAYS,
    "month": MONTHS,
    "thing": THINGS,
    "plural": PLURALS,
    "event": EVENTS,
    "place": PLACES,
    "verb": VERBS,
    "state": STATES,
    "ordinal": ORDINALS,
    "time": TIMES,
}


def number(value: int) -> str:
    """The words of a number from 0 to 99."""
    if value < len(ONES):
        return ONES[value]
    tens, ones = TENS[value // 10 - 2], value % 10
    return f"{tens} {ONES[ones]}" if ones else tens
