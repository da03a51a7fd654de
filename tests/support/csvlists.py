"""List files, changed as the program changes them."""

from mailer.audience.rewrite import prepare_rewrite


def rewrite_list(source, patches, appended):
    """Patch and extend a list file at once."""
    with prepare_rewrite(source, patches, appended) as prepared:
        prepared.commit()
        return prepared.rewritten
