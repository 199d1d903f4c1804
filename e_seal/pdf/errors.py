"""What can be wrong with a PDF file."""

from typing import ClassVar


class PdfError(ValueError):
    """A PDF file cannot be read or sealed; ``code`` is stable."""

    code: ClassVar[str] = "PDF_MALFORMED"


class PdfMalformed(PdfError):
    """The file is broken, or built to exhaust its reader."""


class PdfUnsupported(PdfError):
    """The file is encrypted, or certified against any change."""

    code = "PDF_UNSUPPORTED"
