"""Path proxy, contract path-proxy 2 and 3: routes, health, the list of sandboxes, the fixed errors."""
import datetime
import json
import re
import unittest

from harness.boxes import box
from harness.gateway import Gateway, told
from harness.path_case import PathCase
from harness.process import eventually

INVALID = ('{"error":"Invalid path","message":"Expected format: /{username}/{sandboxname}/{endpoint}",'
           '"example":"/alice/my-sandbox/execute"}')


class Health(PathCase):
    def test_body_and_timestamp(self):
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
        answer = self.get("/health")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.get("content-type"), b"application/json; charset=utf-8")
        self.assertEqual(answer.get("content-length"), b"%d" % len(answer.body))
        found = re.fullmatch(r'\{"status":"ok","sandboxes":\d+,"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z"\}',
                             answer.body.decode())
        self.assertTrue(found, answer.body)
        stamp = datetime.datetime.fromisoformat(found.group(1)).replace(tzinfo=datetime.timezone.utc)
        self.assertLess(before, stamp)
        self.assertLess(stamp, before + datetime.timedelta(seconds=30))
        self.assertEqual(answer.all("x-powered-by") + answer.all("etag"), [])

    def test_trailing_slash_and_letter_case(self):
        for target in ("/health/", "/HEALTH", "/Health", "/hEaLtH/", "/health?x=1"):
            with self.subTest(target):
                self.assertEqual(json.loads(self.get(target).body)["status"], "ok")

    def test_head_has_no_body(self):
        for target in ("/health", "/sandboxes"):
            with self.proxy.connect() as client:
                answer = self.proxy.ask("HEAD", target, client=client)
                self.assertEqual(answer.status, 200)
                self.assertGreater(int(answer.get("content-length")), 10)
                # Nothing of a body is before the next answer.
                self.assertEqual(self.proxy.ask("GET", "/health", client=client).status, 200)

    def test_other_methods_are_invalid_paths(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            for target in ("/health", "/sandboxes"):
                with self.subTest(f"{method} {target}"):
                    self.assertEqual(self.proxy.ask(method, target).status, 400)
        self.assertTrue(self.proxy.ask("POST", "/health").body.startswith(INVALID[:-1].encode()))

    def test_ready_and_live_on_the_public_listener(self):
        for target in ("/readyz", "/livez"):
            self.assertEqual(self.get(target).status, 200)
        self.assertEqual(self.get("/metrics").status, 400)

    def test_reserved_only_as_whole_paths(self):
        origin = box(self, name="x")
        self.sandbox("x", ips=[origin.ip], user="health")
        self.wait_listed("health/x")
        self.assertEqual(told(self.get("/health/x/y"))["target"], "/y")
        self.assertEqual(json.loads(self.get("/sandboxes/x/y").body)["path"], "sandboxes/x")


class List(PathCase):
    def test_empty(self):
        self.assertEqual(self.get("/sandboxes?user=nobody-at-all").body, b'{"count":0,"sandboxes":[]}')

    def test_body_order_and_readiness(self):
        user = self.user()
        eventually(lambda: not self.listed(), "the end of the tests before")
        for ns in ("kube-system", "agent-sandbox-system"):
            self.sandbox("two", ns, ["127.9.8.7"], user=user + ns[0], pod=False)
        self.sandbox("b-box", ips=["127.9.8.7"], user=user, pod=False, service="svc-b", fqdn="svc-b.default.svc.x")
        self.sandbox("a-box", ips=["127.9.8.7"], user=user, pod=False, ready=False, service="svc-a")
        self.sandbox("c-box", ips=["127.9.8.7"], user=user, pod=False)
        self.sandbox("no-route", user=user)
        for path in (f"{user}k/two", f"{user}a/two", f"{user}/b-box", f"{user}/c-box"):
            self.wait_listed(path)
        self.wait_listed(f"{user}/a-box", ready=False)
        wanted = [(f"{user}a/two", "", "agent-sandbox-system", True), (f"{user}/a-box", "svc-a", "default", False),
                  (f"{user}/b-box", "svc-b", "default", True), (f"{user}/c-box", "", "default", True),
                  (f"{user}k/two", "", "kube-system", True)]
        entries = [f'{{"path":"{path}","service":"{service}","namespace":"{ns}","ready":{str(ready).lower()}}}'
                   for path, service, ns, ready in wanted]
        body = f'{{"count":{len(entries)},"sandboxes":[{",".join(entries)}]}}'.encode()
        self.assertEqual(self.get("/sandboxes").body, body)
        for target in ("/sandboxes/", "/SandBoxes"):
            self.assertEqual(self.get(target).body, body)
        self.assertEqual(json.loads(self.get("/health").body)["sandboxes"], 5)
        # Optional query: limit and after, in the same order.
        pages, after = [], ""
        for _ in range(5):
            page = json.loads(self.get(f"/sandboxes?limit=1{after}").body)
            self.assertEqual(page["count"], 1)
            pages += [one["path"] for one in page["sandboxes"]]
            after = "&after=" + pages[-1]
        self.assertEqual(pages, [one[0] for one in wanted])
        self.assertEqual(json.loads(self.get(f"/sandboxes?limit=3{after}").body)["count"], 0)


class Routes(PathCase):
    def test_root_and_short_paths_are_invalid(self):
        self.add("my-sandbox", user="alice")
        for target in ("/", "/foo", "/alice/my-sandbox", "/alice", "//", "//x/y", "/alice//x", "/alice/my-sandbox?x=/"):
            with self.subTest(target):
                self.assert_error(self.get(target), 400, "invalid_path", INVALID)

    def test_empty_rest(self):
        user = self.user()
        self.add("box")
        self.assertEqual(told(self.get(f"/{user}/box/"))["target"], "/")
        self.assertEqual(told(self.get(f"/{user}/box/?a=b"))["target"], "/?a=b")

    def test_letters_are_not_folded(self):
        user = self.user()
        self.add("box")
        for target in (f"/{user.upper()}/box/", f"/{user}/Box/"):
            self.assertEqual(self.get(target).status, 404)

    def test_segments_are_decoded_once(self):
        self.add("box", user="dec-user")
        self.assertEqual(told(self.get("/dec%2Duser/%62ox/a%20b"))["target"], "/a%20b")
        self.assertEqual(self.get("/dec%252Duser/box/a").status, 404)

    def test_hostile_segments_are_invalid(self):
        self.add("box", user="hostile")
        origin = self.add("other", user="hostile2")
        bad = ("%", "%2", "%zz", "%2e", "%2E%2e", ".", "..", "a%2Fb", "a%5Cb", "a\\b", "a%00", "%00", "a%0a", "a%0D", "a%1f",
               "a%7f", "%ff", "%c3%28", "%ed%a0%80", "%c0%af", "%f5%80%80%80")
        for text in bad:
            for target in (f"/{text}/box/x", f"/hostile/{text}/x"):
                with self.subTest(target):
                    self.assert_error(self.get(target), 400, "invalid_path", INVALID)
        self.assertTrue(origin.nothing_asked())

    def test_rest_cannot_change_the_sandbox(self):
        one = self.add("one", user="rest")
        two = self.add("two", user="rest")
        rests = ("../two/x", "..%2ftwo/x", "%2e%2e/two/x", "./x", "//x", "a//b/../c/./d", "..;/two", "a%5c..%5ctwo", "%zz",
                 "a%", "http://h/x", "a?b?c=%2F&d", "a\\b")
        for rest in rests:
            with self.subTest(rest):
                self.assertEqual(told(self.get("/rest/one/" + rest))["target"], "/" + rest)
        self.assertTrue(two.nothing_asked())
        self.assertEqual(one.connections > 0, True)

    def test_absolute_form(self):
        user = self.user()
        self.add("box")
        self.assertEqual(told(self.get(f"http://client.example/{user}/box/a?b"))["target"], "/a?b")

    def test_trace_and_connect(self):
        user = self.user()
        self.add("box")
        self.assertEqual(self.proxy.ask("TRACE", f"/{user}/box/").status, 405)
        self.assertEqual(self.proxy.ask("CONNECT", "h:1").status, 400)


class RedirectBare(PathCase):
    flags = ("--path-redirect-bare",)

    def test_only_known_sandboxes_and_get_or_head(self):
        self.add("box", user="bare")
        answer = self.get("/bare/box?x=1&y")
        self.assertEqual((answer.status, answer.get("location")), (308, b"/bare/box/?x=1&y"))
        self.assertEqual(self.proxy.ask("HEAD", "/bare/box").status, 308)
        self.assertEqual(self.proxy.ask("POST", "/bare/box").status, 400)
        self.assertIn(self.get("/bare/none").status, (400, 404))


class Start(unittest.TestCase):
    def test_not_ready_before_the_first_list(self):
        from harness.cluster import Cluster
        with Cluster() as cluster:
            cluster.fault("pause", seconds=600)
            with Gateway("proxy", cluster, wait="serves") as proxy:
                self.assertEqual(proxy.get("/readyz").status, 503)
                self.assertEqual(proxy.probe("/readyz").status, 503)
                answer = proxy.get("/health")
                self.assertEqual((answer.status, json.loads(answer.body)["status"]), (200, "starting"))
                self.assertEqual(proxy.get("/livez").status, 200)
                cluster.fault("resume")
                eventually(lambda: proxy.get("/readyz").status == 200, "readiness", 30)
                self.assertEqual(proxy.probe("/readyz").status, 200)
                self.assertEqual(json.loads(proxy.get("/health").body)["status"], "ok")


if __name__ == "__main__":
    unittest.main()
