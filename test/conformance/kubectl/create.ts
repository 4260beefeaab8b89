/** Every `kubectl create` that makes an object from words, judged by the server without being stored. */
import assert from 'node:assert/strict';
import type { KubectlRun } from './run.ts';

const image = '--image=registry.local/a:1';

/** What is typed -> what the server says of it, and since which version. */
const generators: readonly [words: string, answer: string, since?: number][] = [
  [
    'clusterrole reader --verb=get,list --resource=pods,deployments.apps',
    'clusterrole.rbac.authorization.k8s.io/reader',
  ],
  ['clusterrolebinding readers --clusterrole=view --user=ann', 'clusterrolebinding.rbac.authorization.k8s.io/readers'],
  ['configmap tried --from-literal=a=b', 'configmap/tried'],
  [`cronjob nightly ${image} --schedule=5 -- true`, 'cronjob.batch/nightly', 21],
  [`deployment tried ${image} --replicas=3 --port=80`, 'deployment.apps/tried'],
  ['ingress web --rule=host.example.com/path*=web:80,tls=cert', 'ingress.networking.k8s.io/web'],
  [`job once ${image} -- true`, 'job.batch/once'],
  ['namespace another-one', 'namespace/another-one'],
  ['poddisruptionbudget web --selector=app=web --min-available=1', 'poddisruptionbudget.policy/web', 21],
  ['priorityclass urgent --value=1000', 'priorityclass.scheduling.k8s.io/urgent'],
  ['quota small --hard=pods=2,requests.cpu=1', 'resourcequota/small'],
  ['role reader --verb=get --resource=pods --resource-name=a', 'role.rbac.authorization.k8s.io/reader'],
  ['rolebinding readers --role=reader --serviceaccount=default:ann', 'rolebinding.rbac.authorization.k8s.io/readers'],
  ['secret generic hidden --from-literal=a=b', 'secret/hidden'],
  [
    'secret docker-registry pull --docker-server=registry.local --docker-username=ann --docker-password=x',
    'secret/pull',
  ],
  ['service clusterip web --tcp=80:8080', 'service/web'],
  ['service nodeport web --tcp=80:8080', 'service/web'],
  ['service loadbalancer web --tcp=80:8080', 'service/web'],
  ['service externalname web --external-name=example.com', 'service/web'],
  ['serviceaccount ann', 'serviceaccount/ann'],
];

export async function create(kubectl: KubectlRun): Promise<void> {
  const { run, refuse, minor } = kubectl;
  for (const [words, answer, since = 0] of generators) {
    if (minor < since) continue;
    // A schedule has spaces of its own.
    const args = words.split(' ').map((word) => (word === '--schedule=5' ? '--schedule=0 5 * * *' : word));
    const end = args.indexOf('--');
    const at = end < 0 ? args.length : end;
    const text = await run('create', ...args.slice(0, at), '--dry-run=server', ...args.slice(at));
    assert.equal(text, `${answer} created (server dry run)\n`);
  }
  assert.match(await refuse('get', 'cm', 'tried'), /configmaps "tried" not found/);
  await createForGood(kubectl);
}

async function createForGood({ run, refuse, minor, name }: KubectlRun): Promise<void> {
  await run('create', 'deployment', 'typed', image, '--replicas=3', '--port=80');
  assert.equal(
    await run(
      'get',
      'deployment',
      'typed',
      '-o',
      'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].ports}',
    ),
    '3 [{"containerPort":80,"protocol":"TCP"}]',
  );
  assert.match(await run('expose', 'deployment', 'typed', '--port=80', '--target-port=8080'), /service\/typed exposed/);
  assert.match(await run('get', 'service', 'typed', '-o', 'jsonpath={.spec.clusterIP}'), /^10\.43\./);
  assert.match(await run('autoscale', 'deployment', 'typed', '--min=1', '--max=3'), /typed autoscaled/);
  if (minor >= 21) {
    await run('create', 'cronjob', 'nightly', image, '--schedule=0 5 * * *', '--', 'true');
    await run('create', 'job', 'now', '--from=cronjob/nightly');
  }
  assert.match(await run('run', 'run-once', image, '--restart=Never', '--', 'sleep', '1'), /pod\/run-once created/);
  assert.match(await refuse('run', 'run-once', image), /pods "run-once" already exists/);
  assert.match(await refuse('create', 'deployment', 'Wrong_Name', image), /Invalid value: "Wrong_Name"/);
  await run('create', 'serviceaccount', 'ann');
  if (minor >= 24) {
    const token = await run('create', 'token', 'ann', '--duration=15m', '--audience=someone');
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as {
      aud: string[];
      sub: string;
    };
    assert.deepEqual([claims.aud, claims.sub], [['someone'], `system:serviceaccount:${name}:ann`]);
  }
}
