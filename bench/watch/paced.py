"""Requests at a fixed rate, whatever the answers do: each is due at a moment of its own, and its time counts from then, also
while it waits for a connection. One thread; prints one line of JSON.

    paced.py PORT RATE SECONDS CONNECTIONS WARM_SECONDS TARGET [FIELD...]

select() and not epoll_wait(): its wait is exact to the microsecond, and there are few connections.
"""
import collections
import gc
import json
import select
import socket
import sys
import time

ANSWER_MAX = 65536
ENDS_AFTER_S = 20.0  # for answers after the last request was due


def connect(port):
    one = socket.create_connection(("127.0.0.1", port), timeout=10)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.setblocking(False)
    return one


def length_of(answer):
    """Of the whole answer; 0 while its head is not there."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    at = answer.lower().find(b"\r\ncontent-length:", 0, end)
    if at < 0:
        raise SystemExit(f"an answer without Content-Length: {answer[:200]!r}")
    return end + 4 + int(answer[at + 17:answer.find(b"\r\n", at + 2)])


def run(port, rate, seconds, connections, warm, request):
    free = collections.deque(connect(port) for _ in range(connections))
    due_of, partial, waiting = {}, {}, collections.deque()
    times, late, bad, first_bad = [], [], 0, None
    sent = answered = 0
    total, warm_count = int(rate * (seconds + warm)), int(rate * warm)
    clock, step = time.perf_counter, 1 / rate
    begin = clock()
    while answered < total:
        now = clock()
        while sent < total and begin + sent * step <= now:
            waiting.append(begin + sent * step)
            sent += 1
        while waiting and free:
            one, due = free.popleft(), waiting.popleft()
            one.send(request)
            due_of[one] = due
            late.append(now - due)
        if sent == total and now - begin > total * step + ENDS_AFTER_S:
            raise SystemExit(f"{total - answered} requests were not answered within {ENDS_AFTER_S:g} s")
        left = begin + sent * step - clock() if sent < total else 1.0
        ready = select.select(due_of, (), (), max(left, 0.0))[0]
        for one in ready:
            data = one.recv(ANSWER_MAX)
            if not data:
                bad, first_bad = bad + 1, first_bad or "a connection was closed in the middle of a request"
                one.close()
                answered += 1
                del due_of[one]
                free.append(connect(port))
                continue
            if one in partial:
                data = partial.pop(one) + data
            length = length_of(data)
            if length == 0 or len(data) < length:
                partial[one] = data
                continue
            if not data.startswith(b"HTTP/1.1 200"):
                bad, first_bad = bad + 1, first_bad or data[:200].decode("latin-1")
            if answered >= warm_count:
                times.append(clock() - due_of[one])
            answered += 1
            del due_of[one]
            free.append(one)
    times.sort()
    late.sort()
    at = lambda values, share: values[min(len(values) - 1, int(share * len(values)))] * 1e6
    print(json.dumps({"requests": total, "bad": bad, "first_bad": first_bad, "p50_us": at(times, .5), "p99_us": at(times, .99),
                      "max_us": times[-1] * 1e6, "late_p99_us": at(late, .99), "busy_s": time.process_time()}))


def main():
    if len(sys.argv) < 7:
        raise SystemExit(__doc__)
    port, rate, seconds, connections, warm, target, *fields = sys.argv[1:]
    lines = [f"GET {target} HTTP/1.1", "Host: bench.example", "User-Agent: watch-bench", "Accept: */*", *fields]
    gc.disable()  # its pauses would be taken for the gateway's
    run(int(port), float(rate), float(seconds), int(connections), float(warm), "\r\n".join(lines).encode() + b"\r\n\r\n")


if __name__ == "__main__":
    main()
