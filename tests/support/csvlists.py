"""Changes of list files by the program's own patches."""

from mailer.csv.sync_patch import prepare_patch


def rewrite_list(source, patches, appended):
    """Patches a list file, appends rows, and returns the result."""
    with prepare_patch(source, patches, appended) as prepared:
        prepared.commit()
        return prepared.result
