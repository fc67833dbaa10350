r"""The words behind the wires, as data: `wires.py` says how they are read.

Each entry is (evidence, pattern). Patterns see lower-case text with straight apostrophes, and £ for €. `_` stands for
the space or signs between two words, `~` for up to four words between two words, `~~` for up to nine; none crosses the
end of a sentence. To stay linear, patterns begin and end at a word's edge (`wires` adds that) and repeat nothing
without bound.
"""

from __future__ import annotations

from typing import Final

Phrases = tuple[tuple[str, str], ...]

_PAY: Final = (
    r"(?:paid|payed|prepaid|topped_up|deposited|transferred|subscribed|renewed|donated|top_up|"
    r"recharged)"
)
_BUY: Final = r"(?:bought|purchased|ordered|preordered|upgraded|redeemed|booked|won|earned|buyed)"
_NEG: Final = (
    r"(?:never|not|nothing|no|none|isn'?t|aren'?t|wasn'?t|don'?t|didn'?t|doesn'?t|hasn'?t|haven'?t|"
    r"hadn'?t|won'?t|can'?t"
    r"|cannot|still|yet|missing|without|nowhere|only_(?:got|received)|dont|didnt|havent|hasnt)"
)
_CANT: Final = (
    r"(?:can'?t|can_not|cannot|cant|couldn'?t|could_not|unable_to|not_able_to|impossible_to|"
    r"(?:won'?t|doesn'?t|not|wouldn'?t)_(?:let|allow)(?:ting|ing)?_(?:me|us|anyone|anybody|him|her|"
    r"them)(?:_to)?|"
    r"nobody_can|no_one_can|none_of_(?:us|them|my_\w{1,20}|our_\w{1,20})_can)"
)
_THING: Final = (
    r"(?:site|website|web_site|server|servers|system|systems|service|services|app|application|apps|"
    r"internet|network|wifi"
    r"|wi_fi|broadband|cable|fibre|fiber|page|portal|api|platform|dashboard|e_?mail|mail|mailbox|"
    r"connection|phone|phones"
    r"|line|landline|power|electricity|signal|shop|store|checkout|database|backend|login|tv|modem|"
    r"router|host|hosting"
    r"|everything|things|software|program|launcher|game|console|account|vpn|cloud|printer|computer|"
    r"laptop|device|devices"
    r"|machine|camera|screen|terminal|terminals|kiosk|channel|channels|stream|network)"
)
_DEAD: Final = (
    r"(?:down|dead|out|offline|unreachable|unavailable|inaccessible|broken|bricked|gone|"
    r"not_(?:working|loading|opening"
    r"|responding|available|connecting|reachable)|unresponsive|unusable|kaput|toast|dark|"
    r"out_of_(?:action|order|service)"
    r"|stopped_working|non_?functioning|frozen_solid)"
)

MONEY: Final[Phrases] = (
    ("refund", r"refund\w{0,6}|re_fund\w{0,4}|reimburs\w{0,8}|money_back|cash_back_to|get_back_my"),
    (
        "compensation",
        r"compensat\w{0,6}|credit_(?:me|us|back)|(?:pay|paid|give|gave|return)_(?:me|us|it|"
        r"my_\w{1,16})_back",
    ),
    (
        "paid back",
        r"(?:paid|sent|transferred|credited|pay|pays)_back|money~(?:going|goes|leav(?:es|ing)|taken|drained)",
    ),
    ("overcharged", r"over_?charg\w{0,4}|over_?bill\w{0,4}|over_?pa(?:id|yed|y)|double_?(?:charg|bill)\w{0,4}"),
    (
        "charged",
        r"(?:was|were|been|being|got|get|gets|getting|keeps?|kept|still|just|be|am|i'?m|you|u|they|it|"
        r"bank|app"
        r"|ve|already|has|have|had|wrongly|randomly|dr?iver)~(?:charged|charging|billed|billing_(?:me|us)|"
        r"debited)",
    ),
    (
        "charged",
        r"(?:charg(?:ed?|es|ing)|bill(?:ed|s|ing)?|debit(?:ed|s|ing)?)_(?:me|us|my|our|twice|again|double|"
        r"two|three|too"
        r"|extra|wrong|\w{1,12}_times|for_(?:a|an|the|my|our|something|no|equipment|not))",
    ),
    ("charged", r"charged(?=_[$£\d])|[$£]\d{1,7}_charge|charged_\w{1,20}_(?:twice|again|double|extra)"),
    (
        "charge",
        r"(?:unexpected|unknown|wrong|unauthori[sz]ed|extra|strange|mystery|hidden|duplicate|double|"
        r"fraud\w{0,8}|weird"
        r"|unrecogni[sz]ed|false|random|surprise|late|cancel\w{0,8}|suspicious|incorrect|second|two|three|"
        r"multiple|this|these"
        r"|higher?)_(?:charges?|payments?|fees?|transactions?|debits?|bills?|purchases?|amounts?|"
        r"withdrawals?)(?!_(?:methods?|options?|types?|address|terms|cards?|details|plans?|dates?|limits?))",
    ),
    ("charge", r"why~(?:charg\w{1,4}|bill(?:ed|ing)?|fees?|pay(?:ing)?|price_(?:higher|different)|cost_(?:me|so))"),
    (
        "wrong bill",
        r"(?:invoices?|bills?|charges?|amount|balance|statement|receipt|price|payment)~(?:wrong|incorrect|"
        r"mistake"
        r"|too_(?:high|much)|doubled|double|tripled|higher_than|went_up|not_(?:right|correct|"
        r"match\w{0,3})|error|isn'?t_right)",
    ),
    ("wrong bill", r"(?:wrong|incorrect|mistake~|error_(?:on|in))_(?:invoices?|bills?|amount|price|balance|statement)"),
    (
        "taken",
        r"(?:took|take|takes|taking|taken|stole|steal|stealing|withdrew|withdrawn|removed|lost|keep|kept|"
        r"owes?|owed)~"
        r"(?:money|payment|cash|funds|[$£]|dollars?|bucks|euros?|pounds?|rupees|rs|balance|"
        r"from_my_(?:account|card|bank))",
    ),
    (
        "taken",
        r"deduct(?:ed|ing|ion|s)?|debited|rip+ed_(?:me|us)?_?off|rip_?off|took_out|(?:[$£]\d{1,7}|"
        r"\d{1,7}[$£])"
        r"~(?:taken|gone|missing|out_of|twice|stolen)",
    ),
    (
        "my money",
        r"(?:my|our|the|her|his|their|me)_(?:money|cash|funds|winnings|deposit|cashback|salary|wages|"
        r"payout|prize_money)",
    ),
    (
        "my money",
        r"(?:money|payments?|cash|funds|balance|winnings|withdrawals?|deposit|credits?|coins|points|"
        r"cashback|bonus"
        r"|vouchers?|gift_?card|salary|top_?up)~(?:missing|gone|lost|disappeared|stuck|pending|vanished|"
        r"never|not|nowhere"
        r"|hasn'?t|haven'?t|didn'?t|isn'?t|wasn'?t|deducted|stolen|failed|declined|rejected|zero)",
    ),
    (
        "my money",
        r"(?:where|what_happened)~(?:my|our)_(?:money|balance|cash|funds|winnings|deposit|cashback|"
        r"payment|bonus|credit)",
    ),
    ("collected", r"(?:was|were|been)_(?:\w{1,9}_)?collected"),
    ("not credited", r"(?:not|never|\w{1,5}n't|yet)_(?:been_)?(?:credited|reimbursed|repaid|paid_out)"),
    ("owed", r"owes?_(?:me|us)|owed|(?:to|debt)_collect(?:ions?|ors?)|stop~charging|stop~taking|stop_billing"),
    ("robbery", r"robbery"),
    ("paid but", rf"(?:{_PAY}|{_BUY}|payment|purchase)~~{_NEG}"),
    (
        "paid but",
        rf"(?:{_PAY}|payment|purchase)~~(?:but|and_it|and_i|yet|then|wrong|mistake|accident\w{{0,5}}|"
        rf"instead|ended_up)",
    ),
    (
        "paid but",
        r"(?:accident\w{0,4}|mistakenly|by_mistake|unknowingly)~(?:paid|bought|purchased|ordered|"
        r"subscribed|renewed|sent)",
    ),
    (
        "wrong amount",
        r"(?:added|sent|transferred|deposited|donated|recharged|topped_up|loaded|invested|entered|wired)_"
        r"(?:[a-z]{1,8}_){0,2}[$£]?\d{2,7}~~(?:mistake\w{0,3}|accident\w{0,5}|error)",
    ),
    (
        "had to pay",
        r"(?:had|have|made_me|made_us|forced|supposed)_(?:to_)?pay|pay(?:ing)?_(?:twice|double|again|"
        r"extra|more_than)",
    ),
    (
        "unwanted",
        r"(?:didn'?t|did_not|never|don'?t|not)_(?:agree|authori[sz]e|subscribe|sign_up|order|buy|purchase|"
        r"recogni[sz]e|want~(?:pay|charge\w{0,1}|subscription|renew\w{0,3}))",
    ),
    (
        "cancelled but",
        r"(?:cancel+ed|cancel+ing|returned)~~(?:still|charged|charging|again|money|paying|bill\w{0,4}|fee|"
        r"payment)",
    ),
    (
        "price differs",
        r"(?:quoted|estimate\w{0,2}|said|supposed_to_be|was|advertised)~[$£\d]\d{0,6}~~(?:charged|cost|"
        r"costs|paid|now|bill\w{0,3})",
    ),
    (
        "renewed",
        r"(?:auto_?)?renew(?:ed|al)~(?:without|automatic\w{0,4}|mistake|never|not|cancel\w{0,5}|didn'?t)|"
        r"overdrawn|overdraft",
    ),
    (
        "disputed",
        r"(?:disput\w{1,4}|revers(?:e|ed|al)|void|waive\w{0,1}|remove)~(?:charges?|payments?|"
        r"transactions?|fees?|bill)",
    ),
    ("price match", r"price_(?:adjust\w{1,5}|drop\w{0,4})|(?:lost|wasted)_my_(?:deposit|points|miles)"),
)

DOWN: Final[Phrases] = (
    (
        "down",
        rf"(?:{_THING}|is|are|was|it'?s|he?re|went|gone|goes|going|been|still|completely|totally|you|u|ya|"
        rf"guys|all|back"
        r"|again|keeps?_going|came|i'?m|we'?re|you'?re)(?:_again|_now|_all|_guys|_currently|_still|"
        r"_completely|_just)?_down"
        r"(?!_(?:to|the_(?:page|list|road|street|line|volume)|payment|a|below|there|here|memory|menu|"
        r"arrow|load))",
    ),
    (
        "down",
        r"^\W{0,8}down|down_(?:again|for_(?:anyone|everyone|me|us|all|maintenance|\w{1,8}_hours)|"
        r"right_now|rn|today|detector)|downtime",
    ),
    (
        "outage",
        r"outages?(?!_(?:alerts?|notifications?|notices?))|black_?outs?|stand_?still|power_cut|"
        r"offline(?!_(?:mode|maps?|play\w{0,4}|use|"
        r"access|view\w{0,4}"
        r"|listen\w{0,4}|download\w{0,3}|games?|files?|reading|copy|music|songs?|shows?|videos?))",
    ),
    (
        "nothing works",
        r"(?:nothing|none|no_(?:page|site|website|web_?page|video|device|app|call|mail)s?)~(?:works?|working|loads?|loading|opens?|"
        r"responds?|happens|connects?|plays?)",
    ),
    (
        "nothing works",
        r"everything~(?:broken|dead|down|stopped|fails?|failed|failing|lost|gone|error|crash\w{0,4}|"
        r"frozen|deleted|offline)",
    ),
    (
        "does not work at all",
        r"(?:not|\w{1,5}n't|stopped|dont|doesnt|isnt|wont|quit|never|barely|no_longer)_(?:even_)?(?:work|"
        r"working|works|load|open|start"
        r"|function|functioning|connect|connecting|run|turn_on|turning_on|power_on|boot|"
        r"respond\w{0,3})(?:_(?:at_all|any_?more|all_day|today|now|again|anywhere|ever|for))?",
    ),
    (
        "error 500",
        r"(?:answers?|answering|returns?|gives?|throws?|only|just)_(?:an?_)?(?:http_)?(?:50[0234]|52\d)|"
        r"(?:error|http|status|code|a|get|getting|with|the|and|or)_?(?:50[0234]|52\d)(?:s|_errors?)?|"
        r"(?:50[0234])_(?:errors?|bad|service|internal|gateway|on)|bad_gateway"
        r"|gateway_time_?out|internal_server_error|services?(?:_\w{1,14}){0,2}_(?:unavailable|"
        r"not_available|down)|temporarily_unavailable",
    ),
    (
        "cannot reach",
        rf"{_CANT}~(?:connect|reach|access|log_?_?in\w{{0,3}}|log_?_?on|logon|login|sign_?_?(?:in|on)|"
        rf"signin|get_(?:in|into|on|onto|online|through|any|to|back)"
        r"|open|load|play|use|join|start|work|call|text|send|stream|watch|do_anything|trade|board|receive|"
        r"see_anything|go_online|browse|enter)",
    ),
    (
        "cannot reach",
        r"keeps?~(?:disconnect\w{0,3}|timing_out|kicking|unable)|time[sd]?_out|timing_out|"
        r"no_response_from|connection_(?:lost|refused|failed|timed?)",
    ),
    (
        "no service",
        r"(?:no|without|zero|lost|losing|lose|any|have_no|basically_no)_(?:\w{1,10}_)?(?:internet|service|"
        r"signal|connection|connectivity|power"
        r"|electricity|network|data|dial_?tone|hot_water|heating|reception|wifi|wi_fi|phone_service|cable|"
        r"broadband|bars|coverage)",
    ),
    (
        "service gone",
        rf"{_THING}(?:_\w{{1,14}}){{0,3}}_{_DEAD}(?!_of_(?:date|stock|warranty|the_box))|(?:is|are|"
        rf"was)_(?:your|the|my|our)_{_THING}_(?:down|out|dead|broken)",
    ),
    (
        "restore",
        r"(?:get|turn|switch|bring|restore|when)~(?:service|internet|power|connection|network|it|"
        r"servers?)_(?:back|restored|on|up|running|going)"
        r"|back_(?:up_and|online)|(?:eta)_(?:on|for|would)|service_issues?|system_(?:issues?|error|"
        r"failure)|server_(?:issues?|errors?|problems?)",
    ),
    (
        "total loss",
        r"(?:completely|totally|entirely|all|just|absolutely|stone|is|it'?s|now|screen_is|went|"
        r"screen)_(?:dead|bricked|unusable|blank|wiped|inoperable)"
        r"|bricked|black_screen|screen_(?:is_)?black|blue_screen|(?:won'?t|wont|doesn'?t|not|doesnt|"
        r"didn'?t|never|refuses_to)_(?:even_)?(?:turn(?:ing)?_on|power|boot|start|switch_on|open|load|"
        r"launch)",
    ),
    (
        "total loss",
        r"where_(?:did|has|have)_(?:my|our|all)~(?:go|gone|went)|"
        r"(?:all|every|entire|whole|everything)~~(?:gone|deleted|vanished|disappeared|lost|wiped|erased|"
        r"missing|empty|offline)"
        r"|(?:lost|deleted|wiped|erased|losing|vanished)_(?:all|every|everything|my_entire|the_whole|"
        r"the_entire)",
    ),
    (
        "stands still",
        rf"(?:{_CANT}_(?:work|trade|operate))|(?:we|i)_lose_\w{{3,20}}|losing~(?:money|orders|customers|sales|business)|"
        rf"emergency(?!_(?:codes?|contacts?))|"
        rf"(?:business|production|company|team|office)~(?:standing|stopped|stuck|blocked|halt)",
    ),
    (
        "for anybody",
        r"(?:not|never|nothing|\w{2,5}n'?t|cannot)~~for_(?:anyone|anybody|everyone|everybody|(?:any|all|most)_of_"
        r"(?:us|our|my|them))|(?:anyone|anybody|everyone|everybody|any_of_us|all_of_us)_(?:here|at_all)?_?"
        r"(?:is|are)_(?:affected|locked_out|cut_off)",
    ),
    (
        "spins",
        r"(?:just|only|keeps?|always)_(?:on_)?(?:spins|spinning|turning|loading)",
    ),
    (
        "ruined",
        r"(?:destroy(?:s|ed|ing)?|ruin(?:s|ed|ing)?|wreck(?:s|ed|ing)?|killed)_(?:my|our|the)_\w{1,20}",
    ),
    ("maintenance", r"maintenance_mode|under_maintenance|server_(?:unavailable|maintenance|full)"),
)

PERSON: Final[Phrases] = (
    (
        "a human",
        r"(?:real|actual|live|human|breathing|living)_(?:person|human|being|agents?|people|rep\w{0,14}|"
        r"operator|support|chat|someone|advisor|assist\w{0,4})|humans?_(?:please|pls|being|agent|help|now)",
    ),
    (
        "talk to",
        r"(?:talk\w{0,3}|tal+k|speak\w{0,3}|spoke|spk|chat\w{0,4}|connect\w{0,3}|transfer\w{0,4}|"
        r"put_me|escalat\w{0,3}|get_in_touch|get_a?_?hold|get_through|reach|contact|call"
        r"|hand_me|forward_me|tell|deal|discuss|want|need|get_me|give_me|ask|find|direct|phone|write|message|"
        r"dm|email|hear|interact\w{0,3})~"
        r"(?:humans?|persons?|agents?|someone|somebody|some_one|representatives?|reps?|"
        r"manager|supervisor|operator|employees?|executives?|advis[oe]rs?|assistants?|staff|people"
        r"|colleagues?|team_member|customer_(?:care|service|support|executive)|support(?!@|_(?:for|"
        r"\w{1,20}_files?))|support_team|help_?desk|call_?cent(?:er|re)|specialist|technician|consultant|"
        r"department|headquarters|head_office|corporate)",
    ),
    (
        "alone",
        r"^\W{0,8}(?:an?_|the_|your_)?(?:agent|human|operator|representative|rep|person|supervisor|"
        r"manager|real_person|advisor|executive|support|help_?desk|help_?line|call|"
        r"customer_\w{4,8})(?:_please|_pls|_now|_plz|_asap)?\W{0,8}$",
    ),
    (
        "supervisor",
        r"supervisors?|(?:your|a|the|any|duty|shop|store)_manager|senior_(?:staff|person|agent)|"
        r"your_(?:boss|superior)|higher_up|someone_(?:senior|in_charge|else|who)",
    ),
    (
        "call me",
        r"(?:call|phone|ring|dm|d_m|pm|message|text|email|e_mail|contact|reach|@|ping|msg)_(?:me|"
        r"us)(?!_(?:when|if|about_offers|about_new))|call_?back|ring_back|get_back_to_(?:me|us)|reach_out|"
        r"(?:check|see|read|answer|respond_to|reply_to|sent)_(?:my|your|you|u|a)_?(?:a_)?(?:dms?|pms?|"
        r"messages?|inbox)|follow_(?:me|up)",
    ),
    (
        "number",
        r"(?:(?<!\bmy )(?<!\bour )(?<!\bnew )(?<!\bname and )(?:phone|telephone|mobile)|contact|helpline|hotline|"
        r"toll_?free|customer_(?:care|service|support)|support|your|ur|call)_(?:ph_|phone_|contact_)?(?:number|no\b|line|nr|nbr|email|e_mail)|"
        r"helpline|hotline|call_cent(?:er|re)",
    ),
    (
        "number",
        r"(?:number|email|address|line|way)~(?:to_(?:call|reach|contact|talk|speak|ring|write|connect))|"
        r"how~(?:contact|reach|call|get_in_touch|get_ahold|get_hold|connect_with(?=_(?:you|u|your|"
        r"an?|the|some\w{3,4}|support|customer))|talk_to|speak)(?!_?(?:s_|"
        r"list))",
    ),
    (
        "staff",
        r"customer_(?:care|service|support)(?:_(?:executive|agent|rep\w{0,14}|team|person))?|(?:live|"
        r"web)_?(?:chat|agent|support|rep)|chat_service|(?:anyone|anybody|someone|somebody|"
        r"person)_(?:there|here|available|help|who_can|from_(?!\w{1,9}ing\b)\w{1,12}|works?)|on_hold",
    ),
    ("one of you", r"(?:one|any|some|somebody|someone)_of_(?:you|your_\w{1,20})|who_(?:at_your_\w{1,20}|of_you)"),
    ("a death", r"passed_away|deceased|widow\w{0,3}|died|took_(?:his|her|their)_(?:own_)?life|funeral"),
    (
        "no machine",
        r"(?:stop|no|not|hate|useless|stupid|enough|damn|kill|turn_off|another)_(?:\w{1,9}_)?(?:bots?|"
        r"robots?|chat_?bots?|machines?|automated|auto_?repl\w{1,3}|ai)|(?:bot|chatbot|robot)~(?:useless|"
        r"doesn'?t|not|stop|stupid|never|keeps?)",
    ),
    (
        "ticket",
        r"(?:open|raise|file|log|create|escalate|submit)_(?:a_|my_|this_)?(?:support_)?(?:ticket|case|"
        r"complaint|claim)|speak_to|talk_to_(?:you|u|him|her|them)|so_we_can_(?:talk|chat|discuss)",
    ),
)

SECURITY: Final[Phrases] = (
    (
        "hacked",
        r"hack(?:ed|er|ers|ing|s)?|hijack\w{0,3}|account_(?:was_|has_been_|is_|got_)?(?:stolen|"
        r"compromised|taken_over)|compromised|identity_theft|stole_my_(?:account|identity|"
        r"\w{1,10}_account)",
    ),
    (
        "phishing",
        r"phish\w{0,4}|scamm(?:ed|er|ers|ing)|(?:a|the|is|this|these|real|or)_scams?|scam_(?:mail|email|"
        r"text|call|message|alert|site|page)|spoof\w{0,3}|impersonat\w{1,4}|pretend\w{0,3}_to_be|"
        r"fake_(?:site|mail|email|page|shop|account|profile|website|app|call)",
    ),
    (
        "fraud",
        r"fraud\w{0,6}|forged|counterfeit|stolen|(?:someone|somebody|thief|they)~(?:stole|stolen|used_my|"
        r"using_my|has_my|robbed)|robbed|theft|unauthori[sz]ed",
    ),
    (
        "intruder",
        r"(?:someone|somebody|stranger|hacker|unknown_person|another_person|"
        r"they)(?:_else)?~(?:in_my_\w{2,14}|into_my|logged|log_in|accessed|accessing|has_access|changed_my|"
        r"got_into|broke_into)|wasn'?t_me|was_not_me|login_(?:attempt|from)|suspicious_(?:login|activity|"
        r"email|mail|text|link|message|activities)",
    ),
    (
        "other hands",
        r"strangers?(?:'s)?|(?:another|someone_else'?s?|somebody_else'?s?|a_different)_(?:company|customer|person|firm|"
        r"owner|client)\w{0,1}'?s?_(?:site|website|page|shop|mails?|e_?mails?|data|files|invoices?|account|mailbox\w{0,2})|"
        r"(?:not|never)~by_(?:me|us)|(?:somebody|someone)_(?:who|that)_(?:is_not|isn'?t)_(?:me|us|ours|one_of_us)|"
        r"(?:none_of_us|nobody_(?:here|of_us)|no_one_(?:here|of_us))_(?:\w{1,9}_)?(?:\w{3,12}ed|made|set|did|knows?|knew)|"
        r"(?:who_else|whoever|who|someone|somebody|employee|colleague|ex|partner|husband|wife|thief|they|he|she)~"
        r"(?:reading|reads|downloading|copying|watching|using|sending)~"
        r"(?:our|my)_(?:\w{1,12}_)?(?:mails?|e_?mails?|messages|data|database|files|customers?|name|account|password)|"
        r"asked?(?:s|ing)?~for_(?:my|our|the|a)_(?:\w{1,12}_)?password|"
        r"you_(?:gave|sold|assigned|handed|transferred)~(?:somebody|someone|another|other)|"
        r"(?:i|we)_(?:never|did_not|didn'?t)_(?:made|make|did|do|request\w{0,3}|set_up|creat\w{1,3}|add(?:ed)?|chang\w{1,3})|"
        r"(?:not|\w{2,5}n'?t)_belong_to_(?:me|us|any\w{0,4}|my|our)|wrong_(?:man|woman|person|owner|customer|company|people)|"
        r"(?:is|are)_(?:now_)?owned_by",
    ),
    (
        "leak",
        r"(?:leak(?:ed|ing|s)?|exposed|exposes|expos(?:e|ing))~(?:data|info\w{0,7}|details|passwords?|"
        r"photos?|e?mails?|address\w{0,2}|personal|private)|(?:data|security|privacy)_(?:breach\w{0,2}|"
        r"leak|hole|incident|issue|flaw|risk|concern)|vulnerabilit\w{1,3}|breach\w{0,2}|ransom\w{0,4}|"
        r"malware|trojan|my_privacy",
    ),
    (
        "lost card",
        r"(?:lost|stolen|missing|block|freeze)_(?:my|the|our)_(?:\w{1,8}_)?(?:card|wallet|phone|debit|"
        r"credit|passport|sim)",
    ),
    (
        "threat",
        r"threat\w{0,6}|blackmail\w{0,3}|extort\w{0,5}|stalk(?:ed|er|ing|s)?|harass\w{0,5}|bully\w{0,3}|"
        r"bullied|assault\w{0,3}|rape[dr]?|abus(?:ed|ive|er)|molest\w{0,4}|groom(?:ed|ing)|"
        r"followed_me_home|bomb_threat|doxx?\w{0,3}|racis[mt]\w{0,2}|discriminat\w{1,4}|sexual\w{0,2}|"
        r"nudes?|explicit_(?:pictures?|photos?|images?)",
    ),
    (
        "self-harm",
        r"suicid\w{0,3}|kill(?:ing)?_(?:myself|himself|herself|themselves|me)|(?:want|wish|going|rather|"
        r"ready)_to_die|don'?t_want_to_(?:live|be_here|be_alive|wake_up"
        r"(?!_(?:my|our|his|her|their|your|everyone|everybody|anyone|people|others|them)\b))|end_(?:my|it)_(?:life|all)|"
        r"self_?harm\w{0,3}|hurt(?:ing)?_(?:myself|himself|herself|themselves)|cut(?:ting)?_myself|"
        r"no_reason_to_live|can(?:not|'?t)_go_on|better_off_dead|overdos\w{1,3}",
    ),
    (
        "danger",
        r"injur\w{1,4}|(?:i'?m|am|i_feel|feel|felt|feeling|so|we_are|was)_(?:afraid|scared|unsafe|"
        r"frightened)|food_poison\w{1,3}|hospital\w{0,4}|bleed\w{0,3}|electrocut\w{1,4}|caught_fire|"
        r"on_fire|burst_into|smoke_coming|gas_leak|smell\w{0,3}_(?:of_)?gas|explod\w{1,3}|"
        r"allerg\w{1,4}|drunk|(?:had|was_in|caused)_(?:an?_)?(?:car_)?(?:accident|crash)|"
        r"my_driver_(?:crashed|hit|attacked)|unsafe|life_(?:threat\w{1,6}|and_death)|dying|child_(?:porn|"
        r"abuse)",
    ),
)

LEGAL: Final[Phrases] = (
    (
        "lawyer",
        r"lawyers?|attorneys?|solicitors?|barristers?|legal(?:ly)?_(?:action|advice|team|department|"
        r"counsel|proceedings|notice|steps|matter|obliged|required|rights?)|(?:my|consumer|your)_rights",
    ),
    (
        "lawsuit",
        r"(?:to|will|i'?ll|gonna|going_to|and|can_i|i_can|we|we'?ll|could)_sue|su(?:e|ing)_(?:you|u|them|"
        r"your|him|apple|the)|suing|lawsuits?|law_suits?|class_action|small_claims|(?:in|to|"
        r"before)_(?:a_)?court|take_you_to_court|litigat\w{1,4}|subpoena\w{0,2}|illegal\w{0,2}|"
        r"against_the_law|breach_of_(?:contract|trust)",
    ),
    ("chargeback", r"charge_?backs?|disput(?:e|ed|ing)_(?:this|the|it|with_my)"),
    (
        "data protection",
        r"gdpr|ccpa|lgpd|dsgvo|data_protection|right_to_(?:be_forgotten|erasure|access)|erasure|"
        r"subject_access|(?:delete|erase|remove|wipe)_(?:all_)?(?:of_)?(?:my|our)_(?:personal_)?(?:data|"
        r"information|details|records)|personal_data",
    ),
    (
        "authority",
        r"ombudsman|regulators?|trading_standards|better_business_bureau|bbb|consumer_(?:protection|court|"
        r"forum)|(?:call\w{0,3}|the|to|inform\w{0,3}|report\w{0,3}|contact\w{0,3})_police|police_report|"
        r"ftc|fcc|ofcom|fca|cfpb|attorney_general|watchdog|the_(?:press|news|media)_(?:about|will)",
    ),
)
