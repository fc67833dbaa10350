"""Messages that are nothing but a greeting, thanks, a yes, a no, or "are you a bot?": recognised by exact rules.

Only if the whole message is that. "no, still broken" is not a no, "ok but it's still down" is not thanks: any word
that the rules do not know makes it a message for the classifier.
"""

from __future__ import annotations

import re
from typing import Final, Literal

SmallTalk = Literal["greeting", "thanks", "are_you_a_bot", "yes", "no"]

LONGEST: Final = 100
_WORDS = re.compile(r"[\w']+")
_LETTERS = re.compile(r"\w")
_PLEASED: Final = frozenset("👍👌🙏❤♥😊🙂😀😃😄😁😍🥰😘🤗🎉🥳💯✅✔⭐🌟💖💕💛💚💙💜🧡😉👏🤝✌🤩😎🙌")
_INVISIBLE: Final = re.compile("[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff\\s.!,]")

_TO_WHOM = (
    r"(?: (?:there|all|everyone|everybody|team|guys|folks|you|friend|friends|support|sir|madam|mate|"
    r"again|y'all))?"
)
_GREETING = (
    rf"(?:hi|hii|hiii|hello|helo|helloo|hey|heya|heyy|hiya|howdy|yo|greetings|good (?:morning|"
    rf"afternoon|evening|day)"
    rf"|morning|evening|g'day|hallo){_TO_WHOM}"
)
_WHAT_FOR = (
    r"(?: for (?:(?:all|your|the|ur|that|this|it)(?: (?:quick|fast|great|kind|prompt|amazing|lovely|"
    r"of|your))?"
    r"(?: (?:help|support|reply|answer|response|info|information|time|assistance|link|explanation|"
    r"patience))?"
    r"|helping(?: me| us)?(?: out)?|everything|letting me know|getting back to me))?"
)
_THANKS = (
    rf"(?:(?:many |much |so many |a million )?thanks(?: (?:so much|a lot|a million|a bunch|very much|"
    rf"again))?{_TO_WHOM}{_WHAT_FOR}"
    rf"|thank (?:you|u|yo)(?: (?:so|very))?(?: much)?(?: (?:again|indeed|kindly))?{_TO_WHOM}{_WHAT_FOR}"
    r"|thankyou|thx|thnx|thanx|tnx|ty|tysm|tyvm|cheers(?: mate)?|much appreciated|appreciated|"
    r"(?:i )?(?:really )?appreciate (?:it|that|your help)"
    r"|ok|okay|okey|oki|k|kk|okies|okie dokie|alright|all right|great|perfect|awesome|cool|nice|"
    r"nice one|brilliant|excellent|fantastic"
    r"|amazing|lovely|wonderful|super|sweet|good|very good|fine|all good|noted|understood|got it|"
    r"gotcha|i see|makes sense"
    r"|will do|sure|roger|(?:it|that|this) (?:works?|worked|helps?|helped|did it|did the trick|"
    r"is perfect|is great|solved it|fixed it|was it)"
    r"(?: (?:now|perfectly|great|a lot|fine|well))?|(?:all )?(?:solved|sorted|fixed|done)(?: now)?|"
    r"works now|works(?: perfectly| fine| great)?"
    r"|never mind|nevermind|nvm|no worries"
    r"|you (?:rock|guys rock|are the best|are great|are amazing|are awesome|are a star|are welcome|"
    r"too)|you're (?:the best|great|amazing|awesome|a star|welcome)"
    r"|have a (?:nice|good|great|lovely) (?:day|evening|weekend|one)|bye|goodbye|see you|take care|"
    r"god bless(?: you)?)"
)
_YES = (
    r"(?:yes|yeah|yep|yup|yea|ya|ye|y|yes please|sure|correct|right|exactly|indeed|absolutely|"
    r"definitely|of course|affirmative"
    r"|it did|it does|that's right|yes it did|yes it does|yes that helped|yes it helped|yes it worked|"
    r"yes thanks|yes thank you)"
)
_NO = (
    r"(?:no|nope|nah|n|no thanks|no thank you|no no|not really|not at all|negative|it did not|"
    r"it didn't|it doesn't|no it didn't"
    r"|no it did not|no it doesn't|no that didn't help|that didn't help|it didn't help|not helpful|"
    r"that did not help|didn't help"
    r"|no that's not it|not what i asked|no that's wrong"
    r"|(?:no |nope |nah |sorry )?(?:sorry )?(?:that|this|it)(?: really)? (?:did not|didn't|didnt|does not|doesn't|"
    r"doesnt) (?:really )?help(?: me)?(?: at all| much)?|(?:no |nope )?not helpful(?: at all)?)"
)
_BOT = (
    r"(?:so |wait |hey |hi |hello )?(?:are (?:you|u) (?:an? |even )?(?:real |live |actual |living |"
    r"automated )?(?:bot|robot|chatbot|chat bot|machine|ai|computer|program|human|human being"
    r"|person|real|android)(?: or (?:an? )?(?:real )?(?:bot|robot|human|machine|person|not|what|ai))?"
    r"|(?:am i|are we|i am|i'm) (?:talking|speaking|chatting|writing|texting) (?:to|"
    r"with) an? (?:real |live |actual )?(?:bot|robot|chatbot|machine|human|human being|person|"
    r"computer|ai)"
    r"(?: or (?:an? )?(?:real )?(?:bot|robot|human|machine|person|not))?"
    r"|is (?:this|that|it) an? (?:real |automated |live )?(?:bot|robot|chatbot|chat bot|machine|ai|"
    r"person|human|auto reply|automated reply)(?: or (?:an? )?(?:real )?(?:bot|robot|human|machine|"
    r"person|not))?"
    r"|bot|robot|chatbot|is anyone real there|do you have feelings)(?: here)?"
)
_RULES: Final[tuple[tuple[SmallTalk, re.Pattern[str]], ...]] = (
    ("yes", re.compile(_YES)),
    ("no", re.compile(_NO)),
    ("are_you_a_bot", re.compile(_BOT)),
    ("greeting", re.compile(rf"{_GREETING}(?: {_GREETING})?")),
    ("thanks", re.compile(rf"{_THANKS}(?: (?:and |so )?{_THANKS}){{0,3}}")),
)


def small_talk(text: str) -> SmallTalk | None:
    """What the whole message is, if it is nothing else; None otherwise. Emoji of pleasure alone count as thanks."""
    if len(text) > LONGEST:
        return None
    words = " ".join(_WORDS.findall(text.lower().replace("\u2019", "'")))
    if not words:
        faces = _INVISIBLE.sub("", text)
        return "thanks" if faces and all(face in _PLEASED for face in faces) else None
    left = _LETTERS.sub("", text)
    if any(ord(sign) > 0x2190 and sign not in _PLEASED and not _INVISIBLE.fullmatch(sign) for sign in left):
        return None  # an angry face turns "thanks" into something else
    for kind, rule in _RULES:
        if rule.fullmatch(words):
            return None if "?" in text and kind != "are_you_a_bot" else kind
    return None
