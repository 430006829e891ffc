"""Stage directions: "*sighs*", "(in a frustrated tone)", "[the user is annoyed]". What is typed in a chat has none."""

from __future__ import annotations

import re

from engine.hygiene.findings import Context
from engine.hygiene.phrases import one_of
from engine.hygiene.prose import Prose

_ACTS = one_of(
    """sighs smiles nods pauses frowns laughs chuckles grins shrugs hesitates types winces groans mutters
    whispers gasps yawns blinks smirks squints sobs taps crosses raises leans stares glances drums bites grabs
    waves shakes throws furrows gestures clicks scrolls paces exhales inhales breathes coughs mumbles sips
    squirms fidgets wipes tilts narrows snaps growls huffs beams cheers cries sniffles stammers stutters rubs
    rolls clears scratches waits thinks double-checks refreshes typing sighing laughing"""
)
_FEELS = one_of(
    """frustrated annoyed angry impatient sarcastic polite confused relieved hesitant nervous excited calm sad
    happy cheerful curious anxious firm quiet worried upset irritated skeptical sceptical tired stressed"""
)
_FEELINGLY = one_of(
    """nervously angrily politely sarcastically calmly impatiently excitedly hesitantly sadly happily
    cheerfully curiously anxiously firmly quietly loudly softly slowly coldly warmly jokingly playfully
    annoyedly confusedly worriedly awkwardly reluctantly tiredly"""
)
_OWN = r"(?:his|her|my|their|the)"
_DIRECTION = (
    rf"(?:{_ACTS}\b(?! like\b)|takes a (?:deep )?(?:breath|sip|moment)|checks (?:his|her|my|their) \w+|"
    rf"looks (?:at|through|up|around|for) {_OWN} \w+|pulls (?:out|up) {_OWN} \w+|reads {_OWN} \w+|"
    rf"(?:sounding|feeling|getting|slightly|visibly|clearly) (?:more )?{_FEELS}|in an? \w+ (?:tone|voice|manner)|"
    rf"{_FEELS}(?:ly)?(?: tone)?|{_FEELINGLY})"
)
_MORE = r"(?:[ ,]+[\w ,']{1,50})?[.…]{0,3}"
_STAGE = re.compile(
    rf"(?<!\*)\*(?:\w+ly )?{_DIRECTION}{_MORE}\*(?!\*)"
    rf"|(?:\A|[.!?…]\s|\n)\s{{0,2}}[(\[](?:\w+ly )?(?:the )?(?:user |customer |patient )?{_DIRECTION}{_MORE}[)\]]"
    r"|[\[(](?:the )?(?:user|customer|patient|caller|client|persona)(?: is| has| was) [\w ,']{2,60}[)\]]",
    re.IGNORECASE,
)


def find(prose: Prose, context: Context) -> str | None:
    """Return the place of the first stage direction, or None."""
    text = prose.said
    if context.role == "judge" or not any(mark in text for mark in "*(["):
        return None
    found = _STAGE.search(text)
    return found and prose.quote(*found.span())
