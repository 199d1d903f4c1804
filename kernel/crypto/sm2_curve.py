"""The SM2 curve in plain integers (GB/T 32918.5-2017): point arithmetic, Z and the key derivation
function.

Nothing here runs in constant time.
"""

from __future__ import annotations

from typing import Final

from kernel.crypto import sm3

P: Final = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF
A: Final = P - 3
B: Final = 0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93
N: Final = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123
G: Final = (
    0x32C4AE2C_1F198119_5F990446_6A39C994_8FE30BBF_F2660BE1_715A4589_334C74C7,
    0xBC3736A2_F4F6779C_59BDCEE3_6B692153_D0A9877C_C62A4740_02DF32E5_2139F0A0,
)

Point = tuple[int, int]
_Jacobian = tuple[int, int, int]
_INFINITY: Final[_Jacobian] = (1, 1, 0)
_LONGEST_USER_ID: Final = 0xFFFF // 8


def on_curve(point: Point) -> bool:
    """Return whether both coordinates are reduced and satisfy the curve's equation."""
    x, y = point
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x + A) * x - B) % P == 0


def multiply(factor: int, point: Point) -> Point | None:
    """Return factor × point, None for the point at infinity."""
    return _affine(_multiply(factor, point))


def combine(first: int, second: int, point: Point) -> Point | None:
    """Return first × G + second × point, the sum that verification needs; None for infinity."""
    return _affine(_add(_multiply(first, G), _multiply(second, point)))


def user_digest(point: Point, user_id: bytes) -> bytes:
    """Return Z, the digest of signer id, curve and public key that precedes every signed message.

    Raise ValueError for an id of more than 8191 bytes, whose bit length does not fit two bytes.
    """
    if len(user_id) > _LONGEST_USER_ID:
        raise ValueError("a signer id has at most 8191 bytes")
    head = (len(user_id) * 8).to_bytes(2) + user_id
    return sm3.digest(head + b"".join(number.to_bytes(32) for number in (A, B, *G, *point)))


def derive(shared: bytes, length: int) -> bytes:
    """Return ``length`` bytes of the key derivation function of GB/T 32918.4 over the shared
    secret.
    """
    blocks = range(1, (length + sm3.DIGEST_SIZE - 1) // sm3.DIGEST_SIZE + 1)
    return b"".join(sm3.digest(shared + block.to_bytes(4)) for block in blocks)[:length]


def _multiply(factor: int, point: Point) -> _Jacobian:
    total, addend = _INFINITY, (*point, 1)
    for bit in f"{factor % N:b}":
        total = _double(total)
        if bit == "1":
            total = _add(total, addend)
    return total


def _affine(point: _Jacobian) -> Point | None:
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if z == 0 or y == 0:
        return _INFINITY
    square = z * z % P
    slope = 3 * (x - square) * (x + square) % P  # the curve's a is -3
    y_square = y * y % P
    shared = 4 * x * y_square % P
    new_x = (slope * slope - 2 * shared) % P
    new_y = (slope * (shared - new_x) - 8 * y_square * y_square) % P
    return new_x, new_y, 2 * y * z % P


def _add(left: _Jacobian, right: _Jacobian) -> _Jacobian:
    if left[2] == 0:
        return right
    if right[2] == 0:
        return left
    left_square, right_square = left[2] * left[2] % P, right[2] * right[2] % P
    left_x, right_x = left[0] * right_square % P, right[0] * left_square % P
    left_y = left[1] * right_square * right[2] % P
    right_y = right[1] * left_square * left[2] % P
    width, height = (right_x - left_x) % P, (right_y - left_y) % P
    if width == 0:
        return _double(left) if height == 0 else _INFINITY
    width_square = width * width % P
    cube = width_square * width % P
    shared = left_x * width_square % P
    new_x = (height * height - cube - 2 * shared) % P
    new_y = (height * (shared - new_x) - left_y * cube) % P
    return new_x, new_y, width * left[2] * right[2] % P
