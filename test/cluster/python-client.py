"""Debian's python3-kubernetes into a pod: `python-client.py KUBECONFIG NAMESPACE POD`. Prints `ok NAME` or `failed NAME: why` for each case."""

import sys
import traceback

from kubernetes import client, config, watch
from kubernetes.stream import portforward, stream

kubeconfig, namespace, pod = sys.argv[1:]
config.load_kube_config(kubeconfig)
core = client.CoreV1Api()


def execute(script, **more):
    command = ["sh", "-c", script]
    options = {"stderr": True, "stdin": False, "stdout": True, "tty": False, **more}
    return stream(core.connect_get_namespaced_pod_exec, pod, namespace, container="app", command=command, **options)


def exec_gives_what_was_written():
    assert execute("echo out; echo err >&2") in ("out\nerr\n", "err\nout\n")


def exec_takes_input_and_tells_the_exit_code():
    session = execute("read line; echo heard $line; exit 7", stdin=True, _preload_content=False)
    session.write_stdin("me\n")
    session.run_forever(timeout=10)
    assert session.read_stdout() == "heard me\n"
    assert session.returncode == 7
    session.close()


def a_forwarded_port_carries_a_request():
    forward = portforward(core.connect_get_namespaced_pod_portforward, pod, namespace, ports="8080")
    socket = forward.socket(8080)
    socket.settimeout(10)
    socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
    answer = b""
    while part := socket.recv(4096):
        answer += part
    assert answer.endswith(b"served\n"), answer
    assert forward.error(8080) is None


def logs_are_read_and_followed():
    assert core.read_namespaced_pod_log(pod, namespace, container="app", tail_lines=5) == "begun\n"
    watcher = watch.Watch()
    for line in watcher.stream(core.read_namespaced_pod_log, pod, namespace, container="app"):
        assert line == "begun"
        watcher.stop()


def the_pod_tells_its_state():
    status = core.read_namespaced_pod(pod, namespace).status
    assert status.phase == "Running" and status.container_statuses[0].ready
    node = core.list_node(field_selector=f"metadata.name={core.read_namespaced_pod(pod, namespace).spec.node_name}").items[0]
    assert node.status.node_info.kubelet_version.startswith("v1.32.")


for case in [
    exec_gives_what_was_written,
    exec_takes_input_and_tells_the_exit_code,
    a_forwarded_port_carries_a_request,
    logs_are_read_and_followed,
    the_pod_tells_its_state,
]:
    try:
        case()
        print("ok", case.__name__, flush=True)
    except Exception:
        lines = traceback.format_exc().replace("\n", "\\n")
        print(f"failed {case.__name__}: {lines}", flush=True)
