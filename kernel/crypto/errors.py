"""What can go wrong with keys and ciphertexts; no text repeats key material or plain text."""

from __future__ import annotations

from kernel.errors import Failure, InvalidInput, Text


class CryptoUnavailable(Failure):
    """This machine has no backend that may do what was asked."""

    code = "crypto_unavailable"
    status = 503
    title = Text("密码服务不可用", "Cryptography unavailable")
    citizen = Text(
        "系统的密码服务暂不可用，请稍后再试。",
        "The cryptographic service is not available; please try again later.",
    )
    clerk = Text(
        "国密算法库不可用，请联系运维检查 libcrypto。",
        "SM2 is not available on this server; operations should check libcrypto.",
    )


class InvalidKey(InvalidInput):
    """Bytes that are not a usable SM2 key."""

    code = "key_invalid"
    title = Text("密钥无效", "The key is invalid")


class DecryptionFailed(InvalidInput):
    """A ciphertext that is malformed, was changed, or belongs to another key or place."""

    code = "decryption_failed"
    title = Text("解密失败", "Decryption failed")
