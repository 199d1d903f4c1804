"""Personal data in single columns: authenticated encryption bound to its place, and indexes for
equality search.

A cell is ``version(1) ‖ algorithm(1) ‖ length of key name(1) ‖ key name ‖ nonce(12) ‖ ciphertext ‖
tag(16)`` (GB/T 39786-2021 asks for confidentiality and integrity of stored personal data; the
layout is OURS).
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.crypto import sm3, sm4
from kernel.crypto.errors import DecryptionFailed
from kernel.crypto.keys import KeyRing
from kernel.ids import Entropy

INDEX_SIZE: Final = 16

_VERSION: Final = 1
_HEAD: Final = 3


class Algorithm(Enum):
    """The cipher of a cell: SM4 where 密评 asks for it, AES elsewhere."""

    SM4_GCM = 1
    AES_256_GCM = 2


class Place(NamedTuple):
    """Where a cell stands; a ciphertext moved to another table, column or row does not open."""

    table: str
    column: str
    row: str

    def associated(self, head: bytes) -> bytes:
        """Return the associated data; raise ValueError for a table or column that holds the
        separator.
        """
        if "|" in self.table or "|" in self.column:
            raise ValueError("a table or column name holds the separator")
        return head + f"{self.table}|{self.column}|{self.row}".encode()


class FieldCipher:
    """Encrypts text of single columns with the ring's active key and decrypts with any key of the
    ring.
    """

    def __init__(self, ring: KeyRing, algorithm: Algorithm, entropy: Entropy) -> None:
        self._ring = ring
        self._algorithm = algorithm
        self._entropy = entropy

    def encrypt(self, text: str, place: Place) -> bytes:
        """Return the cell of a text; 18 characters become 49 bytes and the key's name."""
        return self.encrypt_bytes(text.encode(), place)

    def encrypt_bytes(self, data: bytes, place: Place) -> bytes:
        """Return the cell of bytes; it begins with an octet that no file begins with."""
        name = self._ring.active.encode("ascii")
        head = bytes((_VERSION, self._algorithm.value, len(name))) + name
        nonce = self._entropy(sm4.NONCE_SIZE)
        key = self._key(self._ring.active, self._algorithm)
        associated = place.associated(head)
        if self._algorithm is Algorithm.SM4_GCM:
            sealed = sm4.encrypt_gcm(key, nonce, data, associated)
        else:
            sealed = AESGCM(key).encrypt(nonce, data, associated)
        return head + nonce + sealed

    def decrypt(self, cell: bytes, place: Place) -> str:
        """Return the text; raise DecryptionFailed when the cell was changed, moved, or its key is
        lost.
        """
        return self.decrypt_bytes(cell, place).decode()

    def decrypt_bytes(self, cell: bytes, place: Place) -> bytes:
        """Return the bytes; raise DecryptionFailed as ``decrypt`` does."""
        algorithm, name, start = _read_head(cell)
        key = self._key(name, algorithm)
        nonce, sealed = cell[start : start + sm4.NONCE_SIZE], cell[start + sm4.NONCE_SIZE :]
        associated = place.associated(cell[:start])
        if algorithm is Algorithm.SM4_GCM:
            return sm4.decrypt_gcm(key, nonce, sealed, associated)
        try:
            return AESGCM(key).decrypt(nonce, sealed, associated)
        except InvalidTag:
            raise DecryptionFailed("the authentication tag does not match") from None

    @staticmethod
    def is_cell(data: bytes) -> bool:
        """Return whether bytes are a cell and not a file that was stored as it is."""
        return data[:1] == bytes((_VERSION,))

    def is_current(self, cell: bytes) -> bool:
        """Return whether a cell has today's algorithm and key, or should be encrypted again."""
        algorithm, name, _start = _read_head(cell)
        return algorithm is self._algorithm and name == self._ring.active

    def _key(self, name: str, algorithm: Algorithm) -> bytes:
        length = sm4.KEY_SIZE if algorithm is Algorithm.SM4_GCM else 32
        return self._ring.derive(name, f"field:{algorithm.name}", length)


def blind_index(value: str, key: bytes, label: str) -> str:
    """Return 32 hexadecimal digits of HMAC-SM3 over a normalised value, for equality search only.

    ``label`` is ``table.column``, so that equal values in two columns do not show. Citizen ids are
    few enough to be guessed through: the key is as sensitive as the data and must not be one that
    encrypts it.
    """
    if "\0" in label:
        raise ValueError("a label holds no zero byte")
    return sm3.hmac(key, label.encode() + b"\0" + value.encode())[:INDEX_SIZE].hex()


def _read_head(cell: bytes) -> tuple[Algorithm, str, int]:
    if len(cell) < _HEAD or cell[0] != _VERSION:
        raise DecryptionFailed("not an encrypted field of a known version")
    start = _HEAD + cell[2]
    if len(cell) < start + sm4.NONCE_SIZE + sm4.TAG_SIZE:
        raise DecryptionFailed("the encrypted field is truncated")
    try:
        return Algorithm(cell[1]), cell[_HEAD:start].decode("ascii"), start
    except ValueError:
        raise DecryptionFailed("the encrypted field names no known algorithm or key") from None
