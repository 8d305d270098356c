"""The fuzzing client: runs converted Autobahn cases against one WebSocket URL.

`run_cases(url, headers, case_dir, groups)` returns {case id: Outcome}. A case talks to a protocol object; this one
turns the cases' Latin-1 text into bytes on the way out and back on the way in. It may run once in a process.
"""

import dataclasses
import sys
import warnings

import latin1

PARALLEL = 4
CASE_TIMEOUT_S = 60.0
CLEAN = ("OK", "INFORMATIONAL", "NON-STRICT")


@dataclasses.dataclass(frozen=True)
class Outcome:
    behavior: str
    close_behavior: str
    detail: str

    @property
    def clean(self):
        return self.behavior in CLEAN and self.close_behavior in CLEAN


def _load_cases(case_dir):
    """Imports the converted cases; their own UTF-8 checker has to be fed bytes."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, case_dir)
    import autobahn.websocket.utf8validator as module
    original = module.Utf8Validator

    class FromLatin1(original):
        def validate(self, text):
            return super().validate(latin1.to_bytes(text))

    module.Utf8Validator = FromLatin1
    try:
        from autobahntestsuite.case import Cases
        from autobahntestsuite.case.case import Case
    finally:
        module.Utf8Validator = original
    # Python 3 compares tuples of text and None by ==; the cases' own comparison pickles them.
    Case.compare = lambda self, one, other: one == other
    return Cases


def _case_id(case):
    return case.__name__[len("Case"):].replace("_", ".")


def case_key(case_id):
    """Sorts "2.10" after "2.9"."""
    return [int(part) for part in case_id.split(".")]


def run_cases(url, headers, case_dir, groups):
    """Runs every case of the groups ("1", "9", ...), four at a time."""
    from twisted.internet import reactor
    import txaio
    from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol, connectWS

    cases = _load_cases(case_dir)
    waiting = [case for case in cases if _case_id(case).split(".")[0] in groups]
    waiting.reverse()
    outcomes = {}
    running = 0

    def finish(case_id, case):
        nonlocal running
        if case_id in outcomes:
            return
        if case is None:
            outcomes[case_id] = Outcome("NO CONNECTION", "NO CONNECTION", "the proxy could not be reached")
        else:
            outcomes[case_id] = Outcome(case.behavior, case.behaviorClose, "%s %s" % (case.result, case.resultClose))
        running -= 1
        start_more()

    class Protocol(WebSocketClientProtocol):
        """What a case calls `self.p`: sends, timers and the statistics some cases read."""

        def connectionMade(self):
            self.connectionWasOpen = False
            self.createWirelog = False
            self.rxFrameStats, self.txFrameStats = {}, {}
            self.rxOctetStats, self.txOctetStats = {}, {}
            self.timers = []
            self.runCase = self.factory.case(self)
            super().connectionMade()
            self.timers.append(reactor.callLater(CASE_TIMEOUT_S, self.dropConnection, True))

        def enableWirelog(self, enable):
            pass

        def _later(self, delay_s, action):
            def run_if_open():
                if self.state != self.STATE_CLOSED:
                    action()
            self.timers.append(reactor.callLater(delay_s, run_if_open))

        def continueLater(self, delay, action, tag=None):
            self._later(delay, action)

        def killAfter(self, delay):
            self._later(delay, self._fail_connection)

        def closeAfter(self, delay):
            self._later(delay, lambda: WebSocketClientProtocol.sendClose(self))

        def sendFrame(self, opcode, payload=b"", **options):
            if isinstance(options.get("mask"), str):
                options["mask"] = latin1.to_bytes(options["mask"])
            self.txFrameStats[opcode] = self.txFrameStats.get(opcode, 0) + 1
            return super().sendFrame(opcode=opcode, payload=latin1.to_bytes(payload), **options)

        def sendMessage(self, payload, isBinary=False, **options):
            return super().sendMessage(latin1.to_bytes(payload), isBinary, **options)

        def sendMessageFrameData(self, payload, sync=False):
            return super().sendMessageFrameData(latin1.to_bytes(payload), sync)

        def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
            reason = latin1.to_bytes(reasonUtf8) if reasonUtf8 else None
            return super().sendCloseFrame(code, reason, isReply)

        def onOpen(self):
            self.connectionWasOpen = True
            self.runCase.onOpen()

        def onMessage(self, payload, isBinary):
            self.runCase.onMessage(payload.decode("latin1"), isBinary)

        def onPing(self, payload):
            self.runCase.onPing(payload.decode("latin1"))
            super().onPing(payload)

        def onPong(self, payload):
            self.runCase.onPong(payload.decode("latin1"))

        def onClose(self, wasClean, code, reason):
            self.runCase.onClose(wasClean, code, reason)

        def connectionLost(self, reason):
            super().connectionLost(reason)
            for timer in self.timers:
                if timer.active():
                    timer.cancel()
            try:
                self.runCase.onConnectionLost(self.failedByMe)
            except Exception as error:  # a case that breaks is a failed case, and says why
                self.runCase.behavior = "FAILED"
                self.runCase.result = "the case itself raised %r" % error
            finish(self.factory.case_id, self.runCase)

    class Factory(WebSocketClientFactory):
        protocol = Protocol
        noisy = False

        def clientConnectionFailed(self, connector, reason):
            finish(self.case_id, None)

    def start_more():
        nonlocal running
        while waiting and running < PARALLEL:
            case = waiting.pop()
            running += 1
            factory = Factory(url, headers=headers)
            factory.case, factory.case_id = case, _case_id(case)
            factory.setProtocolOptions(failByDrop=False, maxFramePayloadSize=0, maxMessagePayloadSize=0,
                                       openHandshakeTimeout=10, closeHandshakeTimeout=5)
            connectWS(factory)
        if not waiting and not running and reactor.running:
            reactor.stop()

    streams = sys.stdout, sys.stderr
    txaio.start_logging(level="critical")  # takes the two streams for itself
    reactor.callWhenRunning(start_more)
    reactor.run()
    sys.stdout, sys.stderr = streams
    return outcomes
