"""What needs a part that is missing skips with its reason on a person's machine, and fails where CI is set."""

import os
import shutil

import pytest
from hypothesis import settings

settings.register_profile("mailer", deadline=None)  # a slow machine is no defect
settings.load_profile("mailer")

NEEDS = {
    "chromium": ("chromium", "Debian's package chromium"),
    "opendkim": ("opendkim", "Debian's package opendkim"),
    "smtp_sink": ("smtp-sink", "Debian's package postfix"),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (program, package) in NEEDS.items():
        if item.get_closest_marker(marker) and not shutil.which(
            program, path=f"{os.environ.get('PATH', '')}:/usr/sbin"
        ):
            reason = f"{program} is not installed; it comes with {package}"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
