"""What the contract says about the manifests, as data. Sections are those of the Sandbox Router's contract.

A row: section, kind, path (see manifests.find), value. ABSENT means the field must not be there.
"""

ABSENT = "(absent)"

SERVICE_NAME = "sandbox-router-svc"
NAMESPACE = "agent-sandbox-system"
POD = "spec.template.spec"
ROUTER = POD + ".containers[router]"

# sandbox_router.yaml; sandbox_router_token.yaml and sandbox_router_all.yaml too, but for the rows that follow this table.
ROUTER_ROWS = [
    ("5.3", "Service", "metadata.name", SERVICE_NAME),
    ("5.3", "Service", "metadata.namespace", NAMESPACE),
    ("5.1", "Service", "apiVersion", "v1"),
    ("5.1", "Service", "spec.type", "ClusterIP"),
    ("5.1", "Service", "spec.selector", {"app": "sandbox-router"}),
    ("5.1", "Service", "spec.ports", [{"name": "http", "protocol": "TCP", "port": 8080, "targetPort": 8080}]),

    ("5.1", "Deployment", "apiVersion", "apps/v1"),
    ("5.1", "Deployment", "metadata.name", "sandbox-router-deployment"),
    ("5.3", "Deployment", "metadata.namespace", NAMESPACE),
    ("5.1", "Deployment", "spec.replicas", 2),
    # A selector cannot be changed later: one more label here and it could not be applied over the older Deployment.
    ("5.1", "Deployment", "spec.selector", {"matchLabels": {"app": "sandbox-router"}}),
    ("5.3", "Deployment", "spec.template.metadata.labels.app", "sandbox-router"),
    ("5.2", "Deployment", "spec.template.metadata.labels[app.kubernetes.io/name]", "sandbox-router"),
    ("5.2", "Deployment", "spec.template.metadata.labels[app.kubernetes.io/component]", "sandbox-router"),
    ("5.2", "Deployment", "spec.template.metadata.annotations[prometheus.io/scrape]", "true"),
    ("5.2", "Deployment", "spec.template.metadata.annotations[prometheus.io/port]", "9090"),
    ("4", "Deployment", "spec.template.metadata.annotations[prometheus.io/path]", "/metrics"),

    ("5.2", "Deployment", POD + ".terminationGracePeriodSeconds", 45),
    ("5.3", "Deployment", POD + ".serviceAccountName", ABSENT),
    ("5.3", "Deployment", POD + ".automountServiceAccountToken", False),
    ("5.1", "Deployment", POD + ".securityContext.runAsUser", 1000),
    ("5.1", "Deployment", POD + ".securityContext.runAsGroup", 1000),
    ("5.2", "Deployment", POD + ".securityContext.runAsNonRoot", True),
    ("5.2", "Deployment", POD + ".securityContext.seccompProfile.type", "RuntimeDefault"),
    ("5.1", "Deployment", POD + ".topologySpreadConstraints[topology.kubernetes.io/zone]",
     {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
      "labelSelector": {"matchLabels": {"app": "sandbox-router"}}}),
    ("5.2", "Deployment", POD + ".topologySpreadConstraints[kubernetes.io/hostname]",
     {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
      "labelSelector": {"matchLabels": {"app": "sandbox-router"}}}),

    ("5.1", "Deployment", ROUTER + ".image", "${ROUTER_IMAGE}"),
    # The image alone starts the router, as the older images did.
    ("5.1", "Deployment", ROUTER + ".command", ABSENT),
    ("5.1", "Deployment", ROUTER + ".args", ABSENT),
    ("5.1", "Deployment", ROUTER + ".ports[http]", {"name": "http", "containerPort": 8080, "protocol": "TCP"}),
    ("5.2", "Deployment", ROUTER + ".ports[healthz]", {"name": "healthz", "containerPort": 8081, "protocol": "TCP"}),
    ("5.2", "Deployment", ROUTER + ".ports[metrics]", {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}),
    ("4", "Deployment", ROUTER + ".startupProbe.httpGet", {"path": "/healthz", "port": "healthz"}),
    ("2.2", "Deployment", ROUTER + ".startupProbe.failureThreshold", 60),
    ("2.2", "Deployment", ROUTER + ".startupProbe.periodSeconds", 1),
    ("5.2", "Deployment", ROUTER + ".readinessProbe",
     {"httpGet": {"path": "/readyz", "port": "healthz"}, "periodSeconds": 5, "failureThreshold": 2}),
    ("5.2", "Deployment", ROUTER + ".livenessProbe",
     {"httpGet": {"path": "/healthz", "port": "healthz"}, "periodSeconds": 10, "failureThreshold": 3}),
    ("4", "Deployment", ROUTER + ".lifecycle.preStop.exec.command", ["sleep", "5"]),
    ("5.1", "Deployment", ROUTER + ".resources.requests", {"cpu": "250m", "memory": "512Mi"}),
    ("5.1", "Deployment", ROUTER + ".resources.limits", {"cpu": "1", "memory": "1Gi"}),
    ("5.2", "Deployment", ROUTER + ".securityContext",
     {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}),

    ("5.1", "Deployment", ROUTER + ".env[PROXY_TIMEOUT_SECONDS]", {"name": "PROXY_TIMEOUT_SECONDS", "value": "180"}),
    ("5.1", "Deployment", ROUTER + ".env[WEBSOCKET_IDLE_TIMEOUT_SECONDS].value", "3600"),
    ("5.1", "Deployment", ROUTER + ".env[WEBSOCKET_MAX_LIFETIME_SECONDS].value", "86400"),
    ("5.1", "Deployment", ROUTER + ".env[WEBSOCKET_MAX_MESSAGE_BYTES].value", "16777216"),
    ("5.1", "Deployment", ROUTER + ".env[WEBSOCKET_MAX_CONNECTIONS_PER_CLIENT].value", "0"),
    ("5.3", "Deployment", ROUTER + ".env[ALLOW_UNAUTHENTICATED_ROUTER].value", "true"),
    ("5.3", "Deployment", ROUTER + ".env[ROUTER_AUTH_TOKEN].valueFrom.secretKeyRef",
     {"name": "sandbox-router-auth", "key": "auth-token", "optional": True}),
    ("5.3", "Deployment", ROUTER + ".env[ROUTER_AUTH_TOKEN].value", ABSENT),
]

# Where sandbox_router_token.yaml differs.
TOKEN_ROWS = [
    ("5.3", "Deployment", ROUTER + ".env[ALLOW_UNAUTHENTICATED_ROUTER].value", "false"),
    ("5.3", "Deployment", ROUTER + ".env[ROUTER_AUTH_TOKEN].valueFrom.secretKeyRef",
     {"name": "sandbox-router-auth", "key": "auth-token", "optional": False}),
]

# Where sandbox_router_all.yaml differs; it holds GATEWAY_ROWS as well.
ALL_ROWS = [
    ("5.3", "Deployment", ROUTER + ".image", "IMAGE_PLACEHOLDER"),
]

GATEWAY_ROWS = [
    ("5.1", "Gateway", "apiVersion", "gateway.networking.k8s.io/v1"),
    ("5.1", "Gateway", "metadata.name", "external-http-gateway"),
    ("5.3", "Gateway", "metadata.namespace", "default"),
    ("5.1", "Gateway", "spec.gatewayClassName", "gke-l7-global-external-managed"),
    ("5.1", "Gateway", "spec.listeners[http].protocol", "HTTP"),
    ("5.1", "Gateway", "spec.listeners[http].port", 80),
    ("5.3", "Gateway", "spec.listeners[http].allowedRoutes.namespaces.from", "All"),
    ("5.1", "HTTPRoute", "apiVersion", "gateway.networking.k8s.io/v1"),
    ("5.1", "HTTPRoute", "metadata.name", "sandbox-router-route"),
    ("5.3", "HTTPRoute", "metadata.namespace", NAMESPACE),
    ("5.3", "HTTPRoute", "spec.parentRefs", [{"name": "external-http-gateway", "namespace": "default"}]),
    ("5.1", "HTTPRoute", "spec.rules",
     [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
       "backendRefs": [{"name": SERVICE_NAME, "port": 8080}]}]),
    ("5.1", "HealthCheckPolicy", "apiVersion", "networking.gke.io/v1"),
    ("5.1", "HealthCheckPolicy", "metadata.name", "router-health-check-policy"),
    ("5.3", "HealthCheckPolicy", "metadata.namespace", NAMESPACE),
    ("5.1", "HealthCheckPolicy", "spec.targetRef", {"group": "", "kind": "Service", "name": SERVICE_NAME}),
    ("5.1", "HealthCheckPolicy", "spec.default.config",
     {"type": "HTTP", "httpHealthCheck": {"requestPath": "/healthz"}}),
]

# Where gateway-generic.yaml differs; it has no HealthCheckPolicy, which is GKE's own kind.
GENERIC_GATEWAY_ROWS = [
    ("5.3", "Gateway", "spec.gatewayClassName", "${GATEWAY_CLASS}"),
]

RBAC_ROWS = [
    ("5.2", "ServiceAccount", "metadata.name", "sandbox-router"),
    ("5.3", "ServiceAccount", "metadata.namespace", NAMESPACE),
    ("5.2", "ClusterRole", "metadata.name", "sandbox-router"),
    ("5.2", "ClusterRole", "rules[0]",
     {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}),
    # 7.3: the router's index is by the Sandbox's name, so it reads Sandboxes too. Nothing else, and nothing is written.
    ("7.3", "ClusterRole", "rules[1]",
     {"apiGroups": ["agents.x-k8s.io"], "resources": ["sandboxes"], "verbs": ["get", "list", "watch"]}),
    ("5.2", "ClusterRole", "rules[2]", ABSENT),
    ("5.2", "ClusterRoleBinding", "metadata.name", "sandbox-router"),
    ("5.2", "ClusterRoleBinding", "roleRef",
     {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sandbox-router"}),
    ("5.2", "ClusterRoleBinding", "subjects",
     [{"kind": "ServiceAccount", "name": "sandbox-router", "namespace": NAMESPACE}]),
]

# 2.3, 5.2: only with --authz-mode=tokenreview. The upstream role for it may ask about anybody's permissions too; ours asks
# whose a token is.
TOKENREVIEW_ROWS = [
    ("5.2", "ServiceAccount", "metadata.name", "sandbox-router"),
    ("5.3", "ServiceAccount", "metadata.namespace", NAMESPACE),
    ("5.2", "ClusterRole", "rules",
     [{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}]),
    ("5.2", "ClusterRoleBinding", "roleRef",
     {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sandbox-router-tokenreview"}),
    ("5.2", "ClusterRoleBinding", "subjects",
     [{"kind": "ServiceAccount", "name": "sandbox-router", "namespace": NAMESPACE}]),
]

PDB_ROWS = [
    ("5.3", "PodDisruptionBudget", "metadata.namespace", NAMESPACE),
    ("5.2", "PodDisruptionBudget", "spec.minAvailable", 1),
    ("5.2", "PodDisruptionBudget", "spec.maxUnavailable", ABSENT),
    ("5.3", "PodDisruptionBudget", "spec.selector", {"matchLabels": {"app": "sandbox-router"}}),
]

HPA_ROWS = [
    ("5.3", "HorizontalPodAutoscaler", "metadata.namespace", NAMESPACE),
    ("5.3", "HorizontalPodAutoscaler", "spec.scaleTargetRef",
     {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sandbox-router-deployment"}),
    ("5.1", "HorizontalPodAutoscaler", "spec.minReplicas", 2),
]

NETWORK_POLICY_ROWS = [
    ("5.3", "NetworkPolicy", "metadata.namespace", NAMESPACE),
    ("5.3", "NetworkPolicy", "spec.podSelector", {"matchLabels": {"app": "sandbox-router"}}),
    ("5.2", "NetworkPolicy", "spec.policyTypes", ["Ingress", "Egress"]),
    ("5.2", "NetworkPolicy", "spec.ingress[0].ports", [{"protocol": "TCP", "port": 8080}]),
    # From all namespaces; the stricter of contract and threat model leaves the sandboxes themselves out.
    ("5.2", "NetworkPolicy", "spec.ingress[0].from[0]",
     {"namespaceSelector": {},
      "podSelector": {"matchExpressions": [
          {"key": "agents.x-k8s.io/sandbox-name-hash", "operator": "DoesNotExist"}]}}),
    ("5.2", "NetworkPolicy", "spec.ingress[1]",
     {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
      "ports": [{"protocol": "TCP", "port": 9090}]}),
    ("5.2", "NetworkPolicy", "spec.ingress[2]", {"ports": [{"protocol": "TCP", "port": 8081}]}),
    # 5.3: no limit on the sandboxes' ports, so this rule names none.
    ("5.3", "NetworkPolicy", "spec.egress[0]", {"to": [{"namespaceSelector": {}}]}),
    ("5.2", "NetworkPolicy", "spec.egress[1]",
     {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}),
]

GKE_TIMEOUT_ROWS = [
    ("5.3", "GCPBackendPolicy", "metadata.namespace", NAMESPACE),
    ("5.3", "GCPBackendPolicy", "spec.targetRef", {"group": "", "kind": "Service", "name": SERVICE_NAME}),
    # The longest life of a WebSocket, so that the router's limits decide and not the load balancer's 30 s.
    ("2.1", "GCPBackendPolicy", "spec.default.timeoutSec", 86400),
]


def overridden(rows, changes):
    """The rows, with those of the same kind and path replaced."""
    changed = {(kind, path) for _, kind, path, _ in changes}
    unknown = changed - {(kind, path) for _, kind, path, _ in rows}
    if unknown:
        raise ValueError(f"these rows change nothing: {sorted(unknown)}")
    return [row for row in rows if (row[1], row[2]) not in changed] + changes


# Every file of deploy/router: its kinds, in order, and its rows.
FILES = {
    "sandbox_router.yaml": (["Service", "Deployment"], ROUTER_ROWS),
    "sandbox_router_token.yaml": (["Service", "Deployment"], overridden(ROUTER_ROWS, TOKEN_ROWS)),
    "sandbox_router_all.yaml": (
        ["Service", "Deployment", "Gateway", "HTTPRoute", "HealthCheckPolicy"],
        overridden(ROUTER_ROWS, ALL_ROWS) + GATEWAY_ROWS,
    ),
    "gateway.yaml": (["Gateway", "HTTPRoute", "HealthCheckPolicy"], GATEWAY_ROWS),
    "gateway-generic.yaml": (
        ["Gateway", "HTTPRoute"],
        overridden([row for row in GATEWAY_ROWS if row[1] != "HealthCheckPolicy"], GENERIC_GATEWAY_ROWS),
    ),
    "gateway-gke-timeout.yaml": (["GCPBackendPolicy"], GKE_TIMEOUT_ROWS),
    "rbac.yaml": (["ServiceAccount", "ClusterRole", "ClusterRoleBinding"], RBAC_ROWS),
    "rbac-tokenreview.yaml": (["ServiceAccount", "ClusterRole", "ClusterRoleBinding"], TOKENREVIEW_ROWS),
    "pdb.yaml": (["PodDisruptionBudget"], PDB_ROWS),
    "hpa.yaml": (["HorizontalPodAutoscaler"], HPA_ROWS),
    "networkpolicy.yaml": (["NetworkPolicy"], NETWORK_POLICY_ROWS),
}

# The placeholders users replace with sed: each stands exactly once in its file, and no other word looks like one.
PLACEHOLDERS = {
    "sandbox_router.yaml": "${ROUTER_IMAGE}",
    "sandbox_router_token.yaml": "${ROUTER_IMAGE}",
    "sandbox_router_all.yaml": "IMAGE_PLACEHOLDER",
    "gateway-generic.yaml": "${GATEWAY_CLASS}",
}

# 2.1: the environment of the program, with the type of each value.
ENVIRONMENT = {
    "PROXY_TIMEOUT_SECONDS": "positive number",
    "MAX_KEEPALIVE_CONNECTIONS": "count",
    "WEBSOCKET_IDLE_TIMEOUT_SECONDS": "number",
    "WEBSOCKET_MAX_LIFETIME_SECONDS": "number",
    "WEBSOCKET_MAX_CONNECTIONS_PER_CLIENT": "count",
    "WEBSOCKET_MAX_MESSAGE_BYTES": "positive count",
    "TRUSTED_PROXY_CIDRS": "list",
    "CLUSTER_DOMAIN": "text",
    "ROUTER_AUTH_TOKEN": "secret",
    "ALLOW_UNAUTHENTICATED_ROUTER": "bool",
    "PORT": "positive count",
    "SANDGATE_STRICT_CONFIG": "bool",
}

# 2.2: the flags of the program that a manifest or the manual of this folder may name.
FLAGS = [
    "--http-bind-address", "--metrics-bind-address", "--health-probe-bind-address", "--cluster-domain", "--proxy-timeout",
    "--response-header-timeout", "--shutdown-timeout", "--upstream-max-retries", "--max-request-body-bytes",
    "--allow-loopback-pod-ip", "--access-log", "--config", "--static-sandboxes", "--dns-server",
    "--cache-enabled", "--authz-mode",
]

SHUTDOWN_TIMEOUT_SECONDS = 30
