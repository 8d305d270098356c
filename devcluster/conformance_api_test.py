"""The API as clients see it: objects, conflicts, deletion, lists, watches.

Usage: conformance_api_test.py PATH_OF_SANDGATE_DEVCLUSTER [unittest options]
       conformance_api_test.py --server URL [--token TOKEN] [unittest options]

The second form runs the same tests against a real kube-apiserver with the definitions of deploy/crds-dev: what passes
here holds there, so the stand-in cannot drift from what it stands in for. Nothing here needs controllers."""

import unittest
import uuid

from integration_support import AGENTS, CORE, EXTENSIONS, DevCluster, main, real_api, template, wait_until

STATIC = {"devcluster.sandgate.dev/static": "true"}  # no controller touches it


class ApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = None
        cls.api = real_api()
        if cls.api is None:
            cls.cluster = DevCluster("--no-controllers", "--no-node", "--bookmark-interval", "0.2")
            cls.api = cls.cluster.api

    @classmethod
    def tearDownClass(cls):
        if cls.cluster:
            cls.cluster.__exit__()

    def setUp(self):
        self.ns = "api-test-" + uuid.uuid4().hex[:8]
        self.api.create(CORE + "/namespaces", {"metadata": {"name": self.ns}})
        self.addCleanup(self.api.delete, CORE + "/namespaces/" + self.ns)
        self.templates = "%s/namespaces/%s/sandboxtemplates" % (EXTENSIONS, self.ns)
        self.sandboxes = "%s/namespaces/%s/sandboxes" % (AGENTS, self.ns)
        self.maps = "%s/namespaces/%s/configmaps" % (CORE, self.ns)

    def add(self, name, **metadata):
        body = template(name)
        body["metadata"].update(metadata)
        return self.api.create(self.templates, body)

    def refused(self, answer, code, reason):
        self.assertEqual(code, answer.status, answer.body)
        status = answer.json()
        self.assertEqual(("Status", "v1", "Failure", reason, code),
                         (status["kind"], status["apiVersion"], status["status"], status.get("reason"), status["code"]))
        return status

    def version(self):
        return self.api.get(self.templates).json()["metadata"]["resourceVersion"]


class Discovery(ApiTest):
    def test_groups_and_resources(self):
        groups = {g["name"]: g for g in self.api.get("/apis").json()["groups"]}
        self.assertEqual("agents.x-k8s.io/v1beta1", groups["agents.x-k8s.io"]["preferredVersion"]["groupVersion"])
        resources = {r["name"]: r for r in self.api.get(AGENTS).json()["resources"]}
        self.assertEqual("Sandbox", resources["sandboxes"]["kind"])
        self.assertTrue(resources["sandboxes"]["namespaced"])
        self.assertIn("watch", resources["sandboxes"]["verbs"])
        self.assertIn("sandboxes/status", resources)
        self.assertIn("pods/portforward", {r["name"] for r in self.api.get(CORE).json()["resources"]})

    def test_unknown_paths(self):
        self.assertEqual(404, self.api.get("/apis/nobody.example.com/v1/things").status)
        self.assertEqual(404, self.api.get("%s/namespaces/%s/nonsense" % (AGENTS, self.ns)).status)
        self.assertEqual(404, self.api.get("/apis/agents.x-k8s.io/v9/sandboxes").status)


class Objects(ApiTest):
    def test_create_fills_in_what_is_the_servers(self):
        made = self.add("one", labels={"a": "b"})
        metadata = made["metadata"]
        self.assertEqual(("one", self.ns, 1, {"a": "b"}),
                         (metadata["name"], metadata["namespace"], metadata["generation"], metadata["labels"]))
        self.assertEqual(4, uuid.UUID(metadata["uid"]).version)
        self.assertRegex(metadata["creationTimestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(("extensions.agents.x-k8s.io/v1beta1", "SandboxTemplate"), (made["apiVersion"], made["kind"]))
        self.assertEqual(made, self.api.get(self.templates + "/one").json())

    def test_create_refusals(self):
        self.add("one")
        status = self.refused(self.api.request("POST", self.templates, template("one")), 409, "AlreadyExists")
        self.assertEqual('sandboxtemplates.extensions.agents.x-k8s.io "one" already exists', status["message"])
        self.assertEqual({"name": "one", "group": "extensions.agents.x-k8s.io", "kind": "sandboxtemplates"}, status["details"])
        status = self.refused(self.api.request("POST", self.templates, template("Not_A_Name")), 422, "Invalid")
        self.assertEqual("metadata.name", status["details"]["causes"][0]["field"])
        status = self.refused(self.api.request("POST", self.templates, {"metadata": {"name": "empty"}}), 422, "Invalid")
        self.assertEqual("spec", status["details"]["causes"][0]["field"])
        self.assertEqual("SandboxTemplate", status["details"]["kind"])
        other = template("elsewhere")
        other["metadata"]["namespace"] = "default"
        self.refused(self.api.request("POST", self.templates, other), 400, "BadRequest")
        versioned = template("versioned")
        versioned["metadata"]["resourceVersion"] = "1"
        self.assertGreaterEqual(self.api.request("POST", self.templates, versioned).status, 400)
        status = self.refused(self.api.request("POST", self.templates, {**template("x"), "kind": "Sandbox"}), 422, "Invalid")
        self.assertEqual("kind", status["details"]["causes"][0]["field"])
        for wrong in ({"kind": ""}, {"apiVersion": "v1"}, {"apiVersion": ""}):
            self.refused(self.api.request("POST", self.templates, {**template("x"), **wrong}), 400, "BadRequest")
        claims = "%s/namespaces/%s/sandboxclaims" % (EXTENSIONS, self.ns)
        status = self.refused(self.api.request("POST", claims, {"metadata": {"name": "x"}, "spec": {}}), 422, "Invalid")
        self.assertEqual("spec.warmPoolRef", status["details"]["causes"][0]["field"])
        missing = self.templates.replace(self.ns, "no-such-namespace")
        status = self.refused(self.api.request("POST", missing, template("x")), 404, "NotFound")
        self.assertEqual('namespaces "no-such-namespace" not found', status["message"])

    def test_generated_names(self):
        names = set()
        for _ in range(5):
            body = template("unused")
            body["metadata"] = {"generateName": "made-"}
            names.add(self.api.create(self.templates, body)["metadata"]["name"])
        self.assertEqual(5, len(names))
        for name in names:
            self.assertRegex(name, "^made-[a-z0-9]{5}$")

    def test_missing_object(self):
        status = self.refused(self.api.get(self.templates + "/nobody"), 404, "NotFound")
        self.assertEqual('sandboxtemplates.extensions.agents.x-k8s.io "nobody" not found', status["message"])
        self.refused(self.api.delete(self.templates + "/nobody"), 404, "NotFound")

    def test_update_needs_the_latest_version(self):
        made = self.add("one")
        first = dict(made, spec={**made["spec"], "envVarsInjectionPolicy": "Allowed"})
        answer = self.api.request("PUT", self.templates + "/one", first)
        self.assertEqual(200, answer.status, answer.body)
        changed = answer.json()
        self.assertEqual(2, changed["metadata"]["generation"])
        self.assertGreater(int(changed["metadata"]["resourceVersion"]), int(made["metadata"]["resourceVersion"]))
        status = self.refused(self.api.request("PUT", self.templates + "/one", made), 409, "Conflict")
        self.assertTrue(status["message"].startswith(
            'Operation cannot be fulfilled on sandboxtemplates.extensions.agents.x-k8s.io "one": the object has been modified'))
        del made["metadata"]["resourceVersion"]
        self.refused(self.api.request("PUT", self.templates + "/one", made), 422, "Invalid")
        self.refused(self.api.request("PUT", self.templates + "/two", changed), 400, "BadRequest")

    def test_an_update_that_changes_nothing_is_no_event(self):
        made = self.add("one")
        answer = self.api.request("PUT", self.templates + "/one", made).json()
        self.assertEqual(made["metadata"]["resourceVersion"], answer["metadata"]["resourceVersion"])
        labelled = self.api.patch(self.templates + "/one", {"metadata": {"labels": {"x": "y"}}})
        self.assertEqual(1, labelled["metadata"]["generation"])  # labels are not the specification

    def test_patches(self):
        self.add("one", labels={"a": "1", "b": "2"})
        merged = self.api.patch(self.templates + "/one", {"metadata": {"labels": {"a": None, "c": "3"}}})
        self.assertEqual({"b": "2", "c": "3"}, merged["metadata"]["labels"])
        operations = [{"op": "test", "path": "/metadata/labels/b", "value": "2"},
                      {"op": "replace", "path": "/metadata/labels/b", "value": "two"}]
        patched = self.api.patch(self.templates + "/one", operations, kind="json-patch")
        self.assertEqual("two", patched["metadata"]["labels"]["b"])
        self.api.patch(self.templates + "/one", operations, kind="json-patch", status=422)  # the test does not hold now
        stale = {"metadata": {"resourceVersion": merged["metadata"]["resourceVersion"], "labels": {"d": "4"}}}
        self.api.patch(self.templates + "/one", stale, status=409)
        self.api.patch(self.templates + "/one", {"metadata": {}}, kind="strategic-merge-patch", status=415)
        self.api.patch(self.templates + "/nobody", {"metadata": {"labels": {}}}, status=404)

    def test_delete_with_preconditions(self):
        made = self.add("one")
        wrong = {"preconditions": {"uid": str(uuid.uuid4())}}
        status = self.refused(self.api.delete(self.templates + "/one", wrong), 409, "Conflict")
        self.assertIn("the UID in the precondition", status["message"])
        right = {"preconditions": {"uid": made["metadata"]["uid"]}, "propagationPolicy": "Background"}
        answer = self.api.delete(self.templates + "/one", right)
        self.assertEqual(200, answer.status)
        self.assertEqual("Success", answer.json()["status"])
        self.assertEqual(made["metadata"]["uid"], answer.json()["details"]["uid"])
        self.assertEqual(404, self.api.get(self.templates + "/one").status)

    def test_finalizers_hold_an_object(self):
        self.add("one", finalizers=["example.com/hold"])
        held = self.api.delete(self.templates + "/one").json()
        self.assertEqual(0, held["metadata"]["deletionGracePeriodSeconds"])
        stamp = self.api.get(self.templates + "/one").json()["metadata"]["deletionTimestamp"]
        self.api.delete(self.templates + "/one")  # again: no change
        self.assertEqual(stamp, self.api.get(self.templates + "/one").json()["metadata"]["deletionTimestamp"])
        self.api.patch(self.templates + "/one", {"metadata": {"finalizers": None}})
        self.assertEqual(404, self.api.get(self.templates + "/one").status)

    def test_status_is_apart(self):
        body = template("one")
        body["metadata"]["annotations"] = STATIC
        body["status"] = {"nodeName": "nowhere"}
        made = self.api.create(self.sandboxes, body)
        self.assertNotIn("status", made)
        self.assertEqual("Running", made["spec"]["operatingMode"])  # the default
        with_status = dict(made, status={"nodeName": "somewhere"}, spec={**made["spec"], "operatingMode": "Suspended"})
        answer = self.api.request("PUT", self.sandboxes + "/one/status", with_status)
        self.assertEqual(200, answer.status, answer.body)
        after = answer.json()
        def seen(box):
            return box["status"]["nodeName"], box["spec"]["operatingMode"], box["metadata"]["generation"]

        self.assertEqual(("somewhere", "Running", 1), seen(after))
        both = {"status": {"nodeName": "elsewhere"}, "spec": {"operatingMode": "Suspended"}}
        self.assertEqual(("somewhere", "Suspended", 2), seen(self.api.patch(self.sandboxes + "/one", both)))
        self.refused(self.api.request("PATCH", self.sandboxes + "/one", {"spec": {"operatingMode": "Flying"}},
                                      {"Content-Type": "application/merge-patch+json"}), 422, "Invalid")

    def test_built_in_kinds(self):
        made = self.api.create(self.maps, {"metadata": {"name": "one"}, "data": {"k": "v"}})
        self.assertEqual(("v1", "ConfigMap"), (made["apiVersion"], made["kind"]))
        del made["metadata"]["resourceVersion"]  # not needed for these
        made["data"]["k"] = "w"
        self.assertEqual(200, self.api.request("PUT", self.maps + "/one", made).status)
        patched = self.api.patch(self.maps + "/one", {"data": {"x": "y"}}, kind="strategic-merge-patch")
        self.assertEqual({"k": "w", "x": "y"}, patched["data"])

    def test_a_pod_is_bound_once(self):
        pods = "%s/namespaces/%s/pods" % (CORE, self.ns)
        self.api.create(pods, {"metadata": {"name": "p"}, "spec": {
            "automountServiceAccountToken": False, "containers": [{"name": "c", "image": "i"}]}})
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"},
                   "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"}}
        self.api.create(pods + "/p/binding", binding)
        self.assertEqual("n1", self.api.get(pods + "/p").json()["spec"]["nodeName"])
        self.refused(self.api.request("POST", pods + "/p/binding", binding), 409, "Conflict")
        self.api.request("DELETE", pods + "/p", gracePeriodSeconds=0)

    def test_a_pods_class_of_service_never_changes(self):
        pods = "%s/namespaces/%s/pods" % (CORE, self.ns)
        some, all_of_it = {"memory": "64Mi"}, {"cpu": "1", "memory": "64Mi"}
        for name, resources, quality in (("none", {}, "BestEffort"), ("some", {"requests": some}, "Burstable"),
                                         ("all", {"limits": all_of_it, "requests": all_of_it}, "Guaranteed"),
                                         ("limits", {"limits": all_of_it}, "Guaranteed")):
            made = self.api.create(pods, {"metadata": {"name": name, "annotations": STATIC}, "spec": {
                "nodeName": "nowhere", "automountServiceAccountToken": False,
                "containers": [{"name": "c", "image": "i", "resources": resources}]}})
            self.assertEqual(quality, made["status"]["qosClass"])
            path = pods + "/" + name
            for other in {"BestEffort", "Burstable", "Guaranteed"} - {quality}:
                self.api.patch(path + "/status", {"status": {"qosClass": other, "podIP": "127.0.0.9"}}, status=422)
            kept = self.api.patch(path + "/status", {"status": {"qosClass": None, "phase": "Running"}})
            self.assertEqual((quality, "Running"), (kept["status"]["qosClass"], kept["status"]["phase"]))
            self.api.request("DELETE", path, gracePeriodSeconds=0)

    def test_kubectl_need_not_check_fields_itself(self):
        path = self.api.get("/openapi/v3").json()["paths"]["apis/agents.x-k8s.io/v1beta1"]["serverRelativeURL"]
        operations = self.api.get(path).json()["paths"]["/apis/agents.x-k8s.io/v1beta1/namespaces/{namespace}/sandboxes/{name}"]
        parameters = operations["patch"].get("parameters", []) + operations.get("parameters", [])
        self.assertIn("fieldValidation", [p.get("name") for p in parameters])

    def test_dry_run(self):
        self.assertEqual(201, self.api.request("POST", self.templates, template("one"), dryRun="All").status)
        self.assertEqual(404, self.api.get(self.templates + "/one").status)

    def test_reviews(self):
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": self.ns}}}
        answer = self.api.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        self.assertTrue(answer["status"]["allowed"])
        answer = self.api.create("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "nobody's"}})
        self.assertFalse(answer["status"].get("authenticated", False))


class Lists(ApiTest):
    def fill(self, count):
        for i in range(count):
            self.add("t%02d" % i, labels={"odd": str(i % 2), "n": str(i)})

    def names(self, **query):
        answer = self.api.get(self.templates, **query)
        self.assertEqual(200, answer.status, answer.body)
        return [item["metadata"]["name"] for item in answer.json()["items"]]

    def test_pages_are_one_consistent_list(self):
        self.fill(7)
        first = self.api.get(self.templates, limit=3).json()
        self.assertEqual(4, first["metadata"].get("remainingItemCount", 4))
        self.api.delete(self.templates + "/t04")
        self.add("t035")
        seen, token, pages = [i["metadata"]["name"] for i in first["items"]], first["metadata"]["continue"], 1
        while token:
            page = self.api.get(self.templates, **{"limit": 3, "continue": token}).json()
            self.assertEqual(first["metadata"]["resourceVersion"], page["metadata"]["resourceVersion"])
            seen += [i["metadata"]["name"] for i in page["items"]]
            token = page["metadata"].get("continue")
            pages += 1
        self.assertEqual(["t%02d" % i for i in range(7)], seen)  # the state of the first page
        self.assertEqual(3, pages)
        self.assertEqual(["t00", "t01", "t02", "t03", "t035", "t05", "t06"], self.names())

    def test_bad_parameters(self):
        self.refused(self.api.get(self.templates, **{"continue": "nonsense"}), 400, "BadRequest")
        self.refused(self.api.get(self.templates, labelSelector="a in b"), 400, "BadRequest")
        self.refused(self.api.get(self.templates, fieldSelector="spec.color=red"), 400, "BadRequest")

    def test_selectors(self):
        self.fill(4)
        self.assertEqual(["t01", "t03"], self.names(labelSelector="odd=1"))
        self.assertEqual(["t00", "t02", "t03"], self.names(labelSelector="n!=1"))
        self.assertEqual(["t00", "t03"], self.names(labelSelector="n in (0,3)"))
        self.assertEqual(["t01"], self.names(labelSelector="n notin (0,3),odd=1"))
        self.assertEqual([], self.names(labelSelector="!n"))
        self.assertEqual(["t02"], self.names(fieldSelector="metadata.name=t02"))
        self.assertEqual(["t02"], self.names(labelSelector="odd=0", fieldSelector="metadata.name!=t00"))

    def test_from_the_cache_and_from_the_future(self):
        self.fill(2)
        self.assertEqual(2, len(self.names(resourceVersion="0")))
        future = str(int(self.version()) + 1_000_000)
        answer = self.api.get(self.templates, resourceVersion=future, timeoutSeconds=1)
        self.assertIn(answer.status, (400, 504), answer.body)

    def test_tables(self):
        self.fill(2)
        answer = self.api.request("GET", self.templates, headers={
            "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}).json()
        self.assertEqual("Table", answer["kind"])
        self.assertEqual("Name", answer["columnDefinitions"][0]["name"])
        self.assertEqual(["t00", "t01"], [row["cells"][0] for row in answer["rows"]])
        self.assertEqual("PartialObjectMetadata", answer["rows"][0]["object"]["kind"])

    def test_delete_collection(self):
        self.fill(4)
        answer = self.api.request("DELETE", self.templates, labelSelector="odd=1")
        self.assertEqual(200, answer.status)
        self.assertEqual(["t00", "t02"], self.names())


class Watches(ApiTest):
    def test_every_change_once_and_in_order(self):
        with self.api.watch(self.templates, resourceVersion=self.version(), timeoutSeconds=20) as watch:
            made = self.add("one")
            changed = self.api.patch(self.templates + "/one", {"metadata": {"labels": {"x": "y"}}})
            self.api.delete(self.templates + "/one")
            events = watch.take(3)
        self.assertEqual(["ADDED", "MODIFIED", "DELETED"], [kind for kind, _ in events])
        self.assertEqual(made, events[0][1])
        self.assertEqual(changed, events[1][1])
        versions = [int(thing["metadata"]["resourceVersion"]) for _, thing in events]
        self.assertEqual(sorted(set(versions)), versions)  # a deletion has a version of its own
        self.assertEqual({"x": "y"}, events[2][1]["metadata"]["labels"])

    def test_resume(self):
        self.add("one")
        middle = self.add("two")["metadata"]["resourceVersion"]
        self.add("three")
        with self.api.watch(self.templates, resourceVersion=middle, timeoutSeconds=20) as watch:
            kind, thing = watch.next()
        self.assertEqual(("ADDED", "three"), (kind, thing["metadata"]["name"]))

    def test_without_a_version_it_begins_with_what_is_there(self):
        self.add("one")
        for query in ({}, {"resourceVersion": "0"}):
            with self.api.watch(self.templates, timeoutSeconds=20, **query) as watch:
                kind, thing = watch.next()
                self.assertEqual(("ADDED", "one"), (kind, thing["metadata"]["name"]))
                self.api.patch(self.templates + "/one", {"metadata": {"labels": {"for": str(len(query))}}})
                self.assertEqual("MODIFIED", watch.next()[0])

    def test_entering_and_leaving_a_selection(self):
        self.add("one")
        with self.api.watch(self.templates, resourceVersion=self.version(), timeoutSeconds=20,
                            labelSelector="in=yes") as watch:
            self.api.patch(self.templates + "/one", {"metadata": {"labels": {"in": "yes"}}})
            self.api.patch(self.templates + "/one", {"metadata": {"labels": {"in": "yes", "more": "1"}}})
            left = self.api.patch(self.templates + "/one", {"metadata": {"labels": {"in": "no"}}})
            self.api.delete(self.templates + "/one")
            self.add("last", labels={"in": "yes"})
            events = watch.take(4)
        self.assertEqual(["ADDED", "MODIFIED", "DELETED", "ADDED"], [kind for kind, _ in events])
        self.assertEqual(left["metadata"]["resourceVersion"], events[2][1]["metadata"]["resourceVersion"])
        self.assertEqual("last", events[3][1]["metadata"]["name"])

    def test_one_object_by_name(self):
        version = self.version()
        self.add("other")
        self.add("mine")
        with self.api.watch(self.templates, fieldSelector="metadata.name=mine", resourceVersion=version,
                            timeoutSeconds=20) as watch:
            self.assertEqual("mine", watch.next()[1]["metadata"]["name"])

    def test_all_namespaces(self):
        with self.api.watch(EXTENSIONS + "/sandboxtemplates", resourceVersion=self.version(), timeoutSeconds=20) as watch:
            self.add("one")
            watch.until(lambda kind, thing: thing["metadata"].get("namespace") == self.ns)

    def test_it_ends_when_its_time_is_over(self):
        with self.api.watch(self.templates, resourceVersion=self.version(), timeoutSeconds=1) as watch:
            while True:
                event = watch.next()
                if event is None:
                    break
                self.assertEqual("BOOKMARK", event[0])

    def test_a_list_by_the_watch(self):
        self.add("one")
        self.add("two")
        with self.api.watch(self.templates, sendInitialEvents="true", resourceVersionMatch="NotOlderThan",
                            allowWatchBookmarks="true", timeoutSeconds=20) as watch:
            if watch.status != 200:
                self.assertIn(watch.status, (400, 422))  # a server without the feature refuses it
                return
            events = watch.take(3)
            if events[0][0] == "ERROR":  # nor can a new server with an old etcd
                self.assertEqual("Status", events[0][1]["kind"])
                return
            self.assertEqual(["ADDED", "ADDED", "BOOKMARK"], [kind for kind, _ in events])
            metadata = events[2][1]["metadata"]
            self.assertEqual("true", metadata["annotations"]["k8s.io/initial-events-end"])
            self.add("three")
            kind, thing = watch.until(lambda kind, _: kind != "BOOKMARK")
            self.assertEqual(("ADDED", "three"), (kind, thing["metadata"]["name"]))
            self.assertGreater(int(thing["metadata"]["resourceVersion"]), int(metadata["resourceVersion"]))

    def test_switches_as_other_languages_write_them(self):
        self.add("one")
        for yes in ("True", "TRUE", "1", "yes", ""):
            with self.subTest(yes), self.api.watch(self.templates, watch=yes, resourceVersion="0", timeoutSeconds=20) as watch:
                self.assertEqual("ADDED", watch.next()[0])
        for no in ("False", "false", "0"):
            answer = self.api.get(self.templates, watch=no)
            self.assertEqual("SandboxTemplateList", answer.json()["kind"], no)

    def test_bad_watches(self):
        answer = self.api.get(self.templates, watch="true", resourceVersion="nonsense")
        self.assertEqual(500, answer.status, answer.body)  # 400 for a list
        self.refused(self.api.get(self.templates, resourceVersion="nonsense"), 400, "BadRequest")
        answer = self.api.get(self.templates, watch="true", sendInitialEvents="true", timeoutSeconds=1)
        self.refused(answer, 422, "Invalid")


class Namespaces(ApiTest):
    def test_what_is_inside_goes_with_it(self):
        self.add("one")
        self.api.delete(CORE + "/namespaces/" + self.ns)
        space = self.api.get(CORE + "/namespaces/" + self.ns)
        if space.status == 200:  # it waits for a controller that empties it
            self.assertEqual("Terminating", space.json()["status"]["phase"])
            self.refused(self.api.request("POST", self.templates, template("two")), 403, "Forbidden")
        else:
            wait_until(lambda: self.api.get(self.templates + "/one").status == 404, "the end of what was inside")


if __name__ == "__main__":
    main(__doc__, real=True)
