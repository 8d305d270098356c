"""WebSocket echo origin: sends every message back as it came.

Usage: echo_origin.py ADDRESS PORT
Accepts permessage-deflate when offered, has no limits of its own, so that a failing case is the proxy's fault.
"""

import sys

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from twisted.internet import reactor


class Echo(WebSocketServerProtocol):
    def onMessage(self, payload, isBinary):
        self.sendMessage(payload, isBinary)


def accept_deflate(offers):
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer)
    return None


def main(address, port):
    factory = WebSocketServerFactory()
    factory.protocol = Echo
    factory.setProtocolOptions(failByDrop=False, maxFramePayloadSize=0, maxMessagePayloadSize=0, tcpNoDelay=True,
                               perMessageCompressionAccept=accept_deflate)
    reactor.listenTCP(port, factory, interface=address)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
