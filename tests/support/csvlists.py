"""List files, changed as the program changes them."""

from mailer.csv.patch import prepare_patch


def rewrite_list(source, patches, appended):
    """Patch and extend a list file at once."""
    with prepare_patch(source, patches, appended) as prepared:
        prepared.commit()
        return prepared.rewritten
