"""The messages of JIS with the vendor's own field names, and the cipher in which user
data travel.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LOGIN_PATH: Final = "/JIS/front/login.do"
INTERFACE_PATH: Final = "/JIS/sso/interface.do"
LOGOUT_PATH: Final = "/JIS/front/logout.do"
"""OURS: no public integration shows the logout address of the classic product."""

APPWORD_LENGTH: Final = 16
TIME_FORMAT: Final = "%Y%m%d%H%M%S"
"""Beijing time."""
USER_TYPE_PERSON: Final = "1"
USER_TYPE_LEGAL: Final = "2"

_BLOCK_BITS: Final = 128


class Service:
    """Values of ``servicename``."""

    TICKET_VALIDATE: Final = "ticketValidate"
    FIND_PERSON: Final = "findOutsideUserByToken"
    FIND_CORPORATION: Final = "findCorUserByToken"


class Retcode:
    """Values of ``retcode``. Only that of success is published; the others are OURS."""

    OK: Final = "000000"
    APP_UNKNOWN: Final = "100001"
    SIGN_WRONG: Final = "100002"
    TIME_STALE: Final = "100003"
    SERVICE_UNKNOWN: Final = "100004"
    PARAMS_WRONG: Final = "100005"
    TICKET_UNKNOWN: Final = "200001"
    TICKET_EXPIRED: Final = "200002"
    TICKET_USED: Final = "200003"
    TOKEN_INVALID: Final = "200004"
    USER_TYPE_WRONG: Final = "200005"
    ACCOUNT_DISABLED: Final = "300001"
    BUSY: Final = "900001"


class _Message(BaseModel):
    # Deployments differ in whether codes are numbers or texts, and in what else they send.
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Answer(_Message):
    """What interface.do answers; ``data`` is a JSON text, sometimes in another one,
    or hexadecimal.
    """

    retcode: Short
    msg: str | None = None
    data: Any = None


class TokenData(_Message):
    """``data`` of ticketValidate."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=1_024)] = Field(repr=False)


class PersonUser(_Message):
    """Decrypted ``data`` of findOutsideUserByToken."""

    uuid: Short | None = None
    loginname: Short | None = Field(default=None, repr=False)
    name: Short | None = Field(default=None, repr=False)
    paperstype: Short | None = None
    """1 居民身份证, 3 港澳通行证, 4 台湾通行证, 5 外国人永久居留证."""
    papersnumber: Short | None = Field(default=None, repr=False)
    cardid: Short | None = Field(default=None, repr=False)
    mobile: Short | None = Field(default=None, repr=False)
    isauth: Short | None = None
    """1 实名, 0 未实名."""
    authlevel: Short | None = None
    """0 未认证, 1 初级, 2 中级, 3 高级."""


class CorporationUser(PersonUser):
    """Decrypted ``data`` of findCorUserByToken: the corporation, and the operator in the person's
    fields.

    The real one carries no ``authlevel``; a deployment that sends the operator's is believed.
    """

    corname: Short | None = None
    cornumber: Short | None = None
    """统一社会信用代码."""
    corporationid: Short | None = None
    corrole: Short | None = None
    """0 经办人, 1 管理员, 2 法定代表人."""
    cortype: Short | None = None
    corusername: Short | None = Field(default=None, repr=False)
    """法定代表人."""
    corusercardtype: Short | None = None
    corusercardid: Short | None = Field(default=None, repr=False)


class NotOurCipher(ValueError):
    """User data that do not decrypt; the text repeats nothing of them."""


def _cipher(appword: str) -> Cipher[modes.ECB]:
    # ECB without authentication is the dialect of JIS, not a choice of ours: user data travel so
    # and only inside TLS.
    return Cipher(algorithms.AES128(appword.encode("ascii")), modes.ECB())  # noqa: S305


def encrypt_data(text: str, appword: str) -> str:
    """Return lower-case hexadecimal AES-128-ECB with PKCS#7; the key is the 16
    ASCII ``appword``.
    """
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = _cipher(appword).encryptor()
    return (encryptor.update(padded) + encryptor.finalize()).hex()


def decrypt_data(hexadecimal: str, appword: str) -> str:
    """Return what ``encrypt_data`` encrypted; raise NotOurCipher for anything else."""
    try:
        decryptor = _cipher(appword).decryptor()
        padded = decryptor.update(bytes.fromhex(hexadecimal)) + decryptor.finalize()
        unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:
        # Not chained: a decoding error repeats the plain text.
        raise NotOurCipher("user data do not decrypt with this appword") from None
