"""Says why a server refused mail, and what the refusal is about: by its codes and by its words.

    refusal_reason(code, enhanced, words) -> Reason;  Reason.subject -> Subject, or None
    is_hedged(words), is_temporary(words)  whether they prove nothing about a mailbox
    generic_words(words, address)          what is left of the words when all names and numbers are taken out

The reasons are named as in Sisimai, a library that reads bounces. Words come first, because servers choose codes freely: 5.1.1
is also said of a sender, and 5.2.2 of the sender's own quota. The order of the patterns is part of the meaning: what speaks of
us stands before what speaks of a recipient. A code that is about the sender or about us is not overruled by words about a
recipient. A reply that says nothing, neither in words nor by an enhanced code, is `ON_HOLD`: nothing is known. “Mailbox
unavailable” says nothing either: RFC 5321 4.2.3 words every 550 so, also a refusal by policy.

It is longer than most modules: one table of phrases, because their order is part of the meaning.

Pure. A session asks it about replies, and `mailer.feedback` about bounces, which say the same in the same words.
"""

import re
from collections.abc import Mapping
from enum import StrEnum


class Subject(StrEnum):
    """What a refusal is about."""

    RECIPIENT = "recipient"
    MESSAGE = "message"
    SENDER = "sender"
    QUOTA = "quota"  # how much or how fast we send
    REPUTATION = "reputation"
    RELAY = "relay"


class Reason(StrEnum):
    """Why a server refused mail; the values are Sisimai's."""

    USER_UNKNOWN = "userunknown"  # this mailbox does not exist
    HOST_UNKNOWN = "hostunknown"
    HAS_MOVED = "hasmoved"
    MAILBOX_FULL = "mailboxfull"
    SUSPENDED = "suspend"
    NOT_ACCEPTING = "notaccept"  # the domain takes no mail at all
    SPEEDING = "speeding"  # the recipient gets too much mail at the moment
    FILTERED = "filtered"  # by a wish or rule of the recipient
    REJECTED = "rejected"  # the sender address
    AUTH_FAILURE = "authfailure"  # SPF, DKIM or DMARC
    POLICY_VIOLATION = "policyviolation"
    RATE_LIMITED = "ratelimited"
    TOO_MANY_CONNECTIONS = "toomanyconn"
    BLOCKED = "blocked"
    BAD_REPUTATION = "badreputation"
    REQUIRES_PTR = "requireptr"
    EXCEEDS_LIMIT = "exceedlimit"  # the message is too big
    CONTENT_ERROR = "contenterror"
    SPAM_DETECTED = "spamdetected"
    VIRUS_DETECTED = "virusdetected"
    NOT_COMPLIANT = "notcompliantrfc"
    SYNTAX_ERROR = "syntaxerror"
    NO_RELAYING = "norelaying"
    SYSTEM_ERROR = "systemerror"
    NETWORK_ERROR = "networkerror"
    MAILER_ERROR = "mailererror"  # a program to which the recipient's server hands mail
    EXPIRED = "expired"  # a server gave up trying
    FEEDBACK = "feedback"  # no refusal: a complaint
    VACATION = "vacation"  # no refusal: an automatic reply
    ON_HOLD = "onhold"  # not known

    @property
    def subject(self) -> Subject | None:
        """What it is about; None: nobody knows."""
        return _SUBJECTS.get(self)


_R = Reason
_SUBJECTS: Mapping[Reason, Subject] = {
    reason: subject
    for subject, reasons in {
        Subject.RECIPIENT: (
            _R.USER_UNKNOWN, _R.HOST_UNKNOWN, _R.HAS_MOVED, _R.MAILBOX_FULL, _R.SUSPENDED, _R.NOT_ACCEPTING, _R.SPEEDING,
            _R.FILTERED,
        ),
        Subject.MESSAGE: (
            _R.POLICY_VIOLATION, _R.EXCEEDS_LIMIT, _R.CONTENT_ERROR, _R.SPAM_DETECTED, _R.VIRUS_DETECTED, _R.NOT_COMPLIANT,
            _R.SYNTAX_ERROR,
        ),
        Subject.SENDER: (_R.REJECTED, _R.AUTH_FAILURE),
        Subject.QUOTA: (_R.RATE_LIMITED, _R.TOO_MANY_CONNECTIONS),
        Subject.REPUTATION: (_R.BLOCKED, _R.BAD_REPUTATION, _R.REQUIRES_PTR),
        Subject.RELAY: (_R.NO_RELAYING, _R.SYSTEM_ERROR, _R.NETWORK_ERROR),
    }.items()
    for reason in reasons
}  # fmt: skip

_BOX = r"(?:user|recipient|mail ?box|account|inbox|address|customer|destinataire|utilisateur|usuario|utente)"
_IS = r"(?:is |was |are |has |have |been |currently |temporarily |permanently )*"
_NOUNS = r"(?:e-?mails?|messages?|mails?|recipients?|rcpts?|submissions?|deliveries|transactions?|requests?)"
_UNIT = r"(?:second|minute|hour|day|week|month|session|connection|heure|jour|stunde|tag)s?"

_PHRASES: tuple[tuple[Reason, tuple[str, ...]], ...] = (
    # of the recipient, in words that would be about us without it
    (_R.ON_HOLD, (r"gr[ae]y-? ?list", r"unverified address: address verification")),
    (_R.SPEEDING, (rf"{_BOX}.{{0,60}}receiving (?:mail|messages) (?:too|at a rate)", r"exceeding receiving limits")),
    (_R.MAILBOX_FULL, (r"(?:disk|disc|storage|mail ?box|maildir) ?(?:quota|size|space)",)),
    (
        _R.MAILER_ERROR,
        (
            r"mailer error",
            r"(?:procmail|maildrop|mail\.local|mail\.filter):",
            r"(?:command|program|filter|pipe) (?:\S+ )?(?:failed|died|exited|returned|timed out)",
            r"exit (?:code|status)",
            r"pipe to \|",
            r"x-unix",
        ),
    ),
    (
        _R.FILTERED,
        (
            r"due to recipient (?:preferences|settings)",
            r"(?:allow|white|safe|mailing|friends?)[- ]?lists?\b",
            r"(?:user|member|subscriber)s? of (?:the|this) list\b",
        ),
    ),
    # of the sender
    (
        _R.AUTH_FAILURE,
        (
            r"\bspf\b",
            r"\bdkim\b",
            r"\bdmarc\b",
            r"sender policy framework",
            r"unauthenticated (?:e-?mail|sender|message)",
            r"(?:fail|not pass|lack)\w* .{0,30}authentication checks?",
        ),
    ),
    (
        _R.RATE_LIMITED,
        (
            r"(?:send|sending|submission|outgoing|outbound|relay|message|e-?mail|daily|hourly|monthly)(?: \w+)? quota",
            (
                r"(?:exceed|limit|maxim|reached|too many|too much|quota).{0,50}"
                rf"(?:\bper|\ban?|each|every|this|one) (?:smtp )?{_UNIT}\b"
            ),
            rf"(?:hourly|daily|weekly|monthly|per[- ]{_UNIT})\b.{{0,40}}(?:limit|quota|maxim|exceed)",
            r"(?:send|sending|sent|submission|outgoing|outbound|rate|throughput|volume|message count) ?limit",
            rf"too (?:many|much) (?:\w+ )?{_NOUNS}\b(?! on the server)",
            r"(?:trop de|zu viele|demasiados|troppi) (?:messages|mails|e-?mails|nachrichten|mensajes|messaggi)",
            r"rate[- ]limit",
            r"thrott?l",
            r"slow(?:ing)? (?:it )?down",
            r"slower",
            r"too (?:fast|quickly|frequent)",
            r"(?:unusual|unexpected|high|excessive) (?:sending )?(?:rate|volume)",
            r"mail flood",
            r"exceeded.{0,30}threshold",
            r"numerous attempts to deliver this message",
            r"(?:submission|message|sending|mail) rate\b.{0,30}exceed",
            r"frequency limit",
            rf"number of (?:\w+ )?{_NOUNS}\b.{{0,40}}exceed",
            r"(?:recipient|plan) limit (?:is |was |has been )?(?:exceed|reached)",
            r"exceed\w* (?:\w+ ){0,2}(?:plan|account) limit",
            r"(?:credits?|balance) (?:is |was |has been |are )?(?:exceed|exhaust|used up|insufficient)",
            r"(?:insufficient|no|not enough|out of) credits?\b",
            r"l[íi]mite? (?:de|di) (?:env|inv)",
            r"dépassé.{0,50}(?:par|cette) (?:heure|jour)",
            r"лимит\w* (?:на )?(?:отправ|пис|сообщен)",
            r"频率|過於頻繁|过于频繁",
        ),
    ),
    (
        _R.TOO_MANY_CONNECTIONS,
        (
            r"too many (?:\w+ ){0,2}(?:connections?|sessions?|clients|processes)",
            r"trop de connexions",
            r"(?:connections?|sessions?|concurrency) (?:\w+ )?(?:limit|rate|count)",
            r"maximum (?:\w+ ){0,3}(?:connections|sessions)",
        ),
    ),
    (
        _R.REJECTED,
        (
            (
                r"(?:sender|from|originator|return[- ]path|expéditeur|absender|remitente|mittente)(?:'s)?\b(?: \S+){0,6}? "
                r"(?:(?:was |is |has been )?(?:reject|refus|denied|blocked|banned|disabled|suspended|unknown|invalid|empty)"
                r"|verif|does not exist|doesn't|could not|cannot|must|null ?mx|no (?:valid )?mx"
                r"|not (?:allowed|accepted|authori[sz]ed|owned|verified|found|valid|known|pre-approved))"
            ),
            (
                r"(?:invalid|bad|unknown|unverified|unroutable|unresolvable|bogus|unauthori[sz]ed) (?:envelope |smtp |e?-?mail )?"
                r"(?:sender|from|return[- ]path)\b"
            ),
            r"(?<![\d.])5\.1\.[78](?![\d.])",  # the sender's address, whatever another code says
            (
                r"(?:for|of|in|by) (?:the |your |this )?(?:envelope |smtp |message |header )?"
                r"(?:sender|from:?(?: header| address| domain| field| line)|mail from)\b"
            ),
            r"(?:for|of) your (?:\w+ )?(?:mx|domain|dns|host ?name|host)\b",
            r"envelope (?:domain|address)\b",
            r"(?:internal|authenticated|authori[sz]ed|known|local) senders?\b",
            r"you are (?:an? )?(?:unknown|not)\b",
            r"(?:header from|(?:from|sender|date|to|subject):? header)\b",
            r"(?:in-reply-to|reply-to|errors-to|list-[a-z]+|return[- ]address|reply address|bounce address)\b",
            r"(?:cannot|can't|could not|unable to) (?:be )?repl(?:y|ied)\b",
            (
                r"(?:resolve|find|verify|look ?up|locate|reach|contact|connect to|route to) "
                r"your (?:\w+ )?(?:mx|domain|dns|host ?name|host|(?:mail|smtp) ?server|address)\b"
            ),
            (
                r"(?:your|sender's|sending) (?:\w+ )?(?:mx|domain|dns|host ?name|(?:mail|smtp) ?server)\b.{0,40}"
                r"(?:null ?mx|not accept|unresolvable|resolve|no (?:valid )?mx|not exist|unknown|invalid|not found)"
            ),
            r"send ?as ?denied",
            r"not (?:allowed|permitted|authori[sz]ed) to send\b",
            r"permissions? to send",
            r"address is not verified",
            r"purported responsible",
            r"emetteur invalide",
            (
                r"(?:your|sender's|sender|sending) (?:smtp |e-?mail )?(?:account|domain|address|mailbox)\b.{0,40}"
                r"(?:disabled|suspended|blocked|locked|deactivated|not (?:allowed|permitted|verified|valid)|reject|banned"
                r"|expired|unknown|invalid|n[o']t (?:exist|found|known))"
            ),
            r"smtp (?:user|account)\b",
            r"absender|expéditeur|remitente|mittente|remetente|afzender|avsändar|отправител|发件人|發件人|差出人|送信者|返信先",
            r"(?:rücksende|antwort)adresse",
            r"(?:adresse|dirección|indirizzo|endereço) d[ei] (?:retour|retorno|ritorno|réponse|respuesta)",
            (
                r"(?:ihre|deine|votre|su|tu|il tuo|il suo|la sua|o seu) (?:e-?mail-?)?"
                r"(?:adresse|dirección|indirizzo|endereço|domain|dominio)\b"
            ),
            r"sending (?:is |has been )?(?:disabled|suspended|blocked|paused|denied)",
        ),
    ),
    # of the relay
    (
        _R.NO_RELAYING,
        (
            r"relay(?:ing)? (?:access |is |was )?(?:denied|not (?:permitted|allowed)|prohibited|refused|disabled)",
            r"(?:not (?:permitted|allowed|able|configured)|unable|refuse|cannot|won't) (?:to )?relay",
            r"no relaying",
            r"open relay",
            r"tenant attribution",
            r"not a gateway",
            r"rcpthosts",
            r"handle mail for",
            r"\b(?:pop3?|imap)\b.{0,20}(?:log ?in|auth|before smtp|first)",
            r"(?:log ?in (?:first|before)|not logged ?in|check (?:your )?(?:e-?)?mail (?:first|before))",
            r"(?:please|must|first) (?:\w+ )?authenticate",
            r"(?:smtp )?auth(?:entication)? (?:is )?(?:required|needed|first)",
            r"(?:must|need to|requires?|without|not) (?:\w+ ){0,3}authenticat",
        ),
    ),
    (
        _R.SYSTEM_ERROR,
        (
            r"licen[cs]e (?:has |is |was )?(?:expired|invalid|exceeded)",
            (
                r"(?:database|table|map|backend|file|config\w*|lookup)(?: \S+){0,2}? (?:is |was |has )?"
                r"(?:not found|does not exist|unavailable|failed|missing)"
            ),
        ),
    ),
    # of our reputation
    (_R.BAD_REPUTATION, (r"reputation", r"user complaints")),
    (
        _R.REQUIRES_PTR,
        (
            r"reverse[- ]?(?:dns|lookup|mapping)",
            r"\bptr\b",
            r"\brdns\b",
            r"find your (?:reverse )?host ?name",
            r"mismatches client ip",
        ),
    ),
    (
        _R.BLOCKED,
        (
            r"(?:black|block|deny) ?-?list",
            r"\brbl\b",
            r"dnsbl",
            r"spamhaus",
            r"spamcop",
            r"barracuda",
            r"abuseat",
            r"\bbanned\b",
            r"blocked (?:using|by|at|due|for|from|because|-|see)",
            r"dynamic ip",
            r"open proxy",
            r"go away",
            (
                r"(?:\bip\b|client host|your (?:host|network|server)|\bmta\b).{0,60}"
                r"\b(?:blocked|listed|rejected|refused|denied|not allowed)"
            ),
            r"not (?:currently )?accepting mail from your",
            r"refused to talk to me",
            r"my name was rejected",
            r"(?:in|by|from|of) (?:the |your )?(?:helo|ehlo)\b",
            r"(?:helo|ehlo)\b.{0,40}(?:reject|invalid|mismatch|not found|refus|denied|bad|unknown|must)",
        ),
    ),
    # of the message
    (_R.VIRUS_DETECTED, (r"\bvirus", r"malware", r"infected", r"phish", r"executable attachment")),
    (
        _R.SPAM_DETECTED,
        (
            r"\bspam",
            r"unsolicited",
            r"\bbulk (?:mail|e-?mail)",
            r"\b[us]uri?bl\b",
            r"junk",
            r"(?:message|mail) filtered",
            r"content (?:rejected|denied|filter)",
        ),
    ),
    # of the recipient
    (
        _R.MAILBOX_FULL,
        (
            r"(?:mail ?(?:box|dir|folder)|account|inbox|bo[iî]te|postfach)\b.{0,40}(?:\bfull\b|pleine|voll\b|exceed)",
            r"casella (?:\w+ )?piena|buzón (?:\w+ )?lleno|caixa (?:\w+ )?cheia",
            r"full mailbox",
            r"over (?:the |disk |its |their )?quota",
            r"quota (?:usage )?(?:exceed|violation|full)",
            r"exceed\w* (?:\w+ ){0,3}(?:quota|storage)",
            r"space has been used up",
            r"too many messages on the server",
        ),
    ),
    (
        _R.EXCEEDS_LIMIT,
        (
            r"(?:message|mail|text|header|attachment)s?(?: \w+){0,2} too (?:large|big|long)",
            r"over ?sized?",
            r"size limit",
            r"(?:message|mail) (?:file )?(?:size|length)",
            r"exceed\w* (?:\w+ ){0,4}(?:size|length)",
            r"line limit",
        ),
    ),
    # of the people behind an address, as an automatic reply tells it
    (
        _R.ON_HOLD,
        (r"(?:our|we|company|office|shop|store|web ?site|business|headquarters) (?:\w+ ){0,2}(?:has |have )?moved",),
    ),
    (_R.HAS_MOVED, (r"(?:has |have )moved", r"no longer (?:at|with|works)", r"has changed (?:to|his|her|their|its)")),
    (
        _R.SUSPENDED,
        (
            (
                rf"{_BOX}(?: \S+)? {_IS}"
                r"(?:disabled|suspended|deactivated|inactive|locked|blocked|frozen|not active|expired|on hold|restricted|closed)"
            ),
            r"(?:disabled|suspended|inactive|locked|closed|expired|restricted) (?:mail ?box|account|user|recipient)",
            r"extended inactivity",
        ),
    ),
    (
        _R.NOT_ACCEPTING,
        (
            r"null ?mx",
            r"indicated no smtp service",
            r"(?:domain|host) (?:\S+ )?does not accept (?:e-?)?mail",
            r"mail receiving disabled",
        ),
    ),
    (
        _R.HOST_UNKNOWN,
        (
            (
                r"(?:domain|host)(?: name| \S+)?(?: or domain name)? (?:is |was )?"
                r"(?:unknown|not (?:found|exist)|does ?n[o']t exist|does not exist|invalid|must exist"
                r"|(?:could|can)(?: ?not|n[o']t) be found)"
            ),
            r"domain (?:is )?(?:not reachable|unreachable)",
            (
                r"(?:no such|unknown|invalid|unroutable|unrouteable|non-?existent|illegal|bad destination) "
                r"(?:mail |e-?mail )?(?:domain|host)"
            ),
            r"nxdomain",
            r"no (?:valid )?(?:mx|mail exchangers?|dns record)",
            r"could(?: not|n[o']t) find (?:any host|a mail exchanger)",
            r"name or service not known",
            r"mx records? point(?:s)? to non-?existent",
        ),
    ),
    (
        _R.USER_UNKNOWN,
        (
            (
                r"(?:unknown|invalid|no such|non-?existent|bad|undeliverable|unrouteable|unroutable) (?:\w+ )?"
                r"(?:user|recipient|mail ?box|account|address|person|local[- ]?part|alias|rcpt)\b"
            ),
            (
                rf"(?:{_BOX}|local[- ]?part|person|alias|rcpt|recipient name|user name)(?:\(s\)|s)?(?: \S+){{0,3}}? {_IS}"
                r"(?:unknown|undeliverable|invalid|deleted|removed|terminated"
                r"|no longer (?:valid|exists?|available|in use)|could(?: not|n[o']t) be found|n[o']t (?:be )?found"
                r"|not (?:exist\w*|found|known|valid|listed|present|recogni[sz]ed|local|our (?:customer|user)"
                r"|a (?:known|valid|local)))"
            ),
            r"does not exist|doesn't exist|does n[o']t exist",
            r"no (?:\w+ )?(?:mailbox|user|account|person|recipient|one)(?: \w+){0,3} (?:here|by that name|at this)",
            r"not (?:listed|found) in (?:\w+ )?(?:directory|public name)",
            r"badrcptto",
            r"validrcptto",
            rf"(?:is )?not an? (?:known|valid|active) (?:\w+ )?{_BOX}",
            rf"(?:does ?n[o']t|does not) have an? (?:\S+ )?{_BOX}",
            r"invalid (?:final delivery )?user ?id",
            r"5\.1\.0 address rejected",  # IronPort: the address is not in its directory
            r"5\.4\.1 (?:\S+ )?recipient address rejected: access denied",  # Exchange Online: likewise
            r"no valid recipients",
            r"user ?unknown",
            r"addressee unknown",
            r"address ?not ?found",
            r"(?:ex)?recip(?:ient)?\.? ?not ?found",
            r"utilisateur inconnu",
            r"(?:usuario|destinatario|buzón|utilizador|usuário|destinatário) n[ãa]?o encontrado",
            r"(?:utente|destinatario|casella) non trovat",
            r"destinataire (?:inconnu|invalide)",
            r"adresse d.? ?au moins un destinataire invalide",
            r"(?:compte|bo[iî]te(?: aux lettres)?) inexistante?",
            r"n'existe pas",
            r"no existe",
            r"(?:usuario|destinatario) desconocido",
            (
                r"(?:empfänger|empfängeradresse|benutzer|adresse|postfach) (?:ist )?"
                r"(?:unbekannt|ungültig|existiert nicht|nicht gefunden)"
            ),
            r"unbekannter (?:empfänger|benutzer)",
            r"nessun utente",
            r"(?:utente|destinatario) sconosciuto",
            r"(?:utente|casella|indirizzo) inesistente",
            r"(?:usuário|utilizador|destinatário) (?:desconhecido|inválido|inexistente)",
            r"não existe",
            r"onbekende gebruiker",
            r"gebruiker onbekend",
            r"bestaat niet",
            r"(?:okänd|ukjent|ukendt) (?:mottagare|mottaker|modtager|användare|bruker)",
            r"nieznany (?:użytkownik|adresat)|nie istnieje|neexistuje|nem (?:található|létezik)",
            r"не существует|(?:пользователь|адрес|ящик)\w* (?:\S+ )?не найден",
            r"宛先不明|(?:アドレス|ユーザー?|あて先|宛先)\S{0,20}(?:存在しま|見つか)",
            r"(?:用户|用戶|收件人|邮箱|地址)\S{0,10}(?:不存在|找不到)",
        ),
    ),
    (
        _R.FILTERED,
        (
            r"recipient (?:has )?(?:refused|declined|only accepts)",
            r"does not (?:want|wish) to receive",
            r"(?:recipient|user)'s (?:list|settings|preferences)",
        ),
    ),
    # of nobody
    (
        _R.EXPIRED,
        (
            r"(?:message|envelope|delivery time|delivery|mail|queue time) (?:has )?expired",
            r"retry (?:timeout|time limit) exceeded",
            r"(?:in|on) the queue too long",
            r"queued? (?:for )?too long",
            r"not going to try again",
            r"giv(?:ing|en) up (?:after|trying)",
            r"(?:deliver|tried|trying)\w* (?:\w+ )?(?:in|for|within|after) (?:the (?:last|past) )?\d+ (?:minute|hour|day)s?",
            r"did not accept our requests to connect",
            r"failed (?:after )?\d+ attempts",
        ),
    ),
    # of the message, in weaker words
    (
        _R.NOT_COMPLIANT,
        (
            r"multiple (?:addresses|subject)",
            r"\brfc ?-?\d+",
            r"(?:missing|duplicate|multiple|invalid|malformed) (?:\w+ )?headers?\b",
            r"bare (?:lf|cr)\b",
        ),
    ),
    (_R.CONTENT_ERROR, (r"\bmime\b", r"attachment", r"8-?bit", r"base64", r"smtputf8", r"non-ascii", r"\butf-?8")),
    (
        _R.POLICY_VIOLATION,
        (
            r"polic(?:y|ies)\b",
            r"prohibited",
            r"not authori[sz]ed",
            r"members?[- ]only",
            r"access denied",
            r"organi[sz]ational settings",
        ),
    ),
    # of the relay, in weaker words
    (
        _R.NETWORK_ERROR,
        (
            r"\bloop",
            r"too many hops",
            r"hop count",
            r"no route",
            r"timed out",
            r"(?:connect\w*|read|write|network|session|command) time-?out",
            r"connection (?:was )?(?:refused|reset|dropped|lost|closed|aborted|failed)",
            r"(?:lost|no|broken) connection",
            r"(?:could not|couldn't|can ?not|can't|unable to|fail\w* to) (?:\w+ )?connect",
            r"(?:network|host|server|destination) (?:is |was )?unreachable",
            r"(?:tls|ssl|starttls)\b.{0,30}(?:fail|error|handshake|required|not (?:available|offered|supported))",
            r"certificate",
            r"dns\b.{0,20}(?:fail|error|time-?out|timed|refused)",
        ),
    ),
    (
        _R.SYSTEM_ERROR,
        (
            r"(?:internal|system|configuration|local|queue|database|lookup|temporary) (?:\w+ )?(?:error|failure|problem)",
            r"misconfigur",
            r"insufficient (?:system )?(?:storage|resources)",
            r"(?:out of|insufficient|no more) (?:memory|disk)|no space left|disk (?:is )?full",
            r"not accepting (?:network )?(?:messages|mail|connections)",
            r"(?:service|server|system) (?:is )?(?:\w+ )?(?:unavailable|busy|full|shutting)",
        ),
    ),
    (
        _R.SYNTAX_ERROR,
        (
            r"syntax",
            r"bad (?:sequence|command)",
            r"unrecogni[sz]ed",
            r"(?:command|parameter|option)s? (?:\w+ )?not (?:recogni|implem|supp)",
        ),
    ),
)
_PATTERNS = tuple((reason, re.compile(rf"(?<![a-z])(?:{'|'.join(phrases)})")) for reason, phrases in _PHRASES)
"""For words in lower case: re.IGNORECASE takes ten times as long. Each phrase begins where a word begins."""

_BY_DETAIL: Mapping[str, Reason] = {
    "1.1": _R.USER_UNKNOWN, "1.2": _R.HOST_UNKNOWN, "1.3": _R.USER_UNKNOWN, "1.6": _R.HAS_MOVED, "1.7": _R.REJECTED,
    "1.8": _R.REJECTED, "1.9": _R.SYSTEM_ERROR, "1.10": _R.NOT_ACCEPTING, "2.1": _R.SUSPENDED, "2.2": _R.MAILBOX_FULL,
    "2.3": _R.EXCEEDS_LIMIT, "2.252": _R.REJECTED, "3.0": _R.SYSTEM_ERROR, "3.1": _R.SYSTEM_ERROR, "3.2": _R.SYSTEM_ERROR,
    "3.3": _R.SYSTEM_ERROR, "3.4": _R.EXCEEDS_LIMIT, "3.5": _R.SYSTEM_ERROR, "4.0": _R.NETWORK_ERROR, "4.1": _R.NETWORK_ERROR,
    "4.2": _R.NETWORK_ERROR, "4.3": _R.NETWORK_ERROR, "4.4": _R.HOST_UNKNOWN, "4.5": _R.RATE_LIMITED, "4.6": _R.NETWORK_ERROR,
    "4.7": _R.EXPIRED, "5.1": _R.SYNTAX_ERROR, "5.2": _R.SYNTAX_ERROR, "5.3": _R.RATE_LIMITED,
    "5.4": _R.SYNTAX_ERROR, "7.13": _R.SUSPENDED, "7.23": _R.AUTH_FAILURE, "7.24": _R.AUTH_FAILURE, "7.20": _R.AUTH_FAILURE,
    "7.21": _R.AUTH_FAILURE, "7.22": _R.AUTH_FAILURE, "7.25": _R.REQUIRES_PTR, "7.26": _R.AUTH_FAILURE, "7.27": _R.REJECTED,
    "7.28": _R.RATE_LIMITED, "7.29": _R.AUTH_FAILURE, "7.17": _R.HAS_MOVED, "7.18": _R.HAS_MOVED,
}  # fmt: skip
"""Enhanced codes without their class: RFC 3463, RFC 5248, RFC 7372, RFC 7505; 2.252 is Exchange's."""
_BY_SUBJECT: Mapping[str, Reason] = {"6": _R.CONTENT_ERROR, "7": _R.POLICY_VIOLATION}
_NOT_RECIPIENT = frozenset({Subject.SENDER, Subject.QUOTA, Subject.REPUTATION})


def refusal_reason(code: int, enhanced: str, words: str) -> Reason:
    """Returns why a server refused mail: by its words, then by the enhanced code, then by the code."""
    by_code = _by_code(code, enhanced)
    lowered = f"{enhanced} {words}".lower()
    by_words = next((reason for reason, pattern in _PATTERNS if pattern.search(lowered)), None)
    if by_words is None or (by_code.subject in _NOT_RECIPIENT and by_words.subject in {None, Subject.RECIPIENT}):
        return by_code  # 5.1.8 is about the sender, also where “user unknown” is said of it
    return by_words


def _by_code(code: int, enhanced: str) -> Reason:
    if detail := enhanced.partition(".")[2]:
        return _BY_DETAIL.get(detail) or _BY_SUBJECT.get(detail.partition(".")[0], Reason.ON_HOLD)
    return Reason.NOT_ACCEPTING if code in {521, 556} else Reason.ON_HOLD


_HEDGED = re.compile(
    r"(?:mailbox|user|account|recipient) unavailable"  # RFC 5321 4.2.3: any reason for 550
    r"|\b(?:may|might) (?:not|have|be)\b|\bpossibl[ey]\b|\bil se peut|peut-être|möglicherweise|\bpuede que|es posible|podr[íi]a"
    r"|\bpotrebbe|\bé possível|\bpode (?:ser|não)|\bmogelijk|возможно|可能"
)
_TEMPORARY = re.compile(
    r"not found, try again|(?:re)?try (?:again )?(?:later|in \d)|try again in|\btemporar(?:y (?:failure|error|problem)|ily)"
    r"|\b(?:maintenance|overloaded|quarantined?|dnssec)\b|\bbeing (?:moved|migrated)\b|\bat this time\b|: refused\b"
    r"|\b(?:verification|lookup|directory) (?:is |service |server )*(?:temporarily )?unavailable\b"
    r"|\bservfail\b|\btimed out\b|\b(?:currently|derzeit) n(?:ot|icht)\b|\bdoes not exist yet\b"
)


def is_hedged(words: str) -> bool:
    """Whether `words` leave open why the server refused: then they alone do not prove that a mailbox does not exist."""
    return _HEDGED.search(words.lower()) is not None


def is_temporary(words: str) -> bool:
    """Whether `words` say that the refusal is for now, whatever the code."""
    return _TEMPORARY.search(words.lower()) is not None


_NAMES = re.compile(
    r"<[^>]*>|\S+@\S+|https?://\S+|\b(?:[\w-]+\.)+[a-z][\w-]*|\b[\da-f]*:[\da-f:]+\b|\S*\d\S*|[^\w\s]+", re.IGNORECASE
)


def generic_words(words: str, address: str) -> str:
    """Returns `words` without addresses, hosts, numbers and marks: the same for all recipients who were refused alike."""
    local = address.rpartition("@")[0].casefold()
    left = _NAMES.sub(" ", words.casefold()).split()
    return " ".join(word for word in left if word != local)
