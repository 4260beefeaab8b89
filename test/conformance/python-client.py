"""Debian's python3-kubernetes against a server: `python-client.py KUBECONFIG NAMESPACE`.

Prints a line for each case, `ok NAME` or `failed NAME: why`, so that the suite that started this can tell one from the other.
"""

import json
import sys
import threading
import traceback

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock

kubeconfig, namespace = sys.argv[1:]
config.load_kube_config(kubeconfig)
core = client.CoreV1Api()
apps = client.AppsV1Api()


def config_map(name, data=None, labels=None):
    metadata = client.V1ObjectMeta(name=name, labels=labels)
    return client.V1ConfigMap(metadata=metadata, data=data or {})


def deployment(name):
    labels = {"app": name}
    container = client.V1Container(name="c", image="registry.local/a:1", ports=[client.V1ContainerPort(container_port=80)])
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container])
    )
    selector = client.V1LabelSelector(match_labels=labels)
    spec = client.V1DeploymentSpec(replicas=2, selector=selector, template=template)
    return client.V1Deployment(api_version="apps/v1", kind="Deployment", metadata=client.V1ObjectMeta(name=name), spec=spec)


def refused(code, reason, call):
    try:
        call()
    except ApiException as error:
        assert error.status == code, error
        assert f'"reason":"{reason}"' in error.body, error.body
        return error
    raise AssertionError(f"not refused with {code}")


def objects_live_and_die():
    made = core.create_namespaced_config_map(namespace, config_map("lived", {"a": "1"}))
    assert made.metadata.uid and made.metadata.creation_timestamp.tzinfo
    refused(409, "AlreadyExists", lambda: core.create_namespaced_config_map(namespace, config_map("lived")))
    made.data["b"] = "2"
    changed = core.replace_namespaced_config_map("lived", namespace, made)
    assert changed.data == {"a": "1", "b": "2"}
    refused(409, "Conflict", lambda: core.replace_namespaced_config_map("lived", namespace, made))
    tried = core.delete_namespaced_config_map("lived", namespace, dry_run="All")
    assert tried.status == "Success"
    status = core.delete_namespaced_config_map("lived", namespace, body=client.V1DeleteOptions(propagation_policy="Background"))
    assert status.status == "Success" and status.details.name == "lived"
    refused(404, "NotFound", lambda: core.read_namespaced_config_map("lived", namespace))
    bad = deployment("bad")
    bad.spec.replicas = -1
    refused(422, "Invalid", lambda: apps.create_namespaced_deployment(namespace, bad))


def lists_come_in_pages_and_by_label():
    for number in range(5):
        core.create_namespaced_config_map(namespace, config_map(f"page-{number}", labels={"book": "yes"}))
    names, following = [], None
    while True:
        page = core.list_namespaced_config_map(namespace, label_selector="book=yes", limit=2, _continue=following)
        names += [item.metadata.name for item in page.items]
        following = page.metadata._continue
        if not following:
            break
    assert names == [f"page-{number}" for number in range(5)], names
    core.delete_collection_namespaced_config_map(namespace, label_selector="book=yes")
    assert core.list_namespaced_config_map(namespace, label_selector="book=yes").items == []
    spaces = core.list_namespace(field_selector=f"metadata.name={namespace}").items
    assert [space.status.phase for space in spaces] == ["Active"]


def patches_of_every_type():
    apps.create_namespaced_deployment(namespace, deployment("patched"))
    merged = apps.patch_namespaced_deployment("patched", namespace, {"metadata": {"labels": {"x": "y"}}})
    assert merged.metadata.labels == {"x": "y"}
    operations = [{"op": "test", "path": "/spec/replicas", "value": 2}, {"op": "replace", "path": "/spec/replicas", "value": 3}]
    assert apps.patch_namespaced_deployment("patched", namespace, operations).spec.replicas == 3
    scale = apps.read_namespaced_deployment_scale("patched", namespace)
    assert (scale.spec.replicas, scale.status.selector) == (3, "app=patched")
    scaled = apps.patch_namespaced_deployment_scale("patched", namespace, {"spec": {"replicas": 1}})
    assert scaled.spec.replicas == 1
    shown = apps.patch_namespaced_deployment_status("patched", namespace, {"status": {"replicas": 1}, "spec": {"replicas": 9}})
    assert (shown.status.replicas, shown.spec.replicas) == (1, 1)
    apps.delete_namespaced_deployment("patched", namespace, propagation_policy="Background")


def a_watch_tells_what_happens():
    def act():
        core.create_namespaced_config_map(namespace, config_map("watched", labels={"watch": "me"}))
        core.patch_namespaced_config_map("watched", namespace, {"data": {"a": "1"}})
        core.delete_namespaced_config_map("watched", namespace)

    thread = threading.Thread(target=act)
    seen = []
    watcher = watch.Watch()
    first = core.list_namespaced_config_map(namespace, label_selector="watch=me")
    thread.start()
    stream = watcher.stream(
        core.list_namespaced_config_map,
        namespace,
        label_selector="watch=me",
        resource_version=first.metadata.resource_version,
        timeout_seconds=15,
    )
    for event in stream:
        assert isinstance(event["object"], client.V1ConfigMap)
        seen.append((event["type"], (event["object"].data or {}).get("a")))
        if event["type"] == "DELETED":
            watcher.stop()
    thread.join()
    assert seen == [("ADDED", None), ("MODIFIED", "1"), ("DELETED", "1")], seen


def a_cache_follows_by_list_and_watch():
    """As informers do: each watch goes on where the one before ended, also after it timed out."""
    cache = {}
    listed = core.list_namespaced_config_map(namespace, label_selector="cache=me")
    version = listed.metadata.resource_version
    for step in range(3):
        core.create_namespaced_config_map(namespace, config_map(f"cached-{step}", labels={"cache": "me"}))
        if step == 2:
            core.delete_namespaced_config_map("cached-0", namespace)
        watcher = watch.Watch()
        for event in watcher.stream(
            core.list_namespaced_config_map,
            namespace,
            label_selector="cache=me",
            resource_version=version,
            timeout_seconds=1,
        ):
            name = event["object"].metadata.name
            if event["type"] == "DELETED":
                del cache[name]
            else:
                cache[name] = event["object"]
            version = event["object"].metadata.resource_version
    assert sorted(cache) == ["cached-1", "cached-2"], sorted(cache)


def the_dynamic_client_discovers_and_applies():
    cluster = dynamic.DynamicClient(client.ApiClient(), cache_file=f"{kubeconfig}.discovery")
    deployments = cluster.resources.get(api_version="apps/v1", kind="Deployment")
    assert deployments.namespaced and "scale" in deployments.subresources
    assert cluster.resources.get(api_version="v1", kind="Pod").short_names == ["po"]
    body = client.ApiClient().sanitize_for_serialization(deployment("dynamic"))
    # This version sends what is no JSON patch only as text.
    applied = deployments.server_side_apply(body=json.dumps(body), name="dynamic", namespace=namespace, field_manager="python")
    assert [entry.manager for entry in applied.metadata.managedFields] == ["python"]
    body["spec"]["replicas"] = 5
    try:
        deployments.server_side_apply(body=json.dumps(body), name="dynamic", namespace=namespace, field_manager="other")
        raise AssertionError("no conflict")
    except dynamic.exceptions.ConflictError as error:
        assert b'conflict with \\"python\\": .spec.replicas' in error.body, error.body
    deployments.patch(
        name="dynamic", namespace=namespace, body={"metadata": {"labels": {"a": "b"}}}, content_type="application/merge-patch+json"
    )
    found = deployments.get(namespace=namespace, label_selector="a=b")
    assert [item.metadata.name for item in found.items] == ["dynamic"]
    events = deployments.watch(namespace=namespace, field_selector="metadata.name=dynamic", timeout=2)
    assert next(iter(events))["type"] == "ADDED"
    deployments.delete(name="dynamic", namespace=namespace)


def manifests_are_created_from_data():
    manifest = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "made"}, "spec": {"ports": [{"port": 80}]}},
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "made"}, "spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.local/a"}]}}}},
        ],
    }
    utils.create_from_dict(client.ApiClient(), manifest, namespace=namespace)
    assert core.read_namespaced_service("made", namespace).spec.cluster_ip.startswith("10.43.")
    assert client.BatchV1Api().read_namespaced_job("made", namespace).spec.completions == 1
    custom = client.CustomObjectsApi()
    assert custom.get_namespaced_custom_object("batch", "v1", namespace, "jobs", "made")["kind"] == "Job"


def tokens_tell_who_asks():
    core.create_namespaced_service_account(namespace, client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="robot")))
    settings = client.Configuration.get_default_copy()
    body = {"spec": {"expirationSeconds": 600}}
    token = core.create_namespaced_service_account_token("robot", namespace, body).status.token
    settings.cert_file = settings.key_file = None
    settings.api_key = {"authorization": f"Bearer {token}"}
    robot = client.ApiClient(settings)
    refusal = refused(403, "Forbidden", lambda: client.CoreV1Api(robot).list_namespaced_pod(namespace))
    assert f"system:serviceaccount:{namespace}:robot" in refusal.body
    attributes = client.V1ResourceAttributes(namespace=namespace, verb="list", resource="pods")
    review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
    assert client.AuthorizationV1Api(robot).create_self_subject_access_review(review).status.allowed is False
    assert client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed is True


def discovery_and_version_are_understood():
    assert client.VersionApi().get_code().git_version.startswith("v1.32.")
    groups = client.ApisApi().get_api_versions().groups
    assert groups[0].preferred_version.group_version
    assert "pods/exec" in [resource.name for resource in core.get_api_resources().resources]
    assert "deployments/scale" in [resource.name for resource in apps.get_api_resources().resources]


def one_of_two_is_elected():
    leaders = []
    begun = threading.Event()

    def stand(name):
        def lead():
            leaders.append(name)
            begun.set()

        lock = ConfigMapLock("election", namespace, name)
        settings = electionconfig.Config(
            lock, lease_duration=17, renew_deadline=15, retry_period=5, onstarted_leading=lead, onstopped_leading=None
        )
        threading.Thread(target=leaderelection.LeaderElection(settings).run, daemon=True).start()

    stand("one")
    assert begun.wait(15)
    stand("two")
    annotations = core.read_namespaced_config_map("election", namespace).metadata.annotations
    assert '"holderIdentity": "one"' in annotations["control-plane.alpha.kubernetes.io/leader"], annotations
    assert leaders == ["one"]


cases = [
    objects_live_and_die,
    lists_come_in_pages_and_by_label,
    patches_of_every_type,
    a_watch_tells_what_happens,
    a_cache_follows_by_list_and_watch,
    the_dynamic_client_discovers_and_applies,
    manifests_are_created_from_data,
    tokens_tell_who_asks,
    discovery_and_version_are_understood,
    one_of_two_is_elected,
]

for case in cases:
    try:
        case()
        print("ok", case.__name__, flush=True)
    except Exception:
        lines = traceback.format_exc().replace("\n", "\\n")
        print(f"failed {case.__name__}: {lines}", flush=True)
