"""The credentials a sandbox accepts. They open nothing but the sandbox, and come from its seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from random import Random

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHABET = _LETTERS + _LETTERS.upper() + "0123456789"


@frozen
class Keys:
    """Both kinds of credentials."""

    public_key: str
    private_key: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)

    @classmethod
    def draw(cls, random: Random) -> Keys:
        """Make them up. The client secret has characters that differ once form-urlencoded, as RFC 6749 asks for."""
        digits = f"{random.getrandbits(128):032x}"
        return cls(
            public_key="".join(random.choices(_LETTERS, k=8)),
            private_key="-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])),
            client_id=f"mdb_sa_id_{random.getrandbits(96):024x}",
            client_secret=f"mdb_sa_sk_{''.join(random.choices(_ALPHABET, k=36))}+/%2B",
        )
