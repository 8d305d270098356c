"""Renew intents from the program into a real Redis: contract opensandbox-ingress 6: "at most one intent per sandbox
and interval"."""
import collections
import datetime
import json
import re
import signal
import threading
import time
import unittest

from harness.boxes import PORT, box
from harness.cluster import BATCH, Cluster
from harness.gateway import Gateway
from harness.process import eventually
from harness.redis import RedisServer

KEY = "opensandbox:renew:intent"
SANDBOXES = 500
REQUESTS = 50_000


def plain(peer):
    """A script: a short answer to every request, as fast as Python can; requests have no body."""
    peer.sock.settimeout(None)
    left = b""
    while True:
        data = peer.sock.recv(65536)
        if not data:
            return
        left += data
        count = left.count(b"\r\n\r\n")
        if count:
            left = left[left.rindex(b"\r\n\r\n") + 4:]
            peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * count)


def load(ingress, names, rounds, statuses):
    """`rounds` requests for each of `names`, in order, many at once on one connection. Counts the answers by status."""
    batch = b"".join(b"GET /x HTTP/1.1\r\nHost: %s-%d.example\r\n\r\n" % (name.encode(), PORT) for name in names)
    with ingress.connect() as client:
        client.sock.settimeout(60)
        for _ in range(rounds):
            client.sock.sendall(batch)
            wanted, seen, left = len(names), 0, b""
            while seen < wanted:
                data = client.sock.recv(1 << 20)
                if not data:
                    raise AssertionError("the ingress closed the connection")
                left += data
                # A status line may come in two pieces: what is behind the last whole line waits.
                end = left.rfind(b"\r\n") + 2
                for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", left[:end]):
                    statuses[int(status)] += 1
                    seen += 1
                left = left[end:]


def seconds(text):
    """Of RFC 3339 with up to nine digits of a second."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    begun = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc).timestamp()
    return begun + float("0." + (fraction or "0"))


class Many(unittest.TestCase):
    def test_at_most_one_a_sandbox_and_interval(self):
        """50,000 requests over 500 sandboxes on four connections."""
        redis = RedisServer()
        self.addCleanup(redis.stop)
        cluster = Cluster()
        self.addCleanup(cluster.stop)
        origin = box(self, plain)
        names = [f"sb{i}" for i in range(SANDBOXES)]
        for name in names:
            cluster.must("POST", BATCH.format(ns="default"), {
                "apiVersion": "sandbox.opensandbox.io/v1alpha1", "kind": "BatchSandbox",
                "metadata": {"name": name, "annotations": {"sandbox.opensandbox.io/endpoints": json.dumps([origin.ip])}},
                "spec": {"replicas": 1}})
            cluster.batch_status(name)
        for interval in (3600, 1):
            with self.subTest(interval=interval):
                redis.ask("DEL", KEY)
                with Gateway("ingress", cluster, "--renew-intent-enabled", f"--renew-intent-redis-dsn={redis.dsn()}",
                             f"--renew-intent-min-interval={interval}", "--access-log=false", workers=2) as ingress:
                    self.flood(ingress, redis, names, interval)

    def flood(self, ingress, redis, names, interval):
        statuses = collections.Counter()
        begun = time.time()
        # Each sandbox by all four connections: two of them want the same one's interval at the same time.
        threads = [threading.Thread(target=load, args=(ingress, names, REQUESTS // SANDBOXES // 4, statuses)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.time() - begun
        self.assertEqual(statuses, {200: REQUESTS})
        metric = lambda name: ingress.metrics()[f"sandgate_renew_intents_{name}_total"]
        eventually(lambda: metric("sent") + metric("throttled") + metric("dropped") + metric("failed") == REQUESTS, "the sums")
        sent = metric("sent")
        self.assertEqual((metric("dropped"), metric("failed")), (0, 0))
        intents = [json.loads(text) for text in redis.ask("LRANGE", KEY, 0, -1)]
        self.assertEqual(len(intents), sent)
        times = collections.defaultdict(list)
        for intent in intents:
            self.assertEqual(list(intent), ["sandbox_id", "observed_at", "port"])
            self.assertEqual(intent["port"], PORT)
            times[intent["sandbox_id"]].append(seconds(intent["observed_at"]))
        self.assertEqual(set(times), set(names), "a sandbox without an intent")
        for name, seen in times.items():
            self.assertLessEqual(len(seen), took // interval + 1, name)
            seen.sort()
            for earlier, later in zip(seen, seen[1:]):
                # The time of a turn of the loop is what is written, that of the call is what is counted.
                self.assertGreater(later - earlier, interval - 0.2, name)
        if interval == 3600:
            self.assertEqual(len(intents), SANDBOXES)


class One(unittest.TestCase):
    """One sandbox, one ingress for each test."""

    def begin(self, *flags, mode="header", password=None, redis=(), dsn=None, db=0):
        self.redis = RedisServer(*redis, password=password)
        self.addCleanup(self.redis.stop)
        self.cluster = Cluster()
        self.addCleanup(self.cluster.stop)
        self.origin = box(self)
        for name in ("sb", "locked"):
            self.cluster.batch(name, endpoints=[self.origin.ip], token="secret" if name == "locked" else None)
        self.ingress = Gateway("ingress", self.cluster, f"--mode={mode}", "--renew-intent-enabled",
                               f"--renew-intent-redis-dsn={dsn or self.redis.dsn(db)}", "--renew-intent-min-interval=0", *flags)
        self.addCleanup(self.ingress.stop)

    def intents(self, key=KEY, db=0):
        return [json.loads(text) for text in self.redis.ask("LRANGE", key, 0, -1, db=db)][::-1]

    def counted(self, name):
        return self.ingress.metrics()[f"sandgate_renew_intents_{name}_total"]

    def get(self, name, *fields, port=PORT, path="/a"):
        return self.ingress.get(path, f"OpenSandbox-Ingress-To: {name}-{port}", *fields).status

    def test_who_is_told_of(self):
        """Every request that passed route, look-up and access, also where nobody listens; nothing else."""
        self.begin()
        begun = time.time()
        self.assertEqual(self.get("sb"), 200)
        self.assertEqual(self.get("sb", port=1), 502)
        self.assertEqual(self.get("nobody"), 404)
        self.assertEqual(self.get("locked"), 401)
        self.assertEqual(self.get("sb", port="x"), 400)
        self.assertEqual(self.get("sb", "OpenSandbox-Access-Renew: skip"), 200)
        self.assertEqual(self.ingress.get("/status.ok").status, 200)
        self.assertEqual(self.get("locked", "OpenSandbox-Secure-Access: secret"), 200)
        eventually(lambda: self.counted("sent") == 3, "three intents")
        seen = self.intents()
        self.assertEqual([(one["sandbox_id"], one["port"], "request_uri" in one) for one in seen],
                         [("sb", PORT, False), ("sb", 1, False), ("locked", PORT, False)])
        for one in seen:
            self.assertRegex(one["observed_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")
            self.assertLess(abs(seconds(one["observed_at"]) - begun), 60)

    def test_uri_mode_tells_the_path(self):
        self.begin(mode="uri")
        self.assertEqual(self.ingress.get(f"/sb/{PORT}/a%2Fb/%3C?q=secret").status, 200)
        eventually(lambda: self.counted("sent") == 1, "the intent")
        text = self.redis.ask("LRANGE", KEY, 0, -1)[0]
        self.assertEqual(json.loads(text)["request_uri"], "/a/b/<")
        self.assertIn("\\u003c", text)

    def test_password_database_key_and_cap(self):
        self.begin("--renew-intent-queue-key=a:b", "--renew-intent-queue-max-len=5", password="pass-word", db=3)
        for at in range(12):
            self.assertEqual(self.get("sb", port=PORT if at < 11 else 1), 200 if at < 11 else 502)
        eventually(lambda: self.counted("sent") == 12, "the intents")
        self.assertEqual([one["port"] for one in self.intents("a:b", 3)], [PORT] * 4 + [1])
        self.assertNotIn("pass-word", self.ingress.program.log())

    def test_redis_away_and_back(self):
        self.begin()
        self.redis.halt()
        for _ in range(20):
            self.assertEqual(self.get("sb"), 200)
        eventually(lambda: self.counted("failed") > 0, "a failure")
        self.ingress.program.wait_record(lambda one: one.get("msg") == "renewintent: redis publish failed")
        self.redis.start()

        def arrives():
            self.assertEqual(self.get("sb"), 200)
            return self.intents()
        eventually(arrives, "an intent after Redis came back")

    def test_redis_that_hangs_or_is_full_delays_nobody(self):
        self.begin(redis=["--maxmemory", "1", "--maxmemory-policy", "noeviction"])
        self.assertEqual(self.get("sb"), 200)
        eventually(lambda: self.counted("failed") == 1, "what a full Redis refuses")
        self.redis.signal(signal.SIGSTOP)
        begun = time.monotonic()
        for _ in range(200):
            self.assertEqual(self.get("sb"), 200)
        # 200 that each wait 5 s for Redis, the contract's limit of one operation.
        self.assertLess(time.monotonic() - begun, 20)
        self.redis.signal(signal.SIGCONT)

    def test_options_without_effect_are_named(self):
        self.begin(dsn="redis://127.0.0.1:1/0?pool_size=7&dial_timeout=3s")
        record = self.ingress.program.wait_record(lambda one: "renew-intent-redis-dsn" in one.get("msg", ""))
        self.assertEqual(record["level"], "warn")
        self.assertEqual(sorted(record["options"].split(", ")), ["dial_timeout", "pool_size"])


if __name__ == "__main__":
    unittest.main()
