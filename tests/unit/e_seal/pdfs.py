"""PDF files for tests: with a table, with cross-reference and object streams, and odd ones."""

import zlib

PAGE = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<>>>>"
BODIES = {
    1: "<</Type/Catalog/Pages 2 0 R>>",
    2: "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    3: PAGE,
    4: "<</Length 30>>\nstream\n0 0 1 RG 100 700 m 400 700 l S \nendstream",
}


def classic(bodies: dict[int, str] | None = None, *, trailer: str = "") -> bytes:
    """A file with a cross-reference table."""
    parts = BODIES if bodies is None else bodies
    out = bytearray(b"%PDF-1.4\n%\xe4\xb8\x80\n")
    places = {}
    for number, body in parts.items():
        places[number] = len(out)
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(out)
    out += f"xref\n0 {len(parts) + 1}\n0000000000 65535 f\r\n".encode()
    out += b"".join(b"%010d 00000 n\r\n" % places[number] for number in sorted(places))
    out += f"trailer\n<</Root 1 0 R/Size {len(parts) + 1}{trailer}>>\n".encode()
    return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())


def modern() -> bytes:
    """A file whose catalogue and pages lie in an object stream; the xref stream is predicted."""
    out = bytearray(b"%PDF-1.5\n%\xe4\xb8\x80\n")
    drawing = len(out)
    out += f"4 0 obj\n{BODIES[4]}\nendobj\n".encode()
    packed = {number: BODIES[number] for number in (1, 2, 3)}
    head, body = "", ""
    for number, text in packed.items():
        head += f"{number} {len(body)} "
        body += text + " "
    data = zlib.compress((head + body).encode())
    store = len(out)
    about = f"<</Type/ObjStm/N 3/First {len(head)}/Filter/FlateDecode/Length {len(data)}>>"
    out += f"5 0 obj\n{about}\nstream\n".encode() + data + b"\nendstream\nendobj\n"
    start = len(out)
    rows = [
        (0, 0, 0),
        (2, 5, 0),
        (2, 5, 1),
        (2, 5, 2),
        (1, drawing, 0),
        (1, store, 0),
        (1, start, 0),
    ]
    plain = [bytes([kind]) + place.to_bytes(3) + bytes([index]) for kind, place, index in rows]
    predicted, above = b"", bytes(5)
    for row in plain:
        # Prediction "up" of PNG.
        predicted += b"\2" + bytes((a - b) & 0xFF for a, b in zip(row, above, strict=True))
        above = row
    data = zlib.compress(predicted)
    about = (
        "<</Type/XRef/Size 7/Root 1 0 R/W[1 3 1]/Filter/FlateDecode"
        f"/DecodeParms<</Predictor 12/Columns 5>>/Length {len(data)}>>"
    )
    out += f"6 0 obj\n{about}\nstream\n".encode() + data + b"\nendstream\nendobj\n"
    return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())


FILES = {"classic": classic(), "modern": modern()}
