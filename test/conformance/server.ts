/** One API server over a real etcd for all suites of this folder that ask it, started when the first asks and stopped after the last. */
import { startTestApi } from '../harness/api.ts';
import type { Answer, TestApi } from '../harness/api.ts';

let started: Promise<TestApi> | undefined;

export interface Space {
  api: TestApi;
  /** `/api/v1/namespaces/<name>` */
  path: string;
  name: string;
  /** Creates a ConfigMap. */
  configMap(name: string, more?: object): Promise<Answer>;
  patch(path: string, patch: unknown, type?: string): Promise<Answer>;
}

/** A namespace of the suite's own in the shared server. */
export async function makeSpace(name: string): Promise<Space> {
  return spaceIn(await (started ??= startTestApi()), name);
}

/** A namespace of this server, with its default account. */
export async function spaceIn(api: TestApi, name: string): Promise<Space> {
  await api.ask('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
  const path = `/api/v1/namespaces/${name}`;
  await api.ask('POST', `${path}/serviceaccounts`, { body: { metadata: { name: 'default' } } });
  return {
    api,
    path,
    name,
    configMap: (named, more = {}) =>
      api.ask('POST', `${path}/configmaps`, { body: { metadata: { name: named, ...more } } }),
    patch: (at, patch, type = 'application/merge-patch+json') =>
      api.ask('PATCH', at, { body: patch, headers: { 'content-type': type } }),
  };
}

// At the root of the run: after all suites.
suiteTeardown(async () => {
  const api = await started?.catch(() => undefined);
  await api?.stop();
});
