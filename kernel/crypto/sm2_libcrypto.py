"""SM2 by the system's libcrypto (OpenSSL 3 or later) through ctypes, beside which others run."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_size_t, c_ulong, c_void_p
from functools import lru_cache
from types import SimpleNamespace
from typing import Final

from kernel.crypto.errors import CryptoUnavailable, DecryptionFailed, InvalidKey
from kernel.crypto.sm2_backends import DEFAULT_ID
from kernel.crypto.sm2_keys import PrivateKey, PublicKey
from kernel.errors import InvalidInput

LIBRARY_NAMES: Final = ("libcrypto.so.3", "libcrypto.so.4", "libcrypto.3.dylib")

_OLDEST: Final = 0x30000000
_SIGNATURE_BUFFER: Final = 128
_PUBLIC_CACHE: Final = 512
_PRIVATE_CACHE: Final = 16

_SIZE: Final = POINTER(c_size_t)
_HANDLE: Final = POINTER(c_void_p)
_BYTES: Final = POINTER(c_char_p)

# Name: (result, arguments). Without declared types a 64-bit pointer would be cut to 32 bits.
_FUNCTIONS: Final[dict[str, tuple[object, Sequence[object]]]] = {
    "OpenSSL_version_num": (c_ulong, ()),
    "OpenSSL_version": (c_char_p, (c_int,)),
    "ERR_get_error": (c_ulong, ()),
    "ERR_clear_error": (None, ()),
    "ERR_error_string_n": (None, (c_ulong, c_char_p, c_size_t)),
    "EVP_sm3": (c_void_p, ()),
    "d2i_PUBKEY": (c_void_p, (c_void_p, _BYTES, c_long)),
    "d2i_AutoPrivateKey": (c_void_p, (c_void_p, _BYTES, c_long)),
    "i2d_PrivateKey": (c_int, (c_void_p, _HANDLE)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_new": (c_void_p, (c_void_p, c_void_p)),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_set1_id": (c_int, (c_void_p, c_char_p, c_size_t)),
    "EVP_PKEY_keygen_init": (c_int, (c_void_p,)),
    "EVP_PKEY_generate": (c_int, (c_void_p, _HANDLE)),
    "EVP_PKEY_encrypt_init": (c_int, (c_void_p,)),
    "EVP_PKEY_encrypt": (c_int, (c_void_p, c_char_p, _SIZE, c_char_p, c_size_t)),
    "EVP_PKEY_decrypt_init": (c_int, (c_void_p,)),
    "EVP_PKEY_decrypt": (c_int, (c_void_p, c_char_p, _SIZE, c_char_p, c_size_t)),
    "EVP_MD_CTX_new": (c_void_p, ()),
    "EVP_MD_CTX_free": (None, (c_void_p,)),
    "EVP_MD_CTX_set_pkey_ctx": (None, (c_void_p, c_void_p)),
    "EVP_DigestSignInit": (c_int, (c_void_p, _HANDLE, c_void_p, c_void_p, c_void_p)),
    "EVP_DigestSign": (c_int, (c_void_p, c_char_p, _SIZE, c_char_p, c_size_t)),
    "EVP_DigestVerifyInit": (c_int, (c_void_p, _HANDLE, c_void_p, c_void_p, c_void_p)),
    "EVP_DigestVerify": (c_int, (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)),
}

_SLOW: Final = frozenset(
    {
        "EVP_PKEY_generate",
        "EVP_PKEY_encrypt",
        "EVP_PKEY_decrypt",
        "EVP_DigestSign",
        "EVP_DigestVerify",
    }
)
"""Worth handing the interpreter's lock to another thread: getting it back may take milliseconds."""

_Operation = Callable[..., int]


class _NativeKey:
    """Owns one EVP_PKEY. OpenSSL lets threads share it for reading; it is freed with the
    last user.
    """

    __slots__ = ("_free", "handle")

    def __init__(self, handle: int, free: Callable[[int], None]) -> None:
        self.handle = handle
        self._free = free

    def __del__(self) -> None:
        self._free(self.handle)


class LibcryptoBackend:
    """SM2 of OpenSSL. Raise CryptoUnavailable when no library loads or it was built without SM2."""

    def __init__(self, names: Sequence[str] = LIBRARY_NAMES) -> None:
        self._lib, library = _load(names)
        version = self._lib.OpenSSL_version(0).decode("ascii", "replace")
        self._name = f"{library} {version.split()[1]}"
        self._public = lru_cache(_PUBLIC_CACHE)(self._load_public)
        self._private = lru_cache(_PRIVATE_CACHE)(self._load_private)

    @property
    def name(self) -> str:
        return self._name

    def generate(self) -> PrivateKey:
        context = self._lib.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        handle = c_void_p()
        try:
            if (
                not context
                or self._lib.EVP_PKEY_keygen_init(context) != 1
                or self._lib.EVP_PKEY_generate(context, byref(handle)) != 1
            ):
                raise CryptoUnavailable(f"libcrypto cannot make an SM2 key: {self._errors()}")
            return self._export(_NativeKey(handle.value or 0, self._lib.EVP_PKEY_free))
        finally:
            self._lib.EVP_PKEY_CTX_free(context)

    def sign(self, key: PrivateKey, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
        with self._digest(self._private(key), self._lib.EVP_DigestSignInit, user_id) as context:
            buffer = ctypes.create_string_buffer(_SIGNATURE_BUFFER)
            size = c_size_t(_SIGNATURE_BUFFER)
            if self._lib.EVP_DigestSign(context, buffer, byref(size), message, len(message)) != 1:
                raise CryptoUnavailable(f"libcrypto cannot sign: {self._errors()}")
            return buffer.raw[: size.value]

    def verify(
        self, key: PublicKey, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID
    ) -> bool:
        with self._digest(self._public(key), self._lib.EVP_DigestVerifyInit, user_id) as context:
            verdict: int = self._lib.EVP_DigestVerify(
                context, signature, len(signature), message, len(message)
            )
            if verdict != 1:
                self._lib.ERR_clear_error()
            return verdict == 1

    def encrypt(self, key: PublicKey, plaintext: bytes) -> bytes:
        if not plaintext:
            raise InvalidInput("SM2 encrypts at least one byte")
        result = self._transform(
            self._public(key),
            self._lib.EVP_PKEY_encrypt_init,
            self._lib.EVP_PKEY_encrypt,
            plaintext,
        )
        if result is None:
            raise CryptoUnavailable(f"libcrypto cannot encrypt: {self._errors()}")
        return result

    def decrypt(self, key: PrivateKey, ciphertext: bytes) -> bytes:
        result = self._transform(
            self._private(key),
            self._lib.EVP_PKEY_decrypt_init,
            self._lib.EVP_PKEY_decrypt,
            ciphertext,
        )
        if not result:
            raise DecryptionFailed(f"libcrypto refuses the ciphertext: {self._errors()}")
        return result

    def _load_public(self, key: PublicKey) -> _NativeKey:
        return self._parse(self._lib.d2i_PUBKEY, key.to_der())

    def _load_private(self, key: PrivateKey) -> _NativeKey:
        return self._parse(self._lib.d2i_AutoPrivateKey, key.to_der())

    def _parse(self, parser: Callable[..., int | None], data: bytes) -> _NativeKey:
        handle = parser(None, byref(c_char_p(data)), len(data))
        if not handle:
            raise InvalidKey(f"libcrypto refuses the key: {self._errors()}")
        # Decoders that were tried in vain leave entries in the thread's error queue.
        self._lib.ERR_clear_error()
        return _NativeKey(handle, self._lib.EVP_PKEY_free)

    def _export(self, key: _NativeKey) -> PrivateKey:
        size: int = self._lib.i2d_PrivateKey(key.handle, None)
        if size <= 0:
            raise CryptoUnavailable(f"libcrypto cannot export its key: {self._errors()}")
        buffer = ctypes.create_string_buffer(size)
        self._lib.i2d_PrivateKey(key.handle, byref(c_void_p(ctypes.addressof(buffer))))
        data = buffer.raw
        ctypes.memset(buffer, 0, size)
        return PrivateKey.from_ec_der(data)

    @contextmanager
    def _digest(self, key: _NativeKey, init: _Operation, user_id: bytes) -> Iterator[int]:
        digest = self._lib.EVP_MD_CTX_new()
        context = self._lib.EVP_PKEY_CTX_new(key.handle, None)
        try:
            if (
                not digest
                or not context
                or self._lib.EVP_PKEY_CTX_set1_id(context, user_id, len(user_id)) != 1
            ):
                raise CryptoUnavailable(f"libcrypto takes no SM2 signer id: {self._errors()}")
            self._lib.EVP_MD_CTX_set_pkey_ctx(digest, context)
            if init(digest, None, self._lib.EVP_sm3(), None, key.handle) != 1:
                raise CryptoUnavailable(f"libcrypto has no SM2 with SM3: {self._errors()}")
            yield digest
        finally:
            # set_pkey_ctx left the ownership of the key context here.
            self._lib.EVP_MD_CTX_free(digest)
            self._lib.EVP_PKEY_CTX_free(context)

    def _transform(
        self, key: _NativeKey, init: _Operation, run: _Operation, data: bytes
    ) -> bytes | None:
        context = self._lib.EVP_PKEY_CTX_new(key.handle, None)
        try:
            size = c_size_t()
            if (
                not context
                or init(context) != 1
                or run(context, None, byref(size), data, len(data)) != 1
            ):
                return None
            buffer = ctypes.create_string_buffer(max(size.value, 1))
            if run(context, buffer, byref(size), data, len(data)) != 1:
                return None
            return buffer.raw[: size.value]
        finally:
            self._lib.EVP_PKEY_CTX_free(context)

    def _errors(self) -> str:
        code: int = self._lib.ERR_get_error()
        self._lib.ERR_clear_error()
        if not code:
            return "no reason given"
        text = ctypes.create_string_buffer(256)
        self._lib.ERR_error_string_n(code, text, len(text))
        return text.value.decode("ascii", "replace")


def _load(names: Sequence[str]) -> tuple[SimpleNamespace, str]:
    reasons = []
    for name in names:
        try:
            free, held = ctypes.CDLL(name), ctypes.PyDLL(name)
            functions = {}
            for function, (result, arguments) in _FUNCTIONS.items():
                symbol = getattr(free if function in _SLOW else held, function)
                symbol.restype = result
                symbol.argtypes = arguments
                functions[function] = symbol
        except (OSError, AttributeError) as error:
            reasons.append(f"{name}: {error}")
            continue
        library = SimpleNamespace(**functions)
        if library.OpenSSL_version_num() >= _OLDEST:
            return library, name
        reasons.append(f"{name}: older than OpenSSL 3")
    raise CryptoUnavailable("no usable libcrypto 3; " + "; ".join(reasons))
