import { makeFakeEnv } from '#lib/env/fake.ts';
import { runtimeContract } from './contract.ts';
import { makeMemoryRuntime } from './memory.ts';
import type { Script } from './memory.ts';
import type { ContainerSpec } from './types.ts';

const scripts: Record<string, Script> = {
  sleeps: {},
  fails: { exitAfterMs: 1, exitCode: 3 },
  stubborn: { stubborn: true },
};

runtimeContract('memory', async () => {
  const env = makeFakeEnv();
  const runtime = makeMemoryRuntime(env);
  return {
    runtime: {
      ...runtime,
      stopContainer: async (id, graceMs, signal) => {
        const stopping = runtime.stopContainer(id, graceMs, signal);
        // A signal that has yet to abort must find the clock standing still.
        if (graceMs < 1000) await env.advance(graceMs);
        await stopping;
      },
    },
    container(uid, name, part, attempt = 0) {
      runtime.scripts.set(name, scripts[part]!);
      return {
        pod: { uid, namespace: 'default', name: `pod-${uid}` },
        name,
        attempt,
        image: { name: 'image:1', id: 'sha256:image', layers: [], config: {} },
        logPath: '',
      } as unknown as ContainerSpec;
    },
    noUserNamespaces: undefined,
    async until(look) {
      for (let i = 0; i < 100; i++) {
        if (await look()) return;
        await env.advance(10);
      }
      throw new Error('It never happened');
    },
    close: () => Promise.resolve(),
  };
});
