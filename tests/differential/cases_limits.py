"""Sizes and numbers: long lines, long names, many fields, heads round the limits of the router (64 KiB, 256 fields)."""

from case import case, get

TITLE = "Limits"

_TOO_LARGE = (400, 431)


def _value(name, size, status=200):
    return case(name, get(b"X-A: " + b"a" * size + b"\r\n"), status)


def _fields(name, count, status=200):
    return case(name, get(b"".join(b"X-%d: v\r\n" % n for n in range(count))), status)


CASES = (
    _value("limit-value-1000", 1000),
    _value("limit-value-7000", 7000),
    _value("limit-value-15000", 15_000),
    _value("limit-value-30000", 30_000),
    _value("limit-value-60000", 60_000),
    _value("limit-value-66000", 66_000, _TOO_LARGE),
    _value("limit-value-200000", 200_000, _TOO_LARGE),
    _fields("limit-fields-50", 50),
    _fields("limit-fields-98", 98),
    _fields("limit-fields-150", 150),
    _fields("limit-fields-240", 240),
    _fields("limit-fields-300", 300, _TOO_LARGE),
    _fields("limit-fields-3000", 3000, _TOO_LARGE),
    case("limit-head-50-kb-of-fields", get(b"X-A: " + b"a" * 490 + b"\r\n" + (b"X-B: " + b"b" * 490 + b"\r\n") * 100),
         200),
    case("limit-head-80-kb-of-fields", get((b"X-B: " + b"b" * 490 + b"\r\n") * 160), _TOO_LARGE),
    case("limit-name-1000", get(b"X" * 1000 + b": v\r\n"), 200),
    case("limit-name-10000", get(b"X" * 10_000 + b": v\r\n"), (200, 400, 431)),
    case("limit-name-70000", get(b"X" * 70_000 + b": v\r\n"), _TOO_LARGE),
    case("limit-cookie-30-lines", get(b"Cookie: a=b\r\n" * 30), 200, watch=("cookie",)),
    case("limit-cookie-6000", get(b"Cookie: a=" + b"b" * 6000 + b"\r\n"), 200),
    case("limit-connection-1000-items", get(b"Connection: " + b"x-a," * 1000 + b"x-b\r\n"), (200, 400, 431)),
    case("limit-empty-lines-5000", b"\r\n" * 5000 + get(), (200, 400, 431)),
    case("limit-never-ending-line", b"GET /" + b"a" * 200_000, (400, 414, 431)),
    case("limit-never-ending-field", get()[:-2] + b"X-A: " + b"a" * 200_000, _TOO_LARGE),
    case("limit-never-ending-head", get()[:-2] + b"X-A: b\r\n" * 20_000, _TOO_LARGE),
    case("limit-never-ending-name", get()[:-2] + b"X" * 200_000, _TOO_LARGE),
)
