/** What the API says there is, against what Kubernetes 1.32 says, fact by fact; and that clients may keep it. */
import assert from 'node:assert/strict';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

const everything = 'create delete deletecollection get list patch update watch';
const readAndWrite = 'get patch update';

/**
 * By group version: a resource's kind, name, singular name, scope, short names, categories, verbs ('' for everything) and hash of its
 * stored form. Upstream's `api/discovery` at v1.32.
 */
const resources: Readonly<Record<string, readonly string[]>> = {
  v1: [
    'Binding|bindings|binding|N|||create|',
    'ComponentStatus|componentstatuses|componentstatus|C|cs||get list|',
    'ConfigMap|configmaps|configmap|N|cm|||qFsyl6wFWjQ=',
    'Endpoints|endpoints|endpoints|N|ep|||fWeeMqaN/OA=',
    'Event|events|event|N|ev|||r2yiGXH7wu8=',
    'LimitRange|limitranges|limitrange|N|limits|||EBKMFVe6cwo=',
    'Namespace|namespaces|namespace|C|ns||create delete get list patch update watch|Q3oi5N2YM8M=',
    'Node|nodes|node|C|no|||XwShjMxG9Fs=',
    'PersistentVolumeClaim|persistentvolumeclaims|persistentvolumeclaim|N|pvc|||QWTyNDq0dC4=',
    'PersistentVolume|persistentvolumes|persistentvolume|C|pv|||HN/zwEC+JgM=',
    'Pod|pods|pod|N|po|all||xPOwRZ+Yhw8=',
    'PodTemplate|podtemplates|podtemplate|N||||LIXB2x4IFpk=',
    'ReplicationController|replicationcontrollers|replicationcontroller|N|rc|all||Jond2If31h0=',
    'ResourceQuota|resourcequotas|resourcequota|N|quota|||8uhSgffRX6w=',
    'Secret|secrets|secret|N||||S6u1pOWzb84=',
    'ServiceAccount|serviceaccounts|serviceaccount|N|sa|||pbx9ZvyFpBE=',
    'Service|services|service|N|svc|all||0/CO1lhkEBI=',
  ],
  'apps/v1': [
    'ControllerRevision|controllerrevisions|controllerrevision|N||||85nkx63pcBU=',
    'DaemonSet|daemonsets|daemonset|N|ds|all||dd7pWHUlMKQ=',
    'Deployment|deployments|deployment|N|deploy|all||8aSe+NMegvE=',
    'ReplicaSet|replicasets|replicaset|N|rs|all||P1RzHs8/mWQ=',
    'StatefulSet|statefulsets|statefulset|N|sts|all||H+vl74LkKdo=',
  ],
  'events.k8s.io/v1': ['Event|events|event|N|ev|||r2yiGXH7wu8='],
  'authentication.k8s.io/v1': [
    'SelfSubjectReview|selfsubjectreviews|selfsubjectreview|C|||create|',
    'TokenReview|tokenreviews|tokenreview|C|||create|',
  ],
  'authorization.k8s.io/v1': [
    'LocalSubjectAccessReview|localsubjectaccessreviews|localsubjectaccessreview|N|||create|',
    'SelfSubjectAccessReview|selfsubjectaccessreviews|selfsubjectaccessreview|C|||create|',
    'SelfSubjectRulesReview|selfsubjectrulesreviews|selfsubjectrulesreview|C|||create|',
    'SubjectAccessReview|subjectaccessreviews|subjectaccessreview|C|||create|',
  ],
  'autoscaling/v2': [
    'HorizontalPodAutoscaler|horizontalpodautoscalers|horizontalpodautoscaler|N|hpa|all||qwQve8ut294=',
  ],
  'autoscaling/v1': [
    'HorizontalPodAutoscaler|horizontalpodautoscalers|horizontalpodautoscaler|N|hpa|all||qwQve8ut294=',
  ],
  'batch/v1': ['CronJob|cronjobs|cronjob|N|cj|all||sd5LIXh4Fjs=', 'Job|jobs|job|N||all||mudhfqk/qZY='],
  'certificates.k8s.io/v1': [
    'CertificateSigningRequest|certificatesigningrequests|certificatesigningrequest|C|csr|||95fRKMXA+00=',
  ],
  'networking.k8s.io/v1': [
    'IngressClass|ingressclasses|ingressclass|C||||l/iqIbDgFyQ=',
    'Ingress|ingresses|ingress|N|ing|||39NQlfNR+bo=',
    'NetworkPolicy|networkpolicies|networkpolicy|N|netpol|||YpfwF18m1G8=',
  ],
  'policy/v1': ['PodDisruptionBudget|poddisruptionbudgets|poddisruptionbudget|N|pdb|||EVWiDmWqyJw='],
  'rbac.authorization.k8s.io/v1': [
    'ClusterRoleBinding|clusterrolebindings|clusterrolebinding|C||||48tpQ8gZHFc=',
    'ClusterRole|clusterroles|clusterrole|C||||bYE5ZWDrJ44=',
    'RoleBinding|rolebindings|rolebinding|N||||eGsCzGH6b1g=',
    'Role|roles|role|N||||7FuwZcIIItM=',
  ],
  'storage.k8s.io/v1': [
    'CSIDriver|csidrivers|csidriver|C||||hL6j/rwBV5w=',
    'CSINode|csinodes|csinode|C||||Pe62DkZtjuo=',
    'CSIStorageCapacity|csistoragecapacities|csistoragecapacity|N||||xeVl+2Ly1kE=',
    'StorageClass|storageclasses|storageclass|C|sc|||K+m6uJwbjGY=',
    'VolumeAttachment|volumeattachments|volumeattachment|C||||tJx/ezt6UDU=',
  ],
  'admissionregistration.k8s.io/v1': [
    'MutatingWebhookConfiguration|mutatingwebhookconfigurations|mutatingwebhookconfiguration|C||api-extensions||Sqi0GUgDaX0=',
    'ValidatingAdmissionPolicy|validatingadmissionpolicies|validatingadmissionpolicy|C||api-extensions||6OxvlMmQ6is=',
    'ValidatingAdmissionPolicyBinding|validatingadmissionpolicybindings|validatingadmissionpolicybinding|C||api-extensions||v9715VZqakg=',
    'ValidatingWebhookConfiguration|validatingwebhookconfigurations|validatingwebhookconfiguration|C||api-extensions||B0wHjQmsGNk=',
  ],
  'apiextensions.k8s.io/v1': [
    'CustomResourceDefinition|customresourcedefinitions|customresourcedefinition|C|crd crds|api-extensions||M5uH+AlWATY=',
  ],
  'scheduling.k8s.io/v1': ['PriorityClass|priorityclasses|priorityclass|C|pc|||1QwjyaZjj3Y='],
  'coordination.k8s.io/v1': ['Lease|leases|lease|N||||gqkMMb/YqFM='],
  'node.k8s.io/v1': ['RuntimeClass|runtimeclasses|runtimeclass|C||||WQTu1GL3T2Q='],
  'discovery.k8s.io/v1': ['EndpointSlice|endpointslices|endpointslice|N||||qgS0xkrxYAI='],
  'flowcontrol.apiserver.k8s.io/v1': [
    'FlowSchema|flowschemas|flowschema|C||||GJVAJZSZBIw=',
    'PriorityLevelConfiguration|prioritylevelconfigurations|prioritylevelconfiguration|C||||Kir5PVfvNeI=',
  ],
};

/** Subresources other than a `status` that is read and written: verbs, kind, and the kind's group version where it is another. */
const subresources: Readonly<Record<string, string>> = {
  'namespaces/finalize': 'update|Namespace',
  'nodes/proxy': 'create delete get patch update|NodeProxyOptions',
  'pods/attach': 'create get|PodAttachOptions',
  'pods/binding': 'create|Binding',
  'pods/ephemeralcontainers': `${readAndWrite}|Pod`,
  'pods/eviction': 'create|Eviction|policy/v1',
  'pods/exec': 'create get|PodExecOptions',
  'pods/log': 'get|Pod',
  'pods/portforward': 'create get|PodPortForwardOptions',
  'pods/proxy': 'create delete get patch update|PodProxyOptions',
  'pods/resize': `${readAndWrite}|Pod`,
  'replicationcontrollers/scale': `${readAndWrite}|Scale|autoscaling/v1`,
  'serviceaccounts/token': 'create|TokenRequest|authentication.k8s.io/v1',
  'services/proxy': 'create delete get patch update|ServiceProxyOptions',
  'deployments/scale': `${readAndWrite}|Scale|autoscaling/v1`,
  'replicasets/scale': `${readAndWrite}|Scale|autoscaling/v1`,
  'statefulsets/scale': `${readAndWrite}|Scale|autoscaling/v1`,
  'certificatesigningrequests/approval': `${readAndWrite}|CertificateSigningRequest`,
};

const withStatus = new Set(
  `namespaces nodes persistentvolumeclaims persistentvolumes pods replicationcontrollers resourcequotas services daemonsets deployments
  replicasets statefulsets horizontalpodautoscalers cronjobs jobs certificatesigningrequests ingresses poddisruptionbudgets volumeattachments
  validatingadmissionpolicies customresourcedefinitions flowschemas prioritylevelconfigurations`.split(/\s+/),
);

interface LegacyResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  kind: string;
  group?: string;
  version?: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  storageVersionHash?: string;
}

interface AggregatedSubresource {
  subresource: string;
  responseKind: { group: string; version: string; kind: string };
  verbs: string[];
}

interface AggregatedResource {
  resource: string;
  singularResource: string;
  scope: string;
  responseKind: { group: string; version: string; kind: string };
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  subresources?: AggregatedSubresource[];
}

interface AggregatedGroup {
  metadata: { name?: string; creationTimestamp: null };
  versions: { version: string; freshness: string; resources: AggregatedResource[] }[];
}

const words = (list: readonly string[] | undefined) => (list ?? []).join(' ');
const form = (version: string) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
/** In the order in which clients prefer groups. */
const groups = [...new Set(Object.keys(resources).map((key) => (key === 'v1' ? '' : key.split('/')[0]!)))];

suite('discovery', () => {
  let space: Space;

  suiteSetup(async () => {
    space = await makeSpace('discovery');
  });

  const read = async (path: string, accept = 'application/json') => {
    const { code, body } = await space.api.ask('GET', path, { headers: { accept } });
    assert.equal(code, 200, path);
    return body;
  };

  test('the list of each version tells its resources as upstream does', async () => {
    for (const [version, expected] of Object.entries(resources)) {
      const list = await read(version === 'v1' ? '/api/v1' : `/apis/${version}`);
      assert.equal(list.kind, 'APIResourceList');
      assert.equal(list.groupVersion, version);
      assert.equal(list.apiVersion, version === 'v1' ? undefined : 'v1');
      const plain = (list.resources as LegacyResource[]).filter(({ name }) => !name.includes('/'));
      assert.deepEqual(
        plain.map((item) =>
          [
            item.kind,
            item.name,
            item.singularName,
            item.namespaced ? 'N' : 'C',
            words(item.shortNames),
            words(item.categories),
            words(item.verbs) === everything ? '' : words(item.verbs),
            item.storageVersionHash ?? '',
          ].join('|'),
        ),
        expected,
      );
    }
  });

  test('the lists tell all subresources, with their verbs and kinds', async () => {
    const found = new Map<string, string>();
    const lists = await Promise.all(
      Object.keys(resources).map((version) => read(version === 'v1' ? '/api/v1' : `/apis/${version}`)),
    );
    for (const list of lists) {
      for (const { name, singularName, verbs, kind, group, version } of list.resources as LegacyResource[]) {
        if (!name.includes('/')) continue;
        assert.equal(singularName, '', name);
        const [plural, part] = name.split('/') as [string, string];
        if (part === 'status') {
          assert.ok(withStatus.has(plural), name);
          assert.equal(words(verbs), readAndWrite, name);
        } else found.set(name, [words(verbs), kind, ...(group ? [`${group}/${version}`] : [])].join('|'));
      }
    }
    assert.deepEqual(Object.fromEntries(found), subresources);
    const told = lists.flatMap((list) => (list.resources as LegacyResource[]).map(({ name }) => name));
    for (const plural of withStatus) assert.ok(told.includes(`${plural}/status`), plural);
  });

  test('groups stand in the order of preference, newest version first', async () => {
    const list = await read('/apis');
    assert.deepEqual(
      list.groups.map(({ name }: { name: string }) => name),
      groups.filter((name) => name !== ''),
    );
    const autoscaling = await read('/apis/autoscaling');
    assert.deepEqual(autoscaling, {
      kind: 'APIGroup',
      apiVersion: 'v1',
      name: 'autoscaling',
      versions: [
        { groupVersion: 'autoscaling/v2', version: 'v2' },
        { groupVersion: 'autoscaling/v1', version: 'v1' },
      ],
      preferredVersion: { groupVersion: 'autoscaling/v2', version: 'v2' },
    });
    assert.deepEqual((await read('/api')).versions, ['v1']);
  });

  for (const version of ['v2', 'v2beta1']) {
    test(`the aggregated form ${version} tells the same, in two documents`, async () => {
      const [core, others] = await Promise.all(
        ['/api', '/apis'].map(async (path) => {
          const { headers, body } = await space.api.ask('GET', path, { headers: { accept: form(version) } });
          assert.equal(headers['content-type'], form(version));
          assert.equal(body.apiVersion, `apidiscovery.k8s.io/${version}`);
          assert.equal(body.kind, 'APIGroupDiscoveryList');
          return body.items as AggregatedGroup[];
        }),
      );
      const items = [...core!, ...others!];
      assert.deepEqual(
        items.map(({ metadata }) => metadata.name ?? ''),
        groups,
      );
      assert.equal(items[0]!.metadata.creationTimestamp, null);
      for (const { metadata, versions } of items) {
        for (const served of versions) {
          assert.equal(served.freshness, 'Current');
          const name = metadata.name ? `${metadata.name}/${served.version}` : served.version;
          const legacy = (await read(metadata.name ? `/apis/${name}` : `/api/${name}`)).resources as LegacyResource[];
          assert.deepEqual(served.resources.flatMap(asLegacy), legacy.map(withoutHash));
        }
      }
    });
  }

  test('a client gets the form it names first, and the old one when it knows no other', async () => {
    const typeOf = async (accept: string) =>
      (await space.api.ask('GET', '/apis', { headers: { accept } })).headers['content-type'];
    assert.equal(await typeOf(`${form('v2')},${form('v2beta1')},application/json`), form('v2'));
    assert.equal(await typeOf(`${form('v2beta1')},application/json`), form('v2beta1'));
    const binary = form('v2').replace('json', 'vnd.kubernetes.protobuf');
    assert.equal(await typeOf(`${binary},${form('v2')}`), binary);
    assert.equal(await typeOf('application/json'), 'application/json');
  });

  test('the older lists come in every format of objects, and in no other', async () => {
    const ask = (path: string, accept: string) => space.api.ask('GET', path, { headers: { accept } });
    const yaml = await ask('/api/v1', 'application/yaml');
    assert.equal(yaml.headers['content-type'], 'application/yaml');
    assert.match(yaml.bytes.toString(), /^kind: APIResourceList$/m);
    for (const path of ['/api', '/apis', '/apis/apps', '/apis/apps/v1']) {
      const { headers, bytes } = await ask(path, 'application/vnd.kubernetes.protobuf');
      assert.equal(headers['content-type'], 'application/vnd.kubernetes.protobuf', path);
      assert.equal(bytes.subarray(0, 4).toString('latin1'), 'k8s\0');
    }
    const { code, body } = await ask('/apis', 'text/html');
    assert.deepEqual([code, body.reason], [406, 'NotAcceptable']);
    assert.match(
      (await ask('/apis?pretty=true', 'application/json')).bytes.toString(),
      /^\{\n {2}"kind": "APIGroupList",\n/,
    );
  });

  test('documents carry a tag, and one who shows it is told that nothing changed', async () => {
    for (const [path, accept] of [
      ['/apis', form('v2')],
      ['/api', form('v2')],
      ['/openapi/v2', 'application/json'],
      ['/openapi/v3', 'application/json'],
    ] as const) {
      const first = await space.api.ask('GET', path, { headers: { accept } });
      const etag = first.headers['etag'] as string;
      assert.match(etag, /^"[0-9A-F]{128}"$/, path);
      assert.match(String(first.headers['vary']), /Accept/);
      assert.equal(first.headers['cache-control'], path.startsWith('/api') ? 'public' : 'no-cache, private');
      const again = await space.api.ask('GET', path, { headers: { accept, 'if-none-match': etag } });
      assert.deepEqual([again.code, again.bytes.length, again.headers['etag']], [304, 0, etag], path);
      const other = await space.api.ask('GET', path, { headers: { accept, 'if-none-match': '"other"' } });
      assert.equal(other.code, 200);
    }
  });
});

/** An aggregated resource as the older form tells it. */
function asLegacy(item: AggregatedResource): Omit<LegacyResource, 'storageVersionHash'>[] {
  const namespaced = item.scope === 'Namespaced';
  const kindOf = ({ group, version, kind }: AggregatedResource['responseKind']) => ({
    ...(group && { group }),
    ...(version && { version }),
    kind,
  });
  return [
    {
      name: item.resource,
      singularName: item.singularResource,
      namespaced,
      ...kindOf(item.responseKind),
      verbs: item.verbs,
      ...(item.shortNames && { shortNames: item.shortNames }),
      ...(item.categories && { categories: item.categories }),
    },
    ...(item.subresources ?? []).map(({ subresource, responseKind, verbs }) => ({
      name: `${item.resource}/${subresource}`,
      singularName: '',
      namespaced,
      ...kindOf(responseKind),
      verbs,
    })),
  ];
}

function withoutHash(resource: LegacyResource): Omit<LegacyResource, 'storageVersionHash'> {
  const { ...rest } = resource;
  delete rest.storageVersionHash;
  return rest;
}
