"""The reasons for leaving, as the pages say them."""

from mailer.i18n.translations import translatable
from mailer.ledger.types.subscribers import LeavingReason

REASONS = {
    LeavingReason.TOO_MANY: translatable("Too many e-mails"),
    LeavingReason.NOT_INTERESTED: translatable("It no longer interests me"),
    LeavingReason.NEVER_ASKED: translatable("I never signed up"),
    LeavingReason.ELSEWHERE: translatable("I read it elsewhere"),
    LeavingReason.OTHER: translatable("Another reason"),
}
