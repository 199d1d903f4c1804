"""What can be wrong with an OFD file."""

from typing import ClassVar


class OfdError(ValueError):
    """An OFD file cannot be read; ``code`` is stable."""

    code: ClassVar[str] = "OFD_MALFORMED"


class OfdMalformed(OfdError):
    """The container or its XML is broken or incomplete."""


class OfdUnsafe(OfdError):
    """The container is built to harm: bombs, path tricks, DTDs, duplicates."""

    code = "OFD_UNSAFE"
