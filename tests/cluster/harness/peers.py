"""The byte-level peers of the integration tests, for the tests of this folder."""
from support import websocket as ws
from support.dns import A, AAAA, DnsServer
from support.origin import Origin, answer, answering, closing_after
from support.peer import PATIENCE, Closed, Message, Peer, connect

__all__ = ["ws", "A", "AAAA", "DnsServer", "Origin", "answer", "answering", "closing_after", "PATIENCE", "Closed", "Message",
           "Peer", "connect"]
