"""One person whom a send is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person to be frozen into a send. `skip`: why they are not mailed, or "" to mail. Empty fields are left out."""

    identity: str
    address: str
    fields: Mapping[str, str] = field(default_factory=dict)
    skip: str = ""
