"""What a worker must have in common with the process that made a send: the same relays, and the same keys for signatures.

What else shapes a message is frozen with the send: the edition, the sender profile, and the name of the secret key.
"""

import hashlib

from mailer.app import App


def signing_digest(app: App) -> str:
    """Returns a digest of the relays and of the DKIM keys; without passwords, which may differ. Raises SettingsError."""
    lines = sorted(f"relay {relay.tls} {relay}" for relay in app.settings.relay)
    lines += [
        f"key {signer.domain} {signer.selector} {hashlib.sha256(signer.key.public()).hexdigest()}"
        for signer in app.signing.signers
    ]
    return hashlib.sha256("\n".join([*lines, f"8bit {app.settings.eight_bit}"]).encode()).hexdigest()
