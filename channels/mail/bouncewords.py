"""The words by which mail servers of thirty years and some twenty-five languages say that a mail did not arrive."""

from __future__ import annotations

import re
from typing import Final

DAEMON: Final = re.compile(
    r"(?:mailer[-_.]?daemon|mail-?daemon|mdaemon|mmdf|smtp-?daemon|bounces?[-_.]?daemon|microsoftexchange[0-9a-f]{8,})(?:[-+_.][^@]*)?(?:@|\Z)",
    re.IGNORECASE,
)
"""An address at which nobody but a mail server writes."""
DAEMON_NAME: Final = re.compile(
    r"mail delivery\Z|mail(?:er)?[ -]?(?:daemon|deliver(?:y|er)? (?:sub-?)?(?:system|service|agent|program|software))|delivery sub-?system|internet mail (?:delivery|service|agent)|"
    r"e-?mail delivery (?:system|service)|electronic postmaster|mail router\b|message (?:delivery|transfer) (?:sub-?system|agent|system)",
    re.IGNORECASE,
)
OFFICE: Final = re.compile(
    r"(?:post[-_]?master|uucp|mail[-_.]?(?:delivery|system|failure|error|router|gateway|admin(?:istrator)?)|delivery[-_.]?(?:status|failure|report|error|agent)|"
    r"bounces?(?:[-_.]?notification)?|non-?delivery|undeliver\w*|ndr|dsn|mailer|smtp|mta)(?:[-+_.][^@]*)?(?:@|\Z)",
    re.IGNORECASE,
)
"""An address at which servers write, and now and then a person."""
OFFICE_NAME: Final = re.compile(
    r"post ?master|(?:system|mail|e-?mail|server)[ -]?administrat(?:or|ion)|administrateur (?:du )?syst|administrador del? sistema|administrador do sistema|amministratore (?:di |del )?sistema|"
    r"systeembeheerder|systemansvarig|systemadministrat|administrator systemu|järjestelmänvalvoja|rendszergazda|sistem yöneticisi|správce systému|"
    r"системный администратор|διαχειριστής συστήματος|システム管理者|系统管理员|系統管理員|시스템 관리자|(?:mail|messaging|smtp|list)[ -]?(?:system|server|gateway|service|filter)|"
    r"content[- ]filter|spam (?:firewall|filter)|delivery (?:failure|status|notification|report|system)|mail scanner|mailscanner|\bMTA\b|microsoft (?:outlook|exchange)\Z",
    re.IGNORECASE,
)
ROLE: Final = re.compile(
    r"/|(?:no-?reply|do-?not-?reply|admin(?:istrator)?|root|router|system\w*|sistema|correo|correio|poczta|posta|sysadmin|daemon|info|support|service|help|abuse|staff|notif\w*|alerts?|filter|gateway|exchange|server|mailing-?list|list\w*|.{1,60}-(?:admin|request|owner|bounces?))"
    r"(?:[-+_.0-9][^@]*)?@|.{0,60}(?:mail|smtp|daemon|filter|gateway|postmaster|virus|spam|shield|guard|scan)[^@]{0,30}@",
    re.IGNORECASE,
)
"""An address that is no person's: alone it says nothing."""
ROLE_NAME: Final = re.compile(
    r"\b(?:notif\w+|systeme?|sistema|filter|gateway|security|scanner|server|serv(?:ice|icio|izio)|agent|daemon|e?mail\w*|router|robot|automat\w*)\b|システム|系统|系統|시스템|система|почта|通知",
    re.IGNORECASE,
)
"""Nor is such a name."""

_BEFORE_SUBJECT: Final = r"\s*(?:(?:\W{0,3}[\w .-]{1,30}(?:[\]}*:)】]{1,3}|\s-\s)\s*|\*{1,6}\s*(?:spam|bulk|external|extern|junk)[^*]{0,20}\*{1,6}\s*){1,2})?\W{0,3}"
SUBJECT: Final = re.compile(
    rf"(?:{_BEFORE_SUBJECT})(?:"
    r"undeliver(?:ed|able)(?: (?:(?:e-?)?mail|message)|: |\Z)|undelivered mail returned|undeliverable\b.{0,3}\Z|returned? (?:(?:e-?)?mail|message)\b|(?:(?:e-?)?mail|message) returned|"
    r"(?:(?:e-?)?mail|message)s? (?:you sent|delivery (?:fail|status|error|problem|notif|has)|system error|undeliverable|status\b|(?:was |is )?not delivered|(?:could|can)(?: ?not|n't) be (?:delivered|sent)|delayed|rejected|bounced|refused|blocked|returned|transaction failed|error\b|failure\b)|"
    r"(?:mail|message) failed|delivery[ _](?:status notif|notification: |report\b|failure\b|error report|unsuccessful|to the following|has failed)|non-?deliver(?:y|able|ed) (?:report|notif|status|mail|message|notice|:)|failure (?:notice|delivery)|failed (?:mail|delivery)\b|"
    r"notice: mail delivery|warning: (?:could not|message \S|e-?mail|mail)|delayed mail|waiting mail|could not (?:send|deliver) (?:(?:e-?)?mail|message)|unable to deliver (?:your |the )?(?:(?:e-?)?mail|message)|"
    r"(?:there was an )?error (?:in |while |when )?(?:sending|delivering|processing) (?:your |a |the )?(?:(?:e-?)?mail|message)|(?:reject|rejected|blocked|refused|bounced?) (?:e-?mail|message|posting)|permanent delivery failure|temporary delivery|"
    r"(?:sorry, )?(?:your )?(?:(?:e-?)?mail|message|posting) (?:(?:to|for) .{1,80} )?(?:failed|bounced|(?:could|has|was|is|can|did) ?(?:not|n't|been (?:reject|block|return|refus|delay|quarant)|reject|block|return|refus|undeliver|delay))|postmaster notify|"
    r"(?:dsn|ndn|ndr|nde)\b ?[:(]|auto(?:matic)? ?(?:reply)?:? ?undeliver|successful mail delivery report|return receipt\Z|mail status report|\[?bounce[d]?\]?(?: ?:|\Z)|complaint about message from|email feedback report|not member article from|"
    r"unzustellbar(?:e (?:e-?)?(?:mail|nachricht)|: |\Z)|(?:ihre )?(?:e-?mail|nachricht) .{0,80}(?:konnte |wurde |ist )?nicht (?:zu(?:ge)?stell|übermittel|ausgeliefert)|(?:nachricht|mail|e-mail) unzustellbar|zustell(?:ung|ungs)s?(?:fehler|problem|benachrichtigung|status)|"
    r"benachrichtigung (?:zum|über|zu) .{0,20}(?:übermittlung|zustell)|fehler bei der (?:nachrichten)?(?:zustellung|übermittlung)|mailzustellung|"
    r"(?:配信|传递|傳遞|投递|배달|배달)[状狀]?[态態상]?.{0,3}(?:通知|알림)|배달 상태|уведомление о .{0,12}доставк|melding over bezorg|(?:powiadomienie|raport) o .{0,8}dostarcz|meddelande om leverans|besked om leverings|ilmoitus toimituksen|kézbesítési állapot|teslim durumu|"
    r"non remis ?:|(?:échec|erreur) (?:de |d'|lors de )(?:la )?(?:remise|distribution|l'envoi|envoi)|(?:votre )?(?:message|courriel|courrier|e-?mail) .{0,40}(?:non (?:remis|distribu|délivr)|n['’]a (?:pas )?pu|pas été (?:remis|distribu|délivr)|impossible)|avis de non[- ](?:remise|distribution)|notification d['’]état|rapport de non|"
    r"no entregable|no se (?:pudo|ha podido|puede) entregar: |correo (?:devuelto|no entregado|rechazado)|mensaje (?:devuelto|no entregado|rechazado)|(?:su |el )?(?:correo|mensaje) .{0,40}no (?:se )?(?:pudo|ha|fue)|error (?:al enviar|de entrega|en la entrega)|notificación de (?:estado|entrega|error)|"
    r"non recapitabile|non è stato possibile recapitare|impossibile recapitare|impossible de remettre|no se puede entregar|mancat[oa] (?:recapito|consegna)|(?:messaggio|e-?mail|posta) .{0,30}(?:non (?:recapit|consegn|è)|respint)|notifica (?:di |sullo )(?:stato|mancat)|avviso di mancata|"
    r"não (?:entregue|é possível entregar|foi possível entregar)|(?:mensagem|e-?mail) .{0,30}(?:não (?:entreg|foi|pôde)|devolvid|rejeitad)|falha (?:na|de) entrega (?:d[aeo] )?(?:mensagem|e-?mail)|notificação (?:de|do) (?:status|estado|entrega)|impossível entregar|"
    r"niet te bezorgen|kan niet worden bezorgd|onbestelbaar|(?:bericht|e-?mail) .{0,30}(?:niet (?:bezorgd|afgeleverd)|kon niet)|niedostarcz(?:alne|one)|nie dostarczono|nie można dostarczyć|nedoručiteln|nedoručen|nepodařilo se doručit|"
    r"olevererbart|det gick inte att leverera|går inte att leverera|kunde inte levereras|kan ikke leveres|uleverbar|kunne ikke levere|ei (?:voi(?:tu|da) toimittaa|toimitettu)|doručení se nezdařilo|αδύνατη η παράδοση|kan ikke leveres|toimittaminen epäonnistui|kézbesíthetetlen|kézbesítési|sikertelen kézbesít|"
    r"teslim edile(?:medi|mez)|teslim edilemeyen|iletilemedi|не ?доставлен|недоставля|не уда[её]тся доставить|не удалось доставить|не вдалося доставити|не може бути доставлен|возврат (?:письма|почты)|сообщение (?:о недоставке|не доставлено)|"
    r"δεν είναι δυνατή|δεν παραδόθηκε|αποτυχία παράδοσης|nu (?:poate fi livrat|s-a putut)|nelivrabil|neisporuč|ni mogoče dostaviti|"
    r"(?:来自.{1,40}的)?退信|系[统統]退信|邮件.{0,12}(?:退回|失败|未送达|无法)|郵件.{0,12}(?:退回|失敗|未送達|無法)|无法(?:投递|传递|送达|发送)|無法(?:投遞|傳遞|送達|遞送)|未(?:送达|传递|傳遞|送達)|传递失败|傳遞失敗|投递失败|"
    r"配信(?:不能|でき|に失敗|エラー|失敗)|送信(?:エラー|でき|に失敗|失敗)|(?:送信)?(?:メール|メッセージ|電子メール)(?:を|が|の)?.{0,8}(?:配信|送信|不達|未着|未配|届き|届か|エラー)|不達|未着|宛先不明|"
    r"(?:\[?메일 ?)?(?:발송|전송|전달|배달|수신)(?:되지|할 수| ?실패|에 실패| ?불가)|반송|không thể gửi|không gửi được|tidak terkirim|gagal (?:kirim|terkirim)|ไม่สามารถส่ง|לא ניתן למסירה|תקלה במסירה|לא ניתן למסור|تعذر (?:تسليم|التسليم)|لم يتم التسليم"
    r")",
    re.IGNORECASE,
)
"""How bounces are called, and little else."""
PLAIN_SUBJECT: Final = re.compile(
    r"\W{0,3}(?:[\w-]{1,20}\]\s*)?(?:undeliver|delivery|returned to sender|mail delivery|warning|could not|unable to|error|user unknown|mailbox|over quota|quota|abuse|complaint|rejected|blocked|"
    r"failed|failure|zustell|nicht zu(?:ge)?stell|fehlgeschlagen|échec|retour|devuelto|no se pudo|fallo|falha|mancat|niet bezorgd|доставк|возврат|ошибка|エラー|失敗|失败|실패|spam|virus|violation|policy|notif|alert)",
    re.IGNORECASE,
)
"""How bounces, parcels and bills are called."""

_MAIL: Final = r"\b(?:message|e-?mail|mail|letter|correspondence|posting|article)\b"
SAID: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        _MAIL + r"(?:[^?!.]|\.(?!\s)){0,200}?(?:\b(?:could|can|was|has|have|were|will|did|is|does) ?(?:n['’]t|not)|\bnot|\bnever)\b (?:still |yet |be |been |successfully ){0,3}(?:deliver|sent\b|accept|process|relay|reach|receiv|transmit|go through|permitted|allowed)",
        _MAIL + r"(?:[^?!.]|\.(?!\s)){0,200}?\b(?:was|were|is|been|being|has) (?:been |being |automatically |permanently |temporarily ){0,2}(?:reject|block|refus|return|bounc|undeliver|delay|quarantin|held|discard|drop|delet)",
        r"(?:unable|not able|failed?|impossible|trouble|(?:could|can)(?: ?not|n['’]t)|error|problem)\b.{0,40}\b(?:deliver|send|sent|relay|transmit|distribut|process)(?:ed|ing|y)?[^?!\n]{0,60}" + _MAIL,
        r"(?:following|these|some|one or more)[^?!.\n]{0,30}(?:recipient|address|destination|user)(?:[^?!\n]|\n(?!\n)){0,60}?(?:fail|error|problem|reject|could not|not be|undeliver|were not|was not|delay|unknown|affected|invalid|not (?:valid|exist))",
        r"(?:fail|unable|not|error|problem)\w*[^?!\n]{0,30}\bdeliver\w*[^?!\n]{0,40}\b(?:to|for)\b[^?!\n]{0,20}@|(?:mail|message) delivery (?:problem|fail|error)|"
        r"(?:following|suivante?s?|siguientes?|seguenti|seguintes?|folgenden?|volgende|następując\w+|(?:diese[nr]?|ces|estos|estes|questi|deze|tych|dessa|disse|näille|těmto|ezeknek|şu|αυτούς|acești|aceste|these)(?!\w)|следующ\w+|этим|наступн\w+|aşağıdaki|följande|følgende|seuraav\w+|következő|následujíc\w+|παρακάτω|次の|以下の|下記の?|다음|下列|以下|následovn\w+|următor\w+)[^?!\n]{0,20}"
        r"(?:recipient|destinat|empfänger|geadresseerd|ontvanger|adresat|odbiorc|получател|адресат|одержувач|alıcı|mottagar|modtager|mottaker|vastaanottaj|címzett|příjemc|παραλήπτ|primitel|受信者|宛先|送信先|받는|수신자|收件)|destinat\w{2,8} (?:suivants?|siguientes?|seguenti|seguintes?)",
        r"deliver(?:y|ed)? (?:has )?(?:failed )?to (?:the following|these|this) (?:recip|addr)|undeliverable (?:to|recipient)|did not reach the following|delivery (?:to|of your (?:mail|message)).{0,80}(?:fail|delay|not possible)",
        r"(?:had|fatal|permanent|transient|non-fatal) (?:permanent |transient |fatal |delivery |non-fatal ){1,3}(?:error|problem|failure)|transcript of (?:the )?(?:smtp )?session|session transcript|created automatically by (?:the )?(?:mail|sm?tp|e-?mail)",
        r"(?:copy of|original|unsent|undelivered|returned|rejected|truncated) (?:e-?mail |mail )?message[^?!\n]{0,30}(?:follow|below|attached|-----|begins|includ|headers)|below this line is|message (?:text|headers?|log|contents) follow",
        r"mail (?:system|delivery (?:agent|software|system|program)|server|program) (?:at|on|for)\b|automatically generated (?:delivery|non-?delivery|message from)|(?:no|any) (?:further|more) (?:delivery )?attempts?|rejected recipient|delivery attempts will",
        r"failed address|unknown user ?:|error(?:s)? (?:occurred )?(?:while|during|when) (?:deliver|sending|attempting to deliver)|no valid recipients|message id\w*\b.{0,40}(?:not|fail)|delivery status notification|your message had|considered unsolicited",
        r"\b(?:nachricht|e-?mail|mail|dokument|memo)\b[^?!]{0,200}?(?:nicht (?:(?:erfolgreich )?zu(?:ge)?stell|übermittel|ausgeliefert|erreicht|gesendet|weiterge|angenommen|versandt|versendet)|unzustellbar|zurückgewiesen|abgelehnt|verzögert|abgewiesen|blockiert|geblockt|zurückgeschickt)",
        r"empfänger nicht erreicht|zustell(?:ung|en)\b[^?!]{0,120}(?:fehlgeschlagen|nicht möglich|gescheitert)|fehler bei der (?:nachrichten)?zustellung|konnte nicht zugestellt werden an|folgende[rn]? empfänger",
        r"\b(?:message|courriel|courrier|e-?mail|mail)\b[^?!]{0,200}?(?:n['’]a(?:vons|i)? (?:pas |pu )|n['’]ont pas|n['’]est pas|n['’]étai|impossible|non (?:remis|distribu|délivr|parvenu)|échou|refusé|rejeté|retardé)",
        r"échec de la remise|n['’]a pas pu être (?:remis|distribu|délivr)|remise (?:à|aux) ces destinataires",
        r"\b(?:mensaje|correo|e-?mail)\b[^?!]{0,200}?(?:no (?:se )?(?:ha|pudo|puede|han|fue|lleg|entreg|pod)|rechazad|devuelt|no entregad)|no se (?:pudo|ha podido) entregar[^?!]{0,40}(?:mensaje|correo|destinatario)|error (?:de|en la) entrega",
        r"\b(?:messaggio|posta|e-?mail|mail)\b[^?!]{0,200}?(?:non (?:è (?:stat|poss)|ha raggiunto|può|recapit|consegn|sono)|impossibile|respint)|(?:mensagem|e-?mail)\b[^?!]{0,200}?(?:não (?:pôde|foi|chegou|alcançou|pode|entreg)|rejeitad|devolvid|falhou)",
        r"\b(?:bericht|e-?mail|mail)\b[^?!]{0,200}?(?:niet (?:bezorgd|bereikt|worden|afgeleverd|verzonden)|heeft [^?!]{0,60}niet bereikt|geweigerd)|(?:wiadomoś\w+|e-?mail)\b[^?!]{0,200}?nie (?:dotar|zosta|moż|mog|uda|dostarcz)",
        r"(?:zpráv\w+|e-?mail)\b[^?!]{0,200}?(?:ne(?:byl|mohl|lze|doruč|podař|bolo|mož))|(?:meddeland\w*|meddelelse\w*|melding\w*|besked\w*|e-?post\w*)\b[^?!]{0,200}?(?:nådde inte|inte |ikke |kunne ikke|nåede ikke)",
        r"(?:viesti\w*|sähköposti\w*)[^?!]{0,200}?(?:ei |epäonnis)|(?:üzenet\w*|levél\w*)[^?!]{0,200}?(?:nem |sikertelen)|(?:ileti\w*|mesaj\w*|e-?posta\w*)[^?!]{0,200}?(?:ulaşma|ulaştır|teslim edileme|gönderileme|iletileme|ulaşamadı)",
        r"(?:сообщени\w+|письм\w+|лист\w*|повідомлен\w+|почт\w+)[^?!]{0,200}?(?:не (?:было |был[ао]? |мож|удалось|мог|доставл|доставк|дошл|удается|удаётся)|недоставл|не вдалося|отклонен|возвращен)|μήνυμ\w+[^?!;]{0,200}?(?:δεν|απέτυχε)",
        r"(?:メール|メッセージ|電子郵件)[^？?]{0,120}?(?:配信|送信|配送|送達|届け|届き|お届|配達|転送|受信|着信)[^？?。]{0,20}(?:返送|でき(?:ません|なかった|ず)|きません|失敗|不能|エラー|されません|不可|拒否)|不達|返送され|未着となり|宛先不明|(?:に|を|が)(?:配信|送信)できません|受信者に配信",
        r"(?:邮件|郵件|信件|消息|訊息)[^？?]{0,80}?(?:未(?:能|送达|送達|并未)|并未|並未|无法|無法|不能|没有|失败|失敗|被退|退回|拒[收绝絕])|(?:메일|메시지|전자)[^?？]{0,120}?(?:않았|않습|못했|못하|실패|수 없|반송|되지)",
        r"(?:thư|tin nhắn|email)[^?!]{0,120}?không (?:thể|được|gửi)|(?:pesan|surat|email)[^?!]{0,120}?(?:tidak (?:dapat|bisa|terkirim)|gagal)|(?:mesaj\w*|e-?mail\w*)[^?!]{0,120}?(?:nu a|nu poate|nu s-a|eșuat)|رسال[^؟?]{0,120}?(?:لم |تعذر|فشل)|הודע[^?]{0,120}?(?:לא |נכשל)|המסירה ל|(?:فشل|تعذر) التسليم|không gửi được (?:tới|đến)|ข้อความ[^?]{0,120}?(?:ไม่|ล้มเหลว)",
    )
)  # fmt: skip
"""A sentence that says of a mail that it did not arrive."""
SET_PHRASE: Final = re.compile(
    r"(?:created|generated) automatically by (?:the )?(?:mail|e-?mail|smtp)|transcript of (?:the )?(?:smtp )?session|(?:permanent|transient|non-fatal|fatal) (?:fatal )?(?:delivery )?errors\b|had delivery (?:errors|problems)|mail (?:system|server|delivery (?:agent|program|system)) at |"
    r"I['’]m afraid I wasn['’]t able|this is a permanent error|I['’]ve given up|generating server|diagnostic information for|failed addresses follow|unsent message (?:follows|below)|below this line is a copy|message headers follow|following message to <|"
    r"no valid recipients|delivery to the following recipients?|did not reach the following|has been processed by the mail server|your mail (?:sent|attempted to be delivered) on|delivery status notification|failed to deliver to ['\"]|automatisch generierte.{0,20}zustell|zustellungsbenachrichtigung|"
    r"notification d['’]état de remise|notificación de estado de entrega|配信状態通知|传递状态通知|傳遞狀態通知|уведомление о состоянии доставки|배달 상태 알림",
    re.IGNORECASE,
)
"""What programs write and hardly anybody else."""
EVENT: Final = re.compile(
    r"\"(?:notification|event)type\"\s*:\s*\"(?:bounce|complaint|delivery|deliverydelay|reject)\"", re.IGNORECASE
)
"""A mail provider that tells it to programs."""
SERVER: Final = re.compile(
    r"(?:^[ \t>|]*|[:(>\"'\[][ \t]*|\b(?:smtp|said|error|code|response|reply|status|server|reason|host \S{1,80})[ \t:]+)(?:55\d|45[0-2]|421|501|511|521|571)[ -](?![-\d,:€$% ])|(?<![\d.])[45]\.[0-7]\.\d{1,2}(?![\d.])|user unknown|unknown user|"
    r"mailbox (?:is )?full|over quota|(?:recipient|sender) (?:address )?rejected|host (?:unknown|not found)|permanent (?:fatal )?errors?|\brcpt to ?:|no such user|unrout(?:e)?able",
    re.IGNORECASE | re.MULTILINE,
)
"""How servers talk to each other."""

ASKS: Final = re.compile(r"[^\W\d]{2,}[\"'»)”]{0,2} ?[?？؟](?=\s|\Z|[\"'»”)!])|か。|吗[。\n]|呢[。\n]|请问|請問")
"""A question: servers ask none. (A question mark in a link stands before a letter.)"""
MINE: Final = re.compile(
    r"(?<![\w.@-])(?:my|mine|I['’](?:ve(?! given)|d|ll)|I (?:have(?! tried)|got|get|am(?! sending| afraid| sorry)|can\b|need|want|would|wrote|sent|attach|paid|ordered|received|tried(?! to deliver)|keep|did|do\b|think|believe|cannot|can't|couldn't|could not(?! deliver))|we (?:see|get|got|ordered|need|use|rejected|paid)|"
    r"please (?:help|fix|advise|look)|mein(?:e[mnrs]?)?|ich|j['’]ai|je (?:ne|n['’]|vous|suis|reçois|peux|voudrais|viens|comprends|souhaite)|(?:our|unsere|notre|nos|nuestr[oa]s?|(?:il )?nostro|nossa|onze?|наш[еаиу]?|nasz\w*|mon|mes|mis?) (?:nachricht|messaggio|mensagem|bericht|письм\w|сообщени\w|wiadomoś\w+|colis|message|mail|e-?mail|courriel|compte|adresse|commande|client|serveur|correo|mensaje|pedido|paquete|cuenta|direcci\w+)s?|"
    r"yo|mio|mia|miei|meu|minha|mijn|ik|mój|moja|mojej|můj|jag|mitt|mina|jeg|benim|adresim|мой|моя|моё|мое|мои|мне|меня|моей|моего)(?![\w@-]|\.\w)|我(?!们|們)|私(?!书|書)|弊社|当方|御社|貴社|教えて|ご教示|我司|我方|贵司|貴司|请告知|당사|제가|저는|何でしょう",
    re.IGNORECASE,
)
"""The first person: servers say at most that they are sorry."""
PASSED_ON: Final = re.compile(
    r"\W{0,2}(?:re|aw|fwd?|wg|tr|rv|sv|vs|vb|enc|antw|rif|odp|ynt|ilt|vl|doorst|i|r|ref|res|továbbítás|vá|pd|fs|προωθ|απ|rép|ответ|пересл|пр|отв|转发|轉寄|回复|回覆|答复|転送|返信|전달|회신)(?:\[\d+\])?\s?[:：]",
    re.IGNORECASE,
)
UNREAD: Final = re.compile(
    r"not monitored|unattended|no longer (?:monitored|work|with|employed|read)|not (?:be )?read\b|accept replies|out of (?:the )?office|left the company|nicht gelesen|pas (?:été )?lu\b|no (?:se|es) le[ea]",
    re.IGNORECASE,
)
"""What is answered for people who are not there."""
CLIENT: Final = re.compile(
    r"thunderbird|apple mail|iphone|ipad|outlook(?! express.{0,20}daemon)|the bat|evolution|foxmail|mutt|kmail|claws|roundcube|horde|squirrel|k-9|airmail|spark|mailspring|eudora|pegasus|becky|zimbra|airwatch|android|gmail|yahoomail|webmail|entourage|postbox|emclient|em client|mailmate|wanderlust|seamonkey",
    re.IGNORECASE,
)
"""A program with which people write."""
LABELLED: Final = re.compile(
    r"^\W{0,6}(?:final |failed |original )?(?:to|recipient|address(?:ee)?|destination|addressed to|rcpt(?: to)?|empfänger|destinataire|destinatario|destinatário|получатель|кому|宛先|送信先|收件人|받는사람|받는 사람)[ \t]{0,9}[:：][^\n@]{0,60}@",
    re.IGNORECASE | re.MULTILINE,
)
"""A form with the recipient in it."""
LATE: Final = re.compile(
    r"delayed|still being (?:re)?tried|not yet (?:been )?(?:fully )?(?:be )?(?:deliver|transmitt)|not yet be|warning only|will (?:be )?(?:continue|re-?tr)|attempts? will continue|will keep trying|temporar(?:y|ily)|in der warteschlange|verzögert|"
    r"retardé|demorad|retrasad|ritard|vertraagd|задерж|отложен|延迟|延遲|遅延|遅れ|지연|fördröj|forsink|opóźni",
    re.IGNORECASE,
)
GAVE_UP: Final = re.compile(
    r"(?<!fails )permanent|giv(?:en|ing) up|gave up|no (?:further|more) (?:delivery )?attempts|too long in queue|expired|retry time(?:out)? exceeded|will not be retried", re.IGNORECASE
)  # fmt: skip

MEANT: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), status)
    for pattern, status in (
        (r"quota|(?:mailbox|inbox|mail ?box) (?:is |has been )?(?:too )?full|full mailbox|too full|insufficient (?:system )?storage|disk (?:is )?full|exceed\w* (?:the |its |their |his |allowed |maximum )*(?:storage|local limit|mailbox|size limit for)|"
         r"postfach (?:ist )?voll|bo[iî]te .{0,30}pleine|buz[oó]n lleno|casella .{0,20}piena|ящик .{0,20}переполнен|容量.{0,12}(?:超|不足|いっぱい)|(?:いっぱい|一杯)の?(?:ため|です)|(?:已|空间|空間)[满滿]|exceeds allowed size|out of (?:disk )?space", "5.2.2"),
        (r"(?:host|computer|server)(?: [\w.-]{1,80})? (?:is |was )?(?:unknown|not\s+found)|unknown host|domain (?:name )?(?:is )?(?:not found|unknown|does not exist)|no such (?:host|domain)|name service error|unrouteable|unroutable|bad destination|host or domain name|nxdomain|dns error|no mx", "5.1.2"),
        (r"(?:user|recipient|mailbox|account|address(?:ee)?|person|name)s? (?:is |are |was |name )?(?:unknown|not (?:found|known|exist|listed|recogni[sz]ed|valid|available here)|invalid|does(?: ?n[o']t|n’t) exist)|"
         r"(?:unknown|invalid|bad|nonexist\w*|non-existent|unrecogni[sz]ed\S?|no such|no valid) (?:user|recipient|address|mailbox|account|person|local|destination mailbox|or-?name|mobile|rcpt)|recipientnotfound|recipnotfound|"
         r"not a (?:valid|known)|unrecognised-orname|does(?: ?n[o']t|n’t) (?:have an?|exist)|no mailbox|no account|unbekannt|nicht (?:erkannt|gefunden|im adressbuch|existiert)|existiert nicht|konnte nicht gefunden|introuvable|inconnu|n['’]existe pas|desconocid|no existe|sconosciut|non esiste|desconhecid|não existe|onbekend|bestaat niet|nieznan|не найден|не существ|неизвест|"
         r"not (?:listed|found) (?:in|at|by)|(?:address|user|recipient) rejected|mailbox unavailable|(?:could|can)(?: ?not|n['’]t) be found|wasn['’]t found|was not found|no such user|nosuchusr|宛先不明|存在し(?:ない|ません)|不存在|見つかりません|找不到|존재하지", "5.1.1"),
        (r"disabled|inactive|suspended|deactivated|not accepting|no longer (?:available|active|valid|works?|in use|employed)|discontinued|expired account", "5.2.1"),
        (r"(?:message|mail|size) .{0,20}too (?:large|big)|exceeds? (?:the )?(?:fixed )?(?:maximum )?(?:allowed )?(?:message )?size|size (?:limit )?exceed", "5.3.4"),
        (r"time[d-]?[ -]?out|connection refused|could not connect|unable to (?:connect|contact)|not reach(?:able)?\b|expired|too long in queue|retry time|no route to host|network is unreachable|not respond", "4.4.7"),
        (r"spam|virus|blocked|blacklist|block ?list|denied|policy|reputation|dmarc|\bspf\b|not (?:authori[sz]ed|permitted|allowed|a member)|prohibited|relay(?:ing)?\b.{0,20}(?:not|den)|banned|unsolicited", "5.7.1"),
    )
)  # fmt: skip
"""What reasons mean where no code is told (RFC 3463)."""
