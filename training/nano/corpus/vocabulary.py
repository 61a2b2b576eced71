"""Plain English words the generator puts between its invented names. Ours, chosen for everyday and office subjects."""

NOUNS = tuple(
    "anchor apple archive arm bag barn basket battery beam bell bench bicycle blanket boat book boot bottle bowl box bridge brush bucket "
    "cabinet cable camera candle car card carpet cart chair chart church clock cloud coat coin computer crane cup curtain desk document door drawer "
    "drill drum engine envelope factory fan fence field file filter flag floor fork forest fountain furnace garden gate glass glove harbour hat heater "
    "helmet hill hose hotel jacket jar kettle key kitchen knife ladder lake lamp lantern leaf letter library lift lock machine map market meadow "
    "meter mill mirror motor museum needle office oven paint paper parcel path pencil phone picture pillow pipe plate pocket poster pump purse radio "
    "railway report ring river road robot roof rope sail scale scarf school screen sensor server shelf ship shirt shoe shop signal spoon stable stage "
    "stairs station stone street sword table tank tent theatre ticket tool tower tractor train tray tree truck tunnel umbrella valve van vase wagon "
    "wall watch wheel whistle window wire workshop".split()
)
ADJECTIVES = tuple(
    "bright broken busy calm careful cheap clean clever cold common dark deep dry dusty early empty famous fast final fine fresh full gentle heavy "
    "hidden high hollow huge kind large late lazy light little local long loud low modern narrow new noisy old open plain polite poor proud quick "
    "quiet rare rough round safe sharp short shy silent simple slow small smooth soft solid spare steep strong sudden sweet tall thick thin tidy tiny "
    "warm weak wet wide wild wooden young".split()
)
COLOURS = tuple(
    "amber beige black blue bronze brown crimson golden green grey indigo ivory lime maroon navy olive orange pink purple red silver teal violet white yellow".split()
)
JOBS = tuple(
    "accountant actor architect artist baker barber biologist builder butcher captain carpenter chemist clerk coach cook dancer dentist designer doctor "
    "driver editor electrician engineer farmer fisher gardener geologist glazier guard historian judge lawyer librarian mechanic miner musician nurse "
    "optician painter pharmacist pilot plumber poet potter printer programmer sailor singer surgeon surveyor tailor teacher translator vet waiter "
    "watchmaker weaver welder writer zoologist".split()
)
STATES = (
    "active|approved|archived|awaiting parts|blocked|broken|cancelled|closed|complete|damaged|delayed|empty|failed|finished|for sale|full|halted|idle|"
    "in progress|in repair|in storage|jammed|leaking|locked|lost|missing|offline|on hold|online|open|out of order|overdue|overheated|paid|paused|pending|"
    "ready|rejected|rented|repaired|reserved|running|sealed|shut down|sold out|stalled|stopped|suspended|switched off|under review|under test|unlocked|"
    "up for renewal|waiting for approval|withdrawn"
).split("|")
MONTHS = tuple("January February March April May June July August September October November December".split())
WEEKDAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
ATTRIBUTES = (
    "access code|address|altitude|area|assistant|author|batch|best dish|boss|brand|capital|captain|category|chief engineer|client|coach|colour code|"
    "contact|contract|cost|customer|deadline|delivery date|depth|destination|developer|director|driver|editor|email name|emblem|entrance|exit|"
    "favourite book|favourite drink|favourite song|first owner|flagship|flavour|fuel|goal|guardian|guest|height|home port|host city|index|inspector|"
    "inventor|invoice number|keeper|key word|label|landlord|language|last stop|latest version|licence|limit|location|log name|main product|main supplier|"
    "manager|mascot|material|middle name|model|motto|neighbour|nickname|old name|order number|origin|output|owner|partner|password|patron|pet|plan|"
    "postcode|predecessor|price|producer|purpose|rank|rating|region|replacement|reviewer|rival|route|score|second name|secret word|serial number|shape|"
    "signal word|size|source|speed|sponsor|start date|stock|storage place|successor|supplier|target|teacher|ticket number|title|top speed|tutor|type|"
    "username|value|vendor|version|visitor|voltage|warehouse|winner|witness|zone"
).split("|")
FILLERS = (
    "The {a} {n} was near the {m}.|It rained for most of the {t}.|Nobody looked at the {a} {n}.|There was a {a} {n} beside the {m}.|The {t} was {a} and {b}.|"
    "Some people like the {n} more than the {m}.|A {n} can be {a}.|Everyone agreed that the {n} looked {a}.|The {n} and the {m} were both {a}.|"
    "In the {t} the {n} is {a}.|We saw a {n}, a {m} and nothing else.|Such a {n} is often {a} in the {t}.|The {n} stood behind a {a} {m} all {t}.|"
    "That {t}, the {m} made a {a} noise.|Not much else is known about the {n}.|The rest of the {t} was {a}."
).split("|")
TIMES = ("morning", "afternoon", "evening", "night", "day", "week", "winter", "summer", "spring", "autumn")
