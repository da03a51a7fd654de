"""The phrases by which a message in prose is recognised, in the languages of mail systems; all for text in lower case.

Why a server refused is not here but in `mailer.smtp.refusal_reason`, the one vocabulary of reasons.
"""

import re


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases))


MAIL_SYSTEM = _any(
    r"mailer[-_. ]?daemon",
    r"mail[-_. ]?daemon",
    r"\bmdaemon",
    r"post[-_.]?master",
    r"mail[- _]?(?:delivery|administrator|system)",
    r"delivery (?:service|subsystem)",
    r"system administrator",
    r"\bndr\b",
    r"emailsysadmin",
    r"smtp gateway",
    r"mailer@",
    r"bounces?@",
    r"undeliver",
)
"""Senders."""

ANSWER = _any(r"\W*(?:re|aw|sv|vs|antw|ref|rif|odp|fwd?|wg|tr|rv|enc|回复|转发|返信|答复)(?:\[\d+\])?\s*[:：]")
"""The beginning of a subject by which people answer a message or pass it on."""

BOUNCE_SUBJECT = _any(
    r"undeliver",
    r"non.?deliver",
    r"not deliver",
    r"(?:cannot (?:be )?|unable to )deliver",
    r"returned (?:mail|message|to)",
    r"returning to (?:sender|you)",
    r"delivery (?:status|failure|failed|problem|error|report|notification|delay|has|unsuccessful|incomplete|to)",
    r"fail(?:ed|ure) (?:mail|notice|delivery|message)",
    r"failure (?:notice|delivering)",
    r"mail (?:delivery|failed|failure|could|system error|status|not)",
    r"message (?:status|delivery|could|not delivered|delayed|undelivered)",
    r"bounce",
    r"could not (?:be )?(?:send|sent|deliver)",
    r"warning: (?:message|could)",
    r"user unknown",
    r"unzustellbar|nicht zustellbar|zustellung",
    r"non remis|échec de (?:la )?(?:remise|distribution)",
    r"non recapit|mancat[ao] (?:recapito|consegna)",
    r"no entrega|fallo en la entrega|no se (?:ha )?p(?:udo|odido) entregar",
    r"n[ãa]o (?:foi )?entreg|retornado",
    r"onbestelbaar|niet (?:bezorgd|afgeleverd)",
    r"kunde inte levereras",
    r"недостав|не доставлено",
    r"配信(?:不能|できま|エラー)|送信(?:エラー|できま)|エラー通知|退信|未送达",
)

FAILURE = _any(
    r"deliver",
    r"fail",
    r"reject",
    r"refus",
    r"returned",
    r"bounce",
    r"unknown",
    r"not exist",
    r"could(?: not|n't)",
    r"unable to",
    r"error",
    r"did not (?:reach|like)",
    r"no such",
    r"full\b",
    r"quota",
    r"disabled",
    r"not found",
    r"blocked",
    r"denied",
    r"nicht zugestellt|unzustellbar",
    r"non [èe] stato",
    r"remis|entreg|bezorgd|доставл",
    r"\b[45]\d\d\b|[45]\.\d+\.\d+",
    r"配信|送信|宛先|あて先|届",
)
"""Words of a message of a mail system that make it a bounce."""

FAILED_DELIVERY = _any(
    r"could(?: not|n't) be delivered",
    r"(?:was|were|is)(?: not|n't) (?:been )?(?:able to )?(?:deliver|sent)",
    r"unable to deliver",
    r"undeliverable",
    r"delivery (?:to .{0,60})?(?:has )?failed",
    r"failed permanently",
    r"did not reach",
    r"permanent (?:fatal )?error",
    r"fatal errors",
    r"returned to (?:sender|you)",
    r"no such user",
    r"user unknown",
    r"unknown (?:user|address|recipient)",
    r"failed addresses",
    r"delivery error",
    r"rejected by",
    r"said: [45]\d\d",
)
"""Words of a bounce of an unknown sender."""

DELAYED = _any(
    r"warning|delay",
    r"still (?:being |un)",
    r"(?:has|have) not (?:yet )?been (?:delivered|received)",
    r"not yet",
    r"will (?:be )?(?:retr|continue|keep trying|try again)",
    r"do not need to (?:re|send)",
    r"no need to resend",
    r"temporary (?:problem|error)",
    r"delivery incomplete",
)
"""Words of the introduction or the subject: the server still tries."""

RETURNED_MESSAGE = _any(
    r"[ \t>|*]*(?:received|return-path|dkim-signature|domainkey-signature|message-id|mime-version|content-type)[ \t]*:",
    r"[ \t>|*]*(?:x-[\w-]+|delivered-to|in-reply-to|from|date)[ \t]*:",
    (
        r"[-=_*|# ]{2,}.{0,30}(?:below this line|copy of|(?:original|returned|unsent|undelivered|your) message"
        r"|message (?:text|headers?)|(?:message|header) follows)"
    ),
    r"(?:original|your|the|rejected|returned|undelivered|message) .{0,30}follows?\b.{0,20}$",
    r"message headers? follow",
    r"included is a copy",
    r"the header of the",
    r"below is a copy",
)
"""The line with which the returned message begins."""

SENDER_BEFORE = _any(
    r"(?:mail from|sender|envelope.from|return.path|from|contact|e-?mail to|write to|reply to)\W{0,4}$",
)
"""What stands before an address that is not a recipient."""

VACATION_SUBJECT = _any(
    r"^(?:\W|re:|aw:|fwd?:)*(?:auto(?:matic|mated)?[ -]?(?:re(?:ply|sponse|sponder)|antwort)?\s*(?::|\])"
    r"|automatic (?:reply|response)|auto-?reply|out of (?:the )?office|\booo\b|away from (?:the |my )?(?:office|mail)"
    r"|(?:i am |i'm )?on (?:vacation|holiday|leave)\b|vacation (?:reply|notice|message)"
    r"|abwesenheit|automatische antwort|ich bin (?:nicht im|außer)"
    r"|r[ée]ponse automatique|absence du bureau|absent du bureau"
    r"|respuesta autom[áa]tica|fuera de la? oficina"
    r"|resposta autom[áa]tica|fora d[oe] escrit"
    r"|risposta automatica|fuori (?:sede|ufficio)"
    r"|automatisch antwoord|afwezig"
    r"|autosvar|automatiskt svar|frånvaro"
    r"|自動(?:応答|返信)|不在|自动回复|автоответ)",
)

UNSUBSCRIBE = _any(
    r"\b(?:un-?subscri(?:be|ption)|(?:please )?(?:remove|delete) me|opt[ -]?out|signoff"
    r"|abmeld(?:en|ung)|abbestellen|austragen"
    r"|d[ée]sabonne|d[ée]sinscri"
    r"|dar(?:me|se)? de baja|baja|cancelar (?:la )?suscripci"
    r"|cancelar (?:a )?(?:inscri|assina)"
    r"|cancell(?:ami|azione|ati)|disiscri"
    r"|uitschrij|afmelden|avregistrer|avprenumerera|отпис)",
    r"退订|退訂|配信停止|購読解除",
)
