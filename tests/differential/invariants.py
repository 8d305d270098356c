"""What must hold for the router whatever a client sends: nothing smuggled, nothing altered, nothing out of step."""

from exchange import MARKER_TARGET

# Names that frame, route or steer; in a trailer section they must not be passed on (RFC 9110 6.5.1).
_NOT_IN_TRAILERS = (b"content-length", b"transfer-encoding", b"host", b"connection", b"authorization", b"te", b"trailer")


def broken(reading, outcome, marker):
    """Returns the broken invariants of one outcome, as texts; `marker`: a marker request followed the case."""
    faults = []
    faults += _requests_are_the_clients(reading, outcome)
    faults += _heads_are_unambiguous(outcome)
    faults += _answers_in_step(reading, outcome)
    faults += _end_of_connection(reading, outcome, marker)
    return faults


def _requests_are_the_clients(reading, outcome):
    """The origin sees requests the client framed, in their order, with their bodies, and no others."""
    faults = []
    if len(outcome.requests) > len(reading.requests):
        faults.append("the origin saw %d requests, the client framed %d" % (
            len(outcome.requests), len(reading.requests)))
    framed = iter(reading.requests)
    for seen in outcome.requests:
        for request in framed:
            if (request.method, request.origin_target, request.body) == (seen.method, seen.target, seen.body):
                break
        else:
            faults.append("the origin saw %r %r with %d bytes of body, which the client did not frame at that place" % (
                seen.method, seen.target, len(seen.body)))
            break
    for reason, data in outcome.garbage:
        faults.append("the origin got what is no request (%s): %r" % (reason, data[:120]))
    return faults


def _heads_are_unambiguous(outcome):
    """A forwarded head leaves no choice in how to frame it, not even to a lenient origin."""
    faults = []
    for seen in outcome.at_origin:
        lengths, codings = seen.values(b"content-length"), seen.values(b"transfer-encoding")
        if len(lengths) + len(codings) > 1:
            faults.append("forwarded head with %d framing fields: %r" % (len(lengths) + len(codings), seen.head[:300]))
        if lengths and not lengths[0].isdigit():
            faults.append("forwarded Content-Length %r" % lengths[0])
        if len(seen.values(b"host")) != 1:
            faults.append("forwarded head with %d Host fields" % len(seen.values(b"host")))
        for name, _ in seen.trailers:
            if name.lower() in _NOT_IN_TRAILERS or name.lower().startswith(b"x-sandbox-"):
                faults.append("forwarded the trailer field %r" % name)
        for name, _ in seen.fields:
            if name.replace(b"_", b"-").lower() in (b"content-length", b"transfer-encoding") and b"_" in name:
                faults.append("forwarded the underscore twin %r" % name)
    return faults


def _answers_in_step(reading, outcome):
    """Each answer of the origin reaches the client once, in the order of the requests, with its own body."""
    faults = []
    last = 0
    for response in outcome.responses + outcome.marker_responses:
        if not response.seen:
            continue
        if response.seen <= last or response.seen > len(outcome.at_origin):
            faults.append("answer to the origin's request %d comes after that to %d" % (response.seen, last))
            continue
        last = response.seen
        request = outcome.at_origin[last - 1]
        wanted = b"" if request.method == b"HEAD" else request.method + b" " + request.target + b" "
        if not response.body.startswith(wanted):
            faults.append("answer %r belongs to another request than %r" % (response.body[:80], request.target))
    limit = len(reading.requests) + (1 if reading.end != "complete" else 0)
    if outcome.end == "closed" and not limit and outcome.responses:
        limit = 0 if outcome.responses[-1].seen else 1  # empty lines alone may be refused
    if len(outcome.responses) > limit:
        faults.append("%d answers to %d requests" % (len(outcome.responses), limit))
    if outcome.junk:
        faults.append("bytes that are no response: %r" % outcome.junk[:120])
    return faults


def _end_of_connection(reading, outcome, marker):
    """After a violation the connection closes; else the marker is answered by its own answer, or it closes."""
    marker_seen = marker and any(r.target == MARKER_TARGET for r in outcome.at_origin)
    if reading.closes:
        if outcome.end != "closed":
            return ["the connection is not closed (%s) after: %s" % (outcome.end, reading.reason or "close")]
        return ["the marker after it reached the origin"] if marker_seen else []
    if reading.end == "incomplete":
        # Without a marker, an early refusal that waits for the rest of the body is "kept" and right.
        served = outcome.end == "kept" and (marker or outcome.responses[-1].seen)
        return ["an unfinished request was served as if it were whole"] if served else []
    if outcome.end == "waits":
        return ["a complete request is not answered"]
    if marker and outcome.end == "kept":
        answers = outcome.marker_responses
        if len(answers) != 1 or answers[0].status != 200 or not answers[0].seen:
            return ["the marker was not answered by the origin: %s" % [(a.status, a.body[:60]) for a in answers]]
        if outcome.at_origin[answers[0].seen - 1].target != MARKER_TARGET:
            return ["the marker was answered by another request's answer"]
    return []
