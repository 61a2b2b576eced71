"""What text that tells a model what to do looks like. All patterns are for folded text (``folding.py``): lower case, no accents.

No pattern repeats without a bound, so that each looks at a place only so often, whatever the text is; a test holds them to that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "override",  # what was said before is not to count
    "takeover",  # it gives the model another task or another self
    "secrecy",  # the user is not to know
    "reveal",  # what the model was told, or knows, is to be shown
    "turn",  # it pretends to be another turn of the conversation
    "tool",  # a tool is to be called
    "exfiltration",  # data is to go somewhere
    "addressed",  # it speaks to a model
    "authority",  # it claims a right to command
    "answer",  # it says what is to be answered
    "hidden",  # a reader does not see it
    "encoded",  # a reader cannot read it
]

# Between two words; up to so many words between two words.
GAP = r"(?:[^\w;]|_){1,12}+"


def upto(words: int) -> str:
    """A gap with at most so many words in it."""
    return rf"{GAP}(?:[^\W_]{{1,40}}+{GAP}){{0,{words}}}?"


@dataclass(frozen=True, slots=True)
class Rule:
    """``weight``: how sure it makes by itself, 0 to 1. ``told``: it counts in full only where it is an order to whoever reads it: not
    where a third is said to do it, nor where it is quoted in a text about such attacks."""

    reason: Reason
    weight: float
    pattern: re.Pattern[str]
    told: bool = True


def rule(reason: Reason, weight: float, pattern: str, *, told: bool = True) -> Rule:
    return Rule(reason, weight, re.compile(pattern), told)


AI = r"(?:ais?|llms?|language models?|(?:ai )?assistants?|(?:ai )?agents?|chatbots?|chatgpt|gpt|claude|gemini|copilot|bots?|models?)"
# Words for machines alone; an assistant may be a person.
MACHINE = r"(?:ais?|llms?|(?:large )?language models?|(?:ai|llm|language)[ -](?:assistants?|agents?|models?|systems?|crawlers?|bots?|reviewers?|tools?)|chatgpt|gpt|claude|gemini|copilot|chatbots?)"
BEFORE = (
    r"(?:previous|previously|prior|above|earlier|preceding|original|initial|existing|current|former|system|your|old|all|any|every|developer"
    r"|foregoing|past|last|safety|everything|these|those|content)"
)
ORDERS = (
    r"(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|orders?|programming|constraints?|restrictions?"
    r"|polic(?:y|ies)|training|guardrails?|safeguards?|guidance|context|limitations?)\b"
)
SECRETS = (
    r"(?:passwords?|api keys?|secrets?|credentials?|conversation|chat|history|(?:access |session )?tokens?|system prompt|personal data|users?(?:.s)? [a-z]{3,12}+"
    r"|environment variables?|private keys?|ssh keys?|cookies?|confidential \w{1,20})\b"
)
THINGS = r"(?:e-?mails?|messages?|contacts?|files?|documents?|lists?|records?|database|tables?|keys?|data|everything|prompt|private)\b"
ELSEWHERE = (
    r"(?:https?://|www\.|[\w.+-]{1,40}+@[\w-]{1,40}+\.|(?:this|the following|my|our) (?:url|webhook|address|server|endpoint|link|site))"
)
SENDS = r"(?:send|post|forward|e-?mail|upload|transmit|exfiltrate|leak|submit|deliver|copy|transfer|report)"

ENGLISH = (
    rule("override", 0.75, rf"\b(?:ignore|disregard|forget|override|bypass|pay no attention to|stop (?:following|obeying)|(?:do not|don.?t|no longer) (?:follow|obey)){upto(5)}{BEFORE}{upto(4)}{ORDERS}"),
    rule("override", 0.45, rf"\b(?:ignoring|disregarding|overriding|skip|drop|cancel|delete|discard|dismiss|neglect|erase|set aside|abandon){upto(3)}{BEFORE}{upto(2)}{ORDERS}"),
    rule("override", 0.6, rf"\b(?:ignore|disregard|forget){GAP}(?:everything|all|anything)(?:{GAP}(?:of|that|which|is|was|were|has|been|you|i|we|they|have)){{0,4}}{GAP}(?:above|before|previously|told|said|so far|learned|know|until now|prior)\b"),
    rule("override", 0.55, rf"\b(?:instructions?|rules|prompts?|guidelines){upto(3)}(?:are|is|have been|has been){GAP}(?:now |hereby |no longer )?(?:void|cancelled|canceled|revoked|obsolete|superseded|overridden|suspended|in effect|lifted|deactivated)\b[^\n]{{0,40}}?\b(?:instead|now|new|you|follow)\b"),
    rule("override", 0.6, r"\b(?:whatever|everything|anything|all)(?: that)? (?:you|i|they|we|was|were)\b[^.\n]{0,30}\b(?:told|given|instructed|learned|said)\b[^.\n]{0,20}\b(?:drop|ignore|forget|disregard|discard) (?:it|that|them|all)\b"),
    rule("override", 0.75, r"(?:ignore|disregard|forget)(?:all|any|the|your|of|my|every){0,3}(?:previous|prior|above|your|system|earlier)(?:system|given)?(?:instructions?|prompts?|rules|guidelines)"),
    rule("override", 0.65, rf"\b(?:ignore|disregard|forget|override|bypass|set aside|abandon|drop|discard|suspend|overlook){upto(4)}{ORDERS}{GAP}(?:(?:that|which) )?(?:you|were|have been|had been)\b[^.\n]{{0,40}}\b(?:given|told|received|learned|follow|earlier|before|above|previously|have|got)\b"),
    rule("override", 0.6, rf"\b(?:ignore|disregard|forget|override|bypass|set aside|abandon){GAP}your{upto(3)}(?:{ORDERS}|programming\b|training\b|restrictions?\b|alignment\b|ethics\b)"),
    rule("override", 0.5, r"\b(?:ignore|disregard|forget|skip) (?:the|this|that|my) (?:rest of (?:the|this) )?(?:\w{1,20} )?(?:document|text|article|page|user|question|request|task|content|conversation|query)(?:.?s)?(?: \w{1,20})?(?: and|,|;|\.|:) (?:then |instead |just |simply )?(?:output|say|print|write|reply|respond|instead|answer|do|tell|send|return)\b"),
    rule("takeover", 0.5, r"\b(?:obey (?:only )?(?:me|my)|do (?:exactly |only )?(?:as|what) i (?:say|tell|order|command)|never refuse|(?:must|may|can|will) not refuse|refuse nothing|comply with (?:every|all|any)\w{0,5}+ (?:request|demand|order)s?|without (?:ever )?refusing)\b"),
    rule("takeover", 0.4, r"\b(?:disable|turn off|deactivate|switch off|suspend|lift|remove) (?:all |any |your |the |every ){0,2}(?:safety|content|security|ethical|moderation)\w{0,4}+ (?:filters?|checks?|guidelines?|polic(?:y|ies)|restrictions?|rules?|guardrails?|measures?|limits?|mechanisms?)\b"),
    rule("takeover", 0.35, r"\byou (?:must|should|will|shall|have to|need to) (?:now|instead|immediately|first)\b"),
    rule("takeover", 0.6, r"\b(?:your|here (?:are|is) (?:your|the)) (?:new|real|actual|true|updated|only) (?:instructions?|objective|directives?|orders|prompt|rules)\b"),
    rule("takeover", 0.45, r"\byour (?:new|real|actual|true|updated|only) (?:task|goal|role|purpose|mission|job)(?: is|:| will be| now)\b"),
    rule("takeover", 0.4, r"\bnew (?:task|goal|mission|command|request|objective|job|rule)s?:"),
    rule("takeover", 0.5, r"\b(?:new|updated|additional|hidden|secret|special) (?:system )?(?:instructions?|prompt|directives?|orders?)(?: (?:for|to) [\w ]{1,40}+)?:"),
    rule("takeover", 0.4, r"\bfrom (?:now on|this point (?:on|forward)|here on)\W{1,3}+(?:you|respond|answer|act|always|only|reply|speak|never|do)\b"),
    rule("takeover", 0.35, r"\byou(?: are|.?re) now (?:an?|the|in|dan|acting|known|called|operating|my)\b"),
    rule("takeover", 0.6, r"\byou(?: are|.?re)(?: now)? (?:free|unrestricted|unfiltered|uncensored|jailbroken|no longer (?:bound|an? (?:ai|assistant)|restricted|limited|required))\b"),
    rule("takeover", 0.5, r"\b(?:do anything now|dan mode|jailbreak mode|(?:developer|god|sudo|debug|admin|unrestricted) mode (?:is )?now (?:on|enabled|activated|engaged))\b"),
    rule("takeover", 0.45, rf"\b(?:enter|enable|activate|switch (?:in)?to|go into){GAP}(?:the )?(?:dan|jailbreak|god|sudo|developer|debug|unrestricted|admin) mode\b"),
    rule("takeover", 0.4, r"\b(?:pretend|imagine|act as (?:if|though)|roleplay as)\b[^.\n]{0,60}(?:no (?:rules|restrictions|limits|filters|guidelines)|unrestricted|evil|not bound)"),
    rule("takeover", 0.4, rf"\bwithout (?:any |your )?(?:restrictions?|filters?|limitations?|censorship|ethical|safety){upto(2)}(?:guidelines|you|answer|respond|rules|checks|now)"),
    rule("takeover", 0.55, r"\b(?:stop|abort|end|halt|pause)\b[^.\n]{0,25}\b(?:summari[sz]ing|translating|current task|what you are doing|the task)\b[^\n]{0,30}\b(?:instead|and|now)\b"),
    rule("takeover", 0.5, r"\binstead(?: of)?(?: (?:summari[sz]ing|translating|answering|doing (?:that|this|so))[^,.\n]{0,60})?, (?:you (?:must|should|will)|output|write|say|respond|reply|print|send|tell|call)\b"),
    rule("secrecy", 0.45, r"\b(?:do not|don.?t|never) (?:tell|inform|mention|reveal|alert|notify|warn|disclose|let)\b[^.\n]{0,40}\b(?:users?|human|anyone|person|operator)\b"),
    rule("secrecy", 0.5, r"\b(?:without|instead of) (?:telling|informing|asking|notifying|alerting|mentioning)\b[^.\n]{0,30}\b(?:users?|human|anyone|person|operator)\b"),
    rule("secrecy", 0.35, r"\b(?:do not|don.?t|never) (?:mention|reveal|disclose|reference) (?:this|these|that|the)(?: hidden| secret)? (?:instructions?|message|note|text|comment|paragraph|action)\b"),
    rule("secrecy", 0.45, r"\b(?:say|tell|mention|reveal|report)(?: them| him| her)? nothing (?:to|about|of)\b|\bkeep (?:this|it|that)(?: a)? (?:secret|hidden|confidential|quiet)\b[^.\n]{0,20}\b(?:user|human|operator)"),
    rule("reveal", 0.6, rf"\b(?:reveal|print|output|repeat|show|display|tell|leak|dump|give|write|share|disclose|send|recite|quote|summari[sz]e|translate|include){upto(6)}your{upto(3)}(?:prompts?|instructions|rules|configuration|system message|guidelines)\b"),
    rule("reveal", 0.45, r"\b(?:print|repeat|output|dump|copy|paste|send|post)(?: the| this| our| all)?(?: whole| entire| full| complete)? (?:conversation|chat|history|context)(?: history| log)? (?:so far|above|verbatim|until now|to)\b"),
    rule("reveal", 0.5, rf"\b(?:reveal|print|output|repeat|leak|dump|disclose|recite){upto(3)}(?:system|hidden|initial|secret|developer|confidential|original|internal) (?:prompt|instructions)\b"),
    rule("reveal", 0.5, r"\bwhat (?:is|are|was|were) your (?:system|initial|original|hidden|secret|first|exact) (?:prompt|instructions?|message)\b"),
    rule("reveal", 0.5, r"\b(?:repeat|print|output|copy)(?: back)?(?: (?:everything|all|the|of|words|text|content|lines|your|that|is|verbatim)){1,5} (?:above|before this|verbatim)\b"),
    rule("reveal", 0.4, rf"\b(?:reveal|print|output|list|show|tell me|leak|dump|disclose|give me){upto(3)}(?:api keys?|passwords?|credentials|secrets|environment variables|private keys?)\b"),
    rule("exfiltration", 0.6, rf"\b{SENDS}{upto(8)}{SECRETS}[^\n]{{0,80}}?\b(?:to|at|via|into)\b[\W_]{{1,4}}{ELSEWHERE}"),
    rule("exfiltration", 0.35, rf"\b{SENDS}{upto(6)}{THINGS}[^\n]{{0,60}}?\b(?:to|at|via|into)\b[\W_]{{1,4}}{ELSEWHERE}"),
    rule("exfiltration", 0.35, rf"\b{SENDS} (?:it|them|this|that|everything|all) (?:to|at){GAP}{ELSEWHERE}"),
    rule("exfiltration", 0.6, rf"\b{SENDS}{upto(5)}(?:to|at)\b[\W_]{{1,4}}+{ELSEWHERE}\S{{0,200}}+{upto(6)}(?:with|containing|including){upto(5)}{SECRETS}"),
    rule("exfiltration", 0.5, rf"\b(?:append|add|encode|include|insert|put|embed|attach)\b{upto(8)}{SECRETS}[^.\n]{{0,60}}\b(?:url|link|query|image|parameter)\b"),
    rule("exfiltration", 0.7, r"\]\(\s?https?://[^)\s]{1,200}?[?&/=](?:\{{1,2}[\w .$-]{1,60}+\}|\[[\w .$-]{2,60}+\]|<[\w .$-]{2,60}+>|\$\{?[a-z_]{2,40}+|%7b|[a-z]{1,12}=(?:your|the|insert|user|base64)[\w-]{1,40}+)", told=False),
    rule("exfiltration", 0.6, r"<img\b[^>]{0,80}?\bsrc=[^>]{0,200}?[?&/=](?:\{{1,2}[\w .$-]{1,60}+\}|\[[\w .$-]{2,60}+\]|\$\{?[a-z_]{2,40}+)"),
    rule("exfiltration", 0.4, r"!\[[^\]\n]{0,100}+\]\(https?://[^)\s?]{1,200}+\?[^)\s=]{1,40}+=[a-z0-9+/_-]{60,400}+", told=False),
    rule("addressed", 0.5, rf"\b(?:attention|note to|message (?:to|for)|dear|hey|hello|instructions? (?:to|for)|reminder (?:to|for)|notice to|to)(?: all| any| the| every)?[ :,]{{1,3}}{MACHINE}(?: \w{{1,20}}+){{0,3}}\s?[:,!—–]"),
    rule("addressed", 0.35, rf"\b(?:attention|note to|message (?:to|for)|dear|hey|hello|instructions? (?:to|for))(?: all| any| the| every)?[ :,]{{1,3}}{AI}(?: \w{{1,20}}+){{0,3}}\s?[:,!—–]"),
    rule("addressed", 0.5, rf"\bif you(?: are|.?re) (?:an?|the) {AI}(?: (?:model|system|assistant|agent|crawler|reviewer))?(?:[,:;.]| (?:reading|processing|summari[sz]ing|parsing|reviewing|analy[sz]ing|evaluating|tasked|that is)\b)"),
    rule("addressed", 0.55, rf"\b{MACHINE} (?:(?:that|who|which) )?(?:read|process|summari[sz]|pars|evaluat|handl|access|index|visit|analy[sz]|review)(?:e|es|s|ing)? (?:this|these)\b[^.\n]{{0,60}}\b(?:must|should|has to|have to|is to|are to|needs? to)\b"),
    rule("addressed", 0.4, rf"(?:^|[.!?\n]\s?|, ){AI}[,:] (?:please |you must |you should |now )?(?:must|should|ignore|do|send|call|always|never|output|say|write|use|stop|tell|run|execute|forget|disregard|open|transfer|print|reveal|delete|follow|reply|respond|skip)\b"),
    rule("authority", 0.45, r"\b(?:admin(?:istrator)?|system|developer|security|root|emergency|priority)[ _-](?:override|command|directive)\b[^\n]{0,40}?(?::|\bcode\b|\baccepted\b|\bgranted\b|\byou\b)"),
    rule("authority", 0.45, r"\b(?:message|instruction|notice|order|command|update|request)s? from (?:the |your )?(?:system|developers?|admin(?:istrator)?s?|openai|anthropic|google|creators?|operators?)\b[^.\n]{0,40}[:.!]"),
    rule("takeover", 0.3, r"\b(?:you (?:must|have to|are required to|are ordered to|shall) (?:now )?(?:comply|obey|follow (?:these|this|the following|my)))\b"),
    rule("authority", 0.4, r"\bas your (?:developer|creator|administrator|admin|owner|operator|programmer|master)\b[^.\n]{0,10}\bi\b|\bi (?:hereby )?(?:order|command|instruct) you to\b"),
    rule("authority", 0.4, r"\b(?:users?|admins?|administrators?|owners?|developers?|operators?)(?: of this \w{1,20})? (?:has|have) (?:already |explicitly )?(?:authori[sz]ed|approved|permitted|allowed|given (?:you )?permission|consented|confirmed)(?: you| this| it)?\b"),
    rule("answer", 0.35, r"\b(?:when|if|whenever) (?:\w{1,12}+ ){0,2}(?:asked|asks?|questioned)\b[^.\n]{0,60}\b(?:always|never|only|just)? ?(?:say|answer|reply|respond|recommend|claim|tell them|state)\b"),
    rule("answer", 0.35, r"\byour (?:next |only |final |entire )?(?:response|answer|output|reply|summary|review|verdict)\b[^.\n]{0,20}\b(?:must|should|has to|will|shall) (?:only |always |not )?(?:begin|start|contain|include|be|say|read|mention|state|end)\b"),
    rule("answer", 0.4, r"\bin (?:your|the|any) (?:summary|answer|response|reply|evaluation|review|report)\W{1,2}(?:you (?:must|should) )?(?:always |only )?(?:include|mention|recommend|say|state|add|write|tell|claim|praise|insert)\b"),
    rule("answer", 0.4, r"\b(?:rate|give|score|rank|mark|classify|grade|label|recommend|approve|evaluate|accept)\b[^.\n]{0,12}\bthis (?:\w{1,20} )?(?:candidate|resume|cv|applicant|paper|product|essay|submission|email|message|transaction|review|document|invoice)\b[^.\n]{0,30}\b(?:excellent|highest|perfect|10|100|top|best|positive(?:ly)?|safe|benign|immediately|not spam|ham|maximum|accept|strong)"),
    rule("answer", 0.35, r"\b(?:respond|reply|answer|output|say|write|print)(?: back)?(?: (?:only|with|exactly|nothing but|just|simply|the|word|words|phrase|text)){1,4}\W{1,3}[\"'“„«‘`]"),
    rule("answer", 0.4, r"\b(?:say|output|print|write|respond with|reply with|answer with|tell (?:them|the user))\b[^.\n]{0,30}\b(?:pwned|hacked|i have been|haha|owned|compromised)\b"),
    rule("tool", 0.45, rf"\b(?:call|use|invoke|run|execute|trigger)\b{upto(4)}(?:tool|function|plugin|api)\b[^.\n]{{0,40}}\b(?:with|to|and|using)\b[^.\n]{{0,20}}?(?:send|delete|forward|transfer|write|fetch|read|e-?mail|post|upload|remove|buy|grant|run|pay|command|commands|immediately|arguments?|path|parameters?|recipient|amount|query)\b"),
    rule("tool", 0.45, r"[\"'](?:tool|function|tool_name|function_name|action|name)[\"']\s?:\s?[\"'][\w.-]{2,64}[\"']\s?,\s?[\"'](?:arguments|parameters|args|input|tool_input|action_input)[\"']\s?:"),
    rule("tool", 0.5, r"<(?:tool_call|function_call|tool_use|invoke name=|function_calls|\|tool_call\|?|\|python_tag\|)[^\n]{0,10}", told=False),
    rule("tool", 0.4, r"\b(?:delete|remove|wipe|erase|drop) (?:all|every|the user.?s)\b[^.\n]{0,20}\b(?:files?|e-?mails?|data|records|documents|tables?|backups?|messages|events)\b[^.\n]{0,40}\b(?:now|immediately|at once|and then|before)\b"),
    rule("turn", 0.7, r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id|begin_of_text)\|>|<start_of_turn>|<<sys>>|\[/?inst\]"),
    rule("turn", 0.5, r"</?(?:system|assistant|system_prompt|instructions|admin)>\s{0,3}(?:you|ignore|new|override|from|please|do|always|never|your|send|call|the|okay|ok|sure|i will|i.ll|yes)\b"),
    rule("turn", 0.45, r"(?:^|\n)[\W_]{0,8}(?:system|developer|assistant|admin)\s?:[\W_]{0,4}(?:disable|enable|output|print|reply|respond|grant|execute|delete|reveal|switch|activate|call)\b"),
    rule("turn", 0.5, r"(?:^|\n)[\W_]{0,8}(?:system|developer|assistant|admin)(?: (?:message|prompt|instruction|note|notice|update|alert))?s?[\W_]{0,4}:[\W_]{0,4}(?:you|ignore|new|override|the user|from now|please|always|never|your|send|call|must|disregard|forget|updated?|sure|i will|okay)\b"),
    rule("turn", 0.4, r"(?:###|---|===|\[|\*\*)\s?(?:begin |new |end of |end )?(?:system|instructions?|user|assistant|admin|developer)(?: (?:prompt|message|instructions?|input|query|override))?\s?(?:###|---|===|\]|:|\*\*)"),
    rule("turn", 0.45, r"\bend of (?:the )?(?:user |system )?(?:document|input|data|text|context|prompt|e-?mail|article)\b[^\n]{0,20}\n[\W_]{0,10}(?:now|new|system|you|next|instructions?)\b"),
)  # fmt: skip
