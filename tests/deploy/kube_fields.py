"""The fields Kubernetes knows, as far as our manifests use them: what kubectl's strict validation would refuse is refused here.

A schema is a type (leaf), a one-element list (list of that), a dict (object; a name ending in `!` is required) or MAP
(free keys, string values). Written by hand from the API reference; a new field needs a line here.
"""

STR = str
INT = int
BOOL = bool
PORT = "port number or name"
QUANTITY = "quantity"
MAP = "map of strings"

METADATA = {"name!": STR, "namespace": STR, "labels": MAP, "annotations": MAP}
CLUSTER_METADATA = {"name!": STR, "labels": MAP, "annotations": MAP}
EXPRESSION = {"key!": STR, "operator!": STR, "values": [STR]}
SELECTOR = {"matchLabels": MAP, "matchExpressions": [EXPRESSION]}

PROBE = {
    "httpGet": {"path": STR, "port!": PORT, "scheme": STR},
    "initialDelaySeconds": INT, "periodSeconds": INT, "timeoutSeconds": INT,
    "failureThreshold": INT, "successThreshold": INT,
}
CONTAINER = {
    "name!": STR, "image!": STR, "imagePullPolicy": STR, "command": [STR], "args": [STR],
    "ports": [{"name": STR, "containerPort!": INT, "protocol": STR}],
    "env": [{
        "name!": STR, "value": STR,
        "valueFrom": {"secretKeyRef": {"name!": STR, "key!": STR, "optional": BOOL}},
    }],
    "startupProbe": PROBE, "readinessProbe": PROBE, "livenessProbe": PROBE,
    "lifecycle": {"preStop": {"exec": {"command!": [STR]}}},
    "resources": {
        "requests": {"cpu": QUANTITY, "memory": QUANTITY}, "limits": {"cpu": QUANTITY, "memory": QUANTITY},
    },
    "securityContext": {
        "allowPrivilegeEscalation": BOOL, "readOnlyRootFilesystem": BOOL, "capabilities": {"drop": [STR]},
    },
}
POD_SPEC = {
    "serviceAccountName": STR, "automountServiceAccountToken": BOOL, "enableServiceLinks": BOOL,
    "terminationGracePeriodSeconds": INT,
    "securityContext": {
        "runAsUser": INT, "runAsGroup": INT, "runAsNonRoot": BOOL, "seccompProfile": {"type!": STR},
    },
    "topologySpreadConstraints": [
        {"maxSkew!": INT, "topologyKey!": STR, "whenUnsatisfiable!": STR, "labelSelector": SELECTOR},
    ],
    "containers!": [CONTAINER],
}
NETWORK_PEER = {
    "namespaceSelector": SELECTOR, "podSelector": SELECTOR, "ipBlock": {"cidr!": STR, "except": [STR]},
}
NETWORK_PORT = {"protocol": STR, "port": PORT, "endPort": INT}
SCALING_RULES = {
    "stabilizationWindowSeconds": INT, "selectPolicy": STR,
    "policies": [{"type!": STR, "value!": INT, "periodSeconds!": INT}],
}
POLICY_TARGET = {"group!": STR, "kind!": STR, "name!": STR, "namespace": STR}

SCHEMAS = {
    ("v1", "Service"): {
        "metadata!": METADATA,
        "spec!": {
            "type": STR, "selector": MAP,
            "ports!": [{"name": STR, "protocol": STR, "port!": INT, "targetPort": PORT, "appProtocol": STR}],
        },
    },
    ("v1", "ServiceAccount"): {"metadata!": METADATA, "automountServiceAccountToken": BOOL},
    ("apps/v1", "Deployment"): {
        "metadata!": METADATA,
        "spec!": {
            "replicas": INT, "selector!": SELECTOR,
            "strategy": {"type": STR, "rollingUpdate": {"maxSurge": PORT, "maxUnavailable": PORT}},
            "template!": {"metadata!": {"labels!": MAP, "annotations": MAP}, "spec!": POD_SPEC},
        },
    },
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): {
        "metadata!": CLUSTER_METADATA,
        "rules!": [{"apiGroups!": [STR], "resources!": [STR], "verbs!": [STR]}],
    },
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): {
        "metadata!": CLUSTER_METADATA,
        "roleRef!": {"apiGroup!": STR, "kind!": STR, "name!": STR},
        "subjects!": [{"kind!": STR, "name!": STR, "namespace": STR}],
    },
    ("policy/v1", "PodDisruptionBudget"): {
        "metadata!": METADATA, "spec!": {"minAvailable": PORT, "maxUnavailable": PORT, "selector!": SELECTOR},
    },
    ("autoscaling/v2", "HorizontalPodAutoscaler"): {
        "metadata!": METADATA,
        "spec!": {
            "scaleTargetRef!": {"apiVersion": STR, "kind!": STR, "name!": STR},
            "minReplicas": INT, "maxReplicas!": INT,
            "metrics": [{
                "type!": STR,
                "resource": {"name!": STR, "target!": {"type!": STR, "averageUtilization": INT}},
            }],
            "behavior": {"scaleUp": SCALING_RULES, "scaleDown": SCALING_RULES},
        },
    },
    ("networking.k8s.io/v1", "NetworkPolicy"): {
        "metadata!": METADATA,
        "spec!": {
            "podSelector!": SELECTOR, "policyTypes": [STR],
            "ingress": [{"from": [NETWORK_PEER], "ports": [NETWORK_PORT]}],
            "egress": [{"to": [NETWORK_PEER], "ports": [NETWORK_PORT]}],
        },
    },
    ("gateway.networking.k8s.io/v1", "Gateway"): {
        "metadata!": METADATA,
        "spec!": {
            "gatewayClassName!": STR,
            "listeners!": [{
                "name!": STR, "hostname": STR, "port!": INT, "protocol!": STR,
                "allowedRoutes": {"namespaces": {"from": STR}, "kinds": [{"group": STR, "kind!": STR}]},
            }],
        },
    },
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): {
        "metadata!": METADATA,
        "spec!": {
            "parentRefs": [{"name!": STR, "namespace": STR, "sectionName": STR}],
            "hostnames": [STR],
            "rules": [{
                "matches": [{"path": {"type": STR, "value": STR}}],
                "backendRefs": [{"name!": STR, "namespace": STR, "port": INT}],
                "timeouts": {"request": STR, "backendRequest": STR},
            }],
        },
    },
    ("networking.gke.io/v1", "HealthCheckPolicy"): {
        "metadata!": METADATA,
        "spec!": {
            "default": {
                "checkIntervalSec": INT, "timeoutSec": INT, "healthyThreshold": INT, "unhealthyThreshold": INT,
                "config": {
                    "type!": STR,
                    "httpHealthCheck": {"port": INT, "portSpecification": STR, "requestPath": STR},
                },
            },
            "targetRef!": POLICY_TARGET,
        },
    },
    ("networking.gke.io/v1", "GCPBackendPolicy"): {
        "metadata!": METADATA, "spec!": {"default": {"timeoutSec": INT}, "targetRef!": POLICY_TARGET},
    },
}


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _check(value, schema, where):
    if schema is MAP:
        if not isinstance(value, dict):
            yield f"{where}: must be an object"
        else:
            for key, item in value.items():
                if not isinstance(key, str) or not isinstance(item, str):
                    yield f"{where}[{key}]: keys and values must be strings"
    elif isinstance(schema, dict):
        if not isinstance(value, dict):
            yield f"{where}: must be an object"
            return
        known = {name.rstrip("!"): item for name, item in schema.items()}
        for name in schema:
            if name.endswith("!") and name[:-1] not in value:
                yield f"{where}.{name[:-1]}: required and missing"
        for name, item in value.items():
            if name not in known:
                yield f"{where}.{name}: unknown field"
            else:
                yield from _check(item, known[name], f"{where}.{name}")
    elif isinstance(schema, list):
        if not isinstance(value, list):
            yield f"{where}: must be a list"
            return
        for index, item in enumerate(value):
            yield from _check(item, schema[0], f"{where}[{index}]")
    elif schema is INT:
        if not _is_number(value):
            yield f"{where}: must be a whole number, not {value!r}"
    elif schema is PORT or schema is QUANTITY:
        if not _is_number(value) and not isinstance(value, str):
            yield f"{where}: must be a number or a string, not {value!r}"
    elif not isinstance(value, schema):
        yield f"{where}: must be a {schema.__name__}, not {value!r}"


def violations(document):
    """What strict validation would say about one object; an empty list when all is well."""
    key = (document.get("apiVersion"), document.get("kind"))
    if key not in SCHEMAS:
        return [f"{key[0]} {key[1]}: not in the table of kinds"]
    schema = {"apiVersion!": STR, "kind!": STR, **SCHEMAS[key]}
    name = (document.get("metadata") or {}).get("name", "?")
    return list(_check(document, schema, f"{key[1]} {name}"))
