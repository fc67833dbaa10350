r"""Softer words than the wires': they do not demand a person now, but forbid a machine to act alone.

Same notation as in `phrases.py`. Model and signs err differently: a how-to that tells of trouble is a problem more
often than the model believes, and thanks with a swear word in them are not thanks.
"""

from __future__ import annotations

from typing import Final

from intents.phrases import Phrases

TROUBLE: Final[Phrases] = (
    (
        "fault",
        r"errors?|bugs?|buggy|bugged|crash\w{0,4}|freez\w{1,4}|froze\w{0,1}|glitch\w{0,4}|broke\w{0,1}|"
        r"stuck|fail\w{0,4}|lag\w{0,4}|corrupt\w{0,4}|defect\w{0,4}|fault\w{0,1}|damaged?|"
        r"malfunction\w{0,4}|distort\w{0,4}|flicker\w{0,4}|loop\w{0,3}|hang(?:s|ing)|mess(?:ed|es|ing)_up|"
        r"messed|screw\w{0,3}_up|acting_up|weird\w{0,2}|unplayable|unusable|unable|cracked|leaking|hung",
    ),
    (
        "trouble",
        r"issues?|problems?|problème|trouble\w{0,2}|troubleshoot\w{0,4}|difficult\w{0,4}|struggl\w{1,4}|"
        r"no_luck|in_vain|to_no_avail|not_possible|won'?t|wont|refus\w{1,3}|complain\w{0,4}",
    ),
    (
        "does not",
        r"(?:not|\w{1,5}n't|isnt|arent|wasnt|doesnt|dont|didnt|never|no_longer|hardly|barely|"
        r"nothing)~(?:work\w{0,3}|load\w{0,3}|open\w{0,3}|sync\w{0,3}|connect\w{0,3}|send\w{0,3}|"
        r"show\w{0,3}|appear\w{0,3}|receiv\w{1,3}|updat\w{1,3}|respond\w{0,3}|play\w{0,3}|charg\w{1,3}|"
        r"start\w{0,3}|sav(?:e|ing)|download\w{0,3}|install\w{0,3}|accept\w{0,3}|recogni[sz]\w{1,3}|"
        r"register\w{0,3}|match\w{0,3}|go\w{0,3}_(?:through|away)|com(?:e|ing)(?:_\w{1,8})?|"
        r"get(?:ting)?_(?:any|my|the|a|it|this|these)|arriv\w{1,3}|print\w{0,3}|turn\w{0,3}|add(?:ed|ing)|"
        r"let(?:ting)?|allow\w{0,3}|detect\w{0,3}|available|there|complet\w{1,3}|display\w{0,3}|"
        r"pop\w{0,4}|giv(?:e|ing)|help\w{0,3}|hear\w{0,3}|solv\w{1,3}|fix\w{0,3}|respon\w{1,4}|"
        r"answer\w{0,3}|repl\w{1,4}|right|correct\w{0,2}|happen\w{0,3}|do(?:ing)?_(?:anything|it))",
    ),
    ("make it work", r"(?:get|make|getting|making|got)~(?:work|working|to_work)|trapped|swallowed|worked"),
    (
        "cannot",
        r"(?:can'?t|cannot|can_not|cant|couldn'?t|unable_to)_(?:even_|seem_to_|get_|to_)?(?:log\w{0,3}|"
        r"sign\w{0,3}|access|connect|play|send|receive|upload|download|install|update|open|load|hear|"
        r"watch|view|join|enter|save|add|remove|delete|turn|activate|verify|get|buy|order|pay|purchase|"
        r"complete|continue|post|edit|use|login|do|move|change|proceed|submit|reset|believe|stand|wait|"
        r"handle|take|make|stream|listen|click|select|import|export|print|check)",
    ),
    (
        "gone",
        r"disappear\w{0,3}|vanish\w{0,3}|missing|lost|gone|losing|went_missing|removed|deleted|wiped|"
        r"blank|empty|taken_away|reset_(?:my|itself|all)|(?:not|\w{1,5}n't)_(?:there|here|in_my|on_my)|"
        r"turned_(?:itself|red|black|off)",
    ),
    (
        "slow",
        r"slow\w{0,3}|laggy|buffer\w{0,3}|drain\w{0,3}|overheat\w{0,3}|too_hot|takes_(?:forever|ages)|"
        r"forever|loading|loads_for|unstable|latency|jitter|dropp?(?:s|ing|ed)|disconnect\w{0,3}|cut(?:s|"
        r"ting)?_(?:out|off)|static|kick(?:s|ed|ing)|logged_(?:me_)?out|log(?:s|ging)_me_out|restart(?:s|"
        r"ed|ing)|reboot\w{0,3}|shut(?:s|ting)_(?:down|off)|spinning",
    ),
    (
        "stopped",
        r"(?:has|have|just|suddenly|it|app|keeps?|kept|video|sound|screen|they)_(?:just_|"
        r"suddenly_)?stop\w{0,4}|stopped|keeps?_(?:on_)?(?:\w{1,12}ing|coming|telling|saying|asking)|"
        r"kept_\w{1,12}ing|all_of_a_sudden|suddenly|any_?more|no_longer|used_to",
    ),
    (
        "message says",
        r"(?:it|app|site|page|system|still|screen|website|which|and|always|just|you|that)_(?:just_|keeps_|"
        r"only_|still_)?(?:says|said|saying|tells_me|telling_me|told_me|gives_me|shows_me|showing)|"
        r"an?_(?:error|message|notice|alert)_(?:saying|that|comes|pops)|pops?_up|comes_up|error_code|"
        r"popping",
    ),
    (
        "fix it",
        r"fix|fixed|fixing|fixes|repair\w{0,3}|resolv\w{1,4}|solv(?:e|ed|ing)|restor(?:e|ed|ing)|"
        r"recover\w{0,3}|retriev\w{1,3}|bring_(?:it|them)_back|get_(?:it|them|this|my_\w{1,12})_back|"
        r"look_into|sort_(?:it|this|that)_out|work_?around|undo",
    ),
    (
        "wrong",
        r"wrong\w{0,2}|incorrect\w{0,2}|invalid|denied|declined|rejected|expired|mistake\w{0,2}|"
        r"error\w{0,4}|not_(?:valid|right|eligible|recogni[sz]ed|supported|allowed|found|accepted)|"
        r"doesn'?t_(?:match|exist)|mix(?:ed)?_up|unexpected\w{0,2}|unlike",
    ),
    (
        "tried",
        r"(?:i'?ve|i_have|have|already|i|we|we'?ve|and)_(?:also_|already_)?(?:tried|trying|restarted|"
        r"reinstalled|rebooted|uninstalled|reset|contacted|called|emailed|messaged|waited|been_(?:waiting|"
        r"trying|told))|tried_(?:everything|all|many|to|it|turning|resetting|several|again|multiple)|"
        r"been_trying|(?:multiple|several|many|\d{1,3})_times|over_and_over|again_and_again|every_?time|"
        r"for_(?:days|weeks|months|hours|\w{1,6}_(?:days|weeks|months|hours|minutes|mins|years))|"
        r"since_(?:yesterday|last|the_(?:last|latest|new|update)|this_morning|monday|updat\w{1,3}|"
        r"i_updat\w{1,3})|after_(?:the|this|your|updat\w{1,3}|i|installing)_?(?:update|upgrad\w{1,3}|"
        r"updated|latest|new)?|weeks?_ago|days_ago|hours_ago|months_ago|still",
    ),
    (
        "urgent",
        r"urgent\w{0,2}|asap|immediately|desperate\w{0,2}|help_me|please_help|pls_help|plz_help|"
        r"help_please|help_pls|need_(?:some_|your_)?help|right_away|sos|deadline|please_advise|any_help",
    ),
)

ANGER: Final[Phrases] = (
    (
        "swearing",
        r"\w{0,6}fuck\w{0,6}|f\*{1,3}\w{0,3}|fck\w{0,4}|fk\w{0,3}|shit\w{0,5}|bullshit|sh\*t|s\*\*t|"
        r"crap\w{0,3}|damn\w{0,2}|dammit|goddam\w{0,2}|ass(?:es|hole\w{0,1})?|wtf|wth|tf|ffs|stfu|omfg|"
        r"smh|bitch\w{0,3}|b\*tch|bastard\w{0,1}|piss\w{0,3}|hell|bloody|arse|dick\w{0,2}|idiot\w{0,3}|"
        r"moron\w{0,2}|stupid\w{0,3}|dumb\w{0,3}|retard\w{0,2}|clown\w{0,1}|suck\w{0,3}|sux|screw_you|bs|"
        r"freak(?:ing|in)|frick\w{0,3}|clusterf\w{0,4}|cunts?|wank\w{0,3}|turds?",
    ),
    (
        "anger",
        r"worst|terribl[ey]|horribl[ey]|horrendous|horrible|awful\w{0,2}|disgust\w{0,4}|ridiculous\w{0,2}|"
        r"pathetic\w{0,4}|useless|unacceptable|appalling\w{0,2}|atrocious|abysmal\w{0,2}|outrag\w{1,6}|"
        r"joke|jokes|circus|garbage|trash|rubbish|nonsense|shambl\w{1,3}|shame\w{0,4}|disgrac\w{1,5}|"
        r"disappoint\w{0,4}|annoy\w{0,4}|ang(?:ry|er)|furious|upset\w{0,4}|frustrat\w{0,4}|sick_of|"
        r"sick_and|tired_of|fed_up|hate[sd]?|hateful|rude\w{0,4}|nasty|nightmare|greed\w{0,2}|gouging|"
        r"gougers?|scam|rip_?off|incompeten\w{1,3}|liars?|lying|lied|insult\w{0,4}|embarrass\w{0,4}|"
        r"unfair|unprofessional|unhappy|unbelievabl[ey]|absurd|messed|a_mess|hot_mess|fiasco|disaster|"
        r"failure|lousy|crappy|ugly|hopeless|clueless|misleading|deceptive|lame|horrid|evil|ruin\w{0,3}|"
        r"wasting|never_again|filthy|shady|sketchy|cruel|ripped|false_advert\w{1,6}|bait|killing_me|toxic|"
        r"offen[sd]\w{1,4}|dare|dishonest|laughable|pitiful|mediocre|careless\w{0,4}|negligen\w{1,3}|"
        r"dreadful\w{0,2}",
    ),
    (
        "blame",
        r"why_(?:would|do|did|don'?t|can'?t|won'?t|didn'?t|doesn'?t|are|aren'?t|must|should)_(?:you|u|"
        r"y'?all|your|ya|they|everyone|nobody|people)|(?:how|why)_(?:is|are)_(?:there_(?:no|not)|it_(?:so|"
        r"that)|this_(?:ok|okay|legal|allowed|possible)|you_so|your|y'?all)|why_(?:in_the|the_hell|"
        r"the_heck)|how_(?:in_the|come|hard|could_you|can_you_(?:not|just|do|even|say|be))|shame_on|"
        r"how_dare|lost_(?:a|another|my)_(?:customer|business|loyalty)|losing_(?:a|me|customers?|faith|"
        r"my_business)|(?:not|never|isn'?t|wasn'?t|nor|ain'?t)_(?:\w{1,8}_)?(?:happy|impressed|acceptable|"
        r"cool|fair|funny|amused|pleased|satisf\w{1,4}|helpful|professional|thrilled|again|buying|"
        r"coming_back|going_back)|get_(?:it|your_\w{1,8})_together|do_(?:better|something|your_job)|"
        r"step_(?:it_)?up|wake_up|cmon|so_much_for|thanks_for_(?:nothing|the_(?:\w{1,9}_)?(?:delay\w{0,1}|"
        r"wait|mess)|ruin\w{0,3}|wast\w{1,3}|not|noth\w{1,4})|no_thanks_to|what_a_(?:joke|shame|mess|"
        r"waste|shock)|cares?_about_(?:your|customers?)|(?:don'?t|doesn'?t)_care|(?:switch|"
        r"leav)\w{0,3}_(?:you|to_(?:your|another|a_different|a_competitor))|boycott\w{0,3}|"
        r"stop~(?:sending|spamming|sponsoring|selling|treat\w{0,3}|lying)|late_again|no_(?:one|"
        r"body)_(?:cares?|answers?|helps?|bother\w{0,2})|nobody_(?:cares?|answers?|helps?)|hours?_on_hold|"
        r"no_excuse|explain_yourself|care_to_explain|let_?down|thieves|thief|crooks?|monopoly|understaffed",
    ),
)
ANGRY_FACES: Final[Phrases] = (("angry face", r"[😡🤬😠👎🙄😤💩🖕😒😑😞😩😫😭😢🤦🤮🤢💔😖😣😾🤨😪☹🙁]"),)
HASHTAGS: Final[Phrases] = (
    (
        "hashtag",
        r"#\w{0,24}(?:fail|sucks?|worst|never|boycott|shame|horrible|terrible|disappointed|ripoff|hate|"
        r"scam)\w{0,20}|[!?]{5}",
    ),
)

# A matter of this customer's own order, booking or account: no article knows it.
IRRITATION: Final[Phrases] = (
    (
        "reproach",
        r"(?:you|y'?all|u|they|guys)~(?:ought|need_to|gotta|never|always|don'?t|can'?t|won'?t|didn'?t|"
        r"refuse\w{0,1}|claim\w{0,1}|keep|only)|(?:need|have)_to_(?:stop|fix|do_\w{1,10}|get_\w{1,10}|"
        r"learn|train|hire)|bring_back|(?:what|whatever)_happened|instead_of|supposed_to|too_(?:loud|"
        r"expensive|many|much|late|slow|long)|forc\w{1,3}_(?:me|us|people|customers)|delay\w{0,3}|"
        r"cancel+ed|wait(?:ed|ing)_(?:for|\d|over|an|two|three|hours?)|(?:an?|two|three|\d{1,3})_hours?|"
        r"rather_than|explain_why|what_is_wrong|what'?s_wrong|yet_(?:you|another|again)|once_again|"
        r"not_even|overbook\w{0,3}|come_on|seriously|at_least_(?:you|they)|(?:not|never|isn'?t|wasn'?t|"
        r"ain'?t)_(?:\w{1,8}_)?(?:good|ok|okay|great|nice|right|enough|worth|loving|a_fan|use|using)|"
        r"get_rid_of|got_rid|remov\w{1,3}|took_away|uninstall\w{0,3}|unsubscribe\w{0,1}|cancel+ing|"
        r"expect\w{0,4}|wish_i|oh_wait|but_(?:you|your|it|the|now|this|not|why|no)|however|unfortunately|"
        r"except|until|plastic|hair|cold|raw|sick|where_(?:you|u|ya)_at",
    ),
    (
        "weak words",
        r"bad|worse|mad|sad|sadly|poor|poorly|crazy|insane|cheat\w{0,4}|wrong|boring|expensive|overpriced|"
        r"fail|dirty|gross|ignor(?:ed?|ing)|lies|excuses?|waste[ds]?|regret|lazy|petty|mess|profit\w{0,6}|"
        r"greed\w{0,2}|price_goug\w{1,4}|illegal",
    ),
    (
        "sarcasm",
        r"yay|yeah_right|oh_(?:great|good|lovely|wow|joy|nice|look)|(?:great|good|nice|well|excellent|"
        r"fantastic|brilliant|lovely|wonderful|awesome|amazing|stellar|superb|solid)_(?:job|going|work|"
        r"one|move|start|timing|way)_(?:on_)?(?:\w{1,14}_)?(?:not|with_the|losing|ruining|breaking|"
        r"keeping|making_me|again|team_for|forgetting|messing)|how_convenient|love_how|love_(?:it_when|"
        r"that_you|when|the_fact|being|waiting|paying|sitting|having|getting)|lol|lmao|lmfao|🙃|"
        r"congrat\w{0,11}_(?:on|for)|always_fun|such_fun|just_great|much_appreciated_not|slow_clap|bravo|"
        r"genius|apparently|surprise|must_be_nice|of_course|as_usual|as_always|classic|typical\w{0,2}|"
        r"so_glad|glad_(?:you|to_see)_(?:are|you)|interesting_how|funny_how|curious_how|haha\w{0,8}|ha|"
        r"sure_thing",
    ),
)
SHOUTING: Final[Phrases] = (("shouting marks", r"!\?|\?!|\?{3}|!{3}|#not\w{1,24}|#get\w{1,20}"),)

OWN_MATTER: Final[Phrases] = (
    (
        "own matter",
        r"(?:my|our|his|her|their|this|the|an?)_(?:\w{1,12}_)?(?:order|orders|parcel|package|packages|"
        r"delivery|booking|reservation|flight|flights|ticket|tickets|claim|case|application|appeal|"
        r"appointment|luggage|bag|bags|baggage|driver|ride|trip|refund|return|replacement|shipment|repair|"
        r"warranty|complaint|channel|claim|verification|contract|preorder|pre_order|suspension|"
        r"ban)(?!_(?:history|page|rule|tool|app|list|types?|options?|settings?))",
    ),
    (
        "asks to act",
        r"(?:can|could|would|will|please|pls|plz|kindly)_(?:you|u|someone|somebody|anyone|guys|"
        r"y'?all)?_?(?:please_|pls_|guys_|just_|kindly_)?(?:check|cancel|change|send|unlock|enable|"
        r"approve|confirm|verify|review|remove|delete|update|reset|give|make|do|resend|reactivate|"
        r"activate|transfer|move|release|correct|look|respond|reply|answer|call|contact|dm|get|take|put|"
        r"block|unban|whitelist|process|ship|deliver|credit|honou?r|extend)(?!_(?:a_way|it_possible|sense|"
        r"me_(?:how|where|what|if|know)))",
    ),
    ("own data", r"\b[a-z]{2}\d{3,8}\b|#\d{4,12}|\b\d{7,16}\b|\[(?:email|number|phone)\]"),
    (
        "locked out",
        r"locked(?:_(?:me|us))?_?(?:out|account)?|lock(?:s|ing)_me|forgot\w{0,3}_(?:my|the|our)|"
        r"lost_(?:my|access|the)|recover\w{0,3}|banned|ban|suspend\w{0,3}|suspension|disabled|blocked|"
        r"terminated|strike|strikes|deactivat\w{1,3}|unban|hostage|passw?ord~(?:not|wrong|forgot\w{0,3}|"
        r"lost|incorrect|reset|don'?t)|2_?fa|two_factor|2_?step|verification_code|"
        r"authenticator(?=_(?:lost|broke|gone))|access_to_(?:my|our|the)_(?:account|email|e_mail|old|"
        r"phone)",
    ),
    (
        "delivery",
        r"deliver(?:ed|y|ies|ing)?_(?:was|is|has|date|today|yesterday|late|still|driver|guy|man)|(?:not|"
        r"never|\w{1,5}n't)_(?:been_)?(?:deliver\w{1,3}|arriv\w{1,3}|shipp?\w{0,3}|turn\w{0,2}_up|"
        r"show\w{0,2}_up)|where_(?:is|are|'?s)_(?:my|our|the)|tracking_(?:number|info\w{0,7}|says|shows|"
        r"has)|out_for_delivery|shipped_(?:my|it)|in_transit|left_my|lost_and_found|left_(?:it|them|"
        r"an?_\w{1,10})_(?:on|in|at)|whereabouts",
    ),
)
