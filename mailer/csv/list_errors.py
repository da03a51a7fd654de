"""Why a list file cannot be used, for people."""

from pathlib import Path

from mailer.errors import UsageError

SAVE_AGAIN = "Save it again as CSV."


class ListError(UsageError):
    """A list file that cannot be read; names the file."""


def unreadable_error(path: Path, error: OSError) -> ListError:
    if isinstance(error, FileNotFoundError):
        return ListError(
            f"There is no file {path.name}.", "Add the file to the lists’ folder, or choose a different list."
        )
    if isinstance(error, IsADirectoryError):
        return ListError(f"{path.name} is a folder, not a CSV file.", "Choose a CSV file.")
    return ListError(f"The file {path.name} cannot be read ({error.strerror}).", "Check the permissions of the file.")


def unwritable_error(path: Path, error: OSError) -> ListError:
    return ListError(
        f"The file {path.name} cannot be written ({error.strerror}).",
        "Check the disk space and the permissions of the lists’ folder.",
    )


def changed_error(path: Path) -> ListError:
    return ListError(f"The file {path.name} was changed in the meantime.", "Nothing was done. Try again.")
