"""What can go wrong with the registry of clients."""

from __future__ import annotations

from kernel.errors import Conflict, InvalidInput, NotFound, Text


class ClientUnknown(NotFound):
    """No client is registered under this id."""

    code = "client_unknown"
    title = Text("接入应用未登记", "Unknown client")


class ClientInvalid(InvalidInput):
    """Something about a client cannot be right; ``detail`` says what."""

    code = "client_invalid"
    title = Text("接入应用登记内容有误", "The client's registration is invalid")


class ClientExists(Conflict):
    """The id is taken."""

    code = "client_exists"
    title = Text("接入应用已登记", "The client is registered already")


class TooManyKeys(Conflict):
    """Two keys of this kind are active; one must be retired first."""

    code = "client_keys_full"
    title = Text("有效密钥已达上限", "The client has two active keys of this kind")


class KeyUnknown(NotFound):
    """The client has no such key."""

    code = "client_key_unknown"
    title = Text("密钥不存在", "Unknown key")
