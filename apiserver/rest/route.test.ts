import assert from 'node:assert/strict';
import { builtIn } from '#lib/kinds/index.ts';
import { requestInfoOf } from './request-info.ts';
import { routeOf } from './route.ts';

suite('routeOf()', () => {
  const cases: [path: string, wanted: string | undefined][] = [
    ['/api/v1/pods', 'pods ns= name= sub='],
    ['/api/v1/namespaces/a/pods', 'pods ns=a name= sub='],
    ['/api/v1/namespaces/a/pods/b', 'pods ns=a name=b sub='],
    ['/api/v1/namespaces/a/pods/b/log', 'pods ns=a name=b sub=log'],
    ['/api/v1/namespaces/a/pods/b/proxy/x/y', 'pods ns=a name=b sub=proxy x/y'],
    ['/api/v1/namespaces', 'namespaces ns= name= sub='],
    ['/api/v1/namespaces/a', 'namespaces ns= name=a sub='],
    ['/api/v1/namespaces/a/status', 'namespaces ns= name=a sub=status'],
    ['/api/v1/namespaces/a/finalize', 'namespaces ns= name=a sub=finalize'],
    ['/api/v1/nodes/n', 'nodes ns= name=n sub='],
    ['/apis/apps/v1/namespaces/a/deployments/b/scale', 'deployments ns=a name=b sub=scale'],
    ['/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode', 'clusterroles ns= name=system:node sub='],
    ['/api/v1/watch/namespaces/a/pods', 'pods ns=a name= sub='],
    ['/api/v1/pods/b', undefined],
    ['/api/v1/namespaces/a/nodes', undefined],
    ['/api/v1/namespaces/a/pods/b/unknown', undefined],
    ['/api/v1/namespaces/a/pods/b/log/more', undefined],
    ['/api/v1/things', undefined],
    ['/apis/apps/v2/deployments', undefined],
    ['/api/v1', undefined],
    ['/apis', undefined],
    ['/version', undefined],
    ['/api/v1/namespaces/a/namespaces/a', undefined],
    ['/api/v1/namespaces//pods', undefined],
    ['/api/v1/proxy/nodes/n', undefined],
    ['/api/v1/watch', undefined],
    ['/apis//v1/pods', undefined],
    ['/api//v1/pods', undefined],
    ['//api/v1/pods', undefined],
  ];
  for (const [path, wanted] of cases) {
    test(`routeOf() finds ${wanted ?? 'nothing'} at ${path}`, () => {
      const route = routeOf(requestInfoOf('GET', path, new URLSearchParams('fieldSelector=metadata.name=x')), builtIn);
      const { kind, namespace, name, subresource, rest } = route ?? {};
      const text = `${kind?.plural} ns=${namespace} name=${name} sub=${subresource}`;
      assert.equal(route && text + (rest ? ` ${rest}` : ''), wanted);
    });
  }
});
