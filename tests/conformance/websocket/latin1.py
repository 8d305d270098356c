"""Bytes as text of Latin-1 characters, the form in which the converted cases hold them."""

import binascii


def to_bytes(value):
    return value.encode("latin1") if isinstance(value, str) else bytes(value)


def hex_text(value):
    return binascii.hexlify(to_bytes(value)).decode()
