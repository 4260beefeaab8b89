import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { silentLog } from '#lib/env/log.ts';
import { makeRealEnv } from '#lib/env/real.ts';
import { followStaticPods } from './folder.ts';

const manifest = (name: string, image = 'app:1') =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'app', image }] } });

suite('node-agent/static-pods/folder', () => {
  test('followStaticPods() tells of files as they come, change and go', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-static-'));
    const stopping = new AbortController();
    let told: string[] = [];
    const shows = async (...wanted: string[]) => {
      const deadline = Date.now() + 10_000;
      while (told.join() !== wanted.join()) {
        assert.ok(Date.now() < deadline, `told ${told.join()}, not ${wanted.join()}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    try {
      writeFileSync(`${folder}/b.yaml`, manifest('b'));
      writeFileSync(`${folder}/broken.yaml`, 'a: [');
      writeFileSync(`${folder}/.hidden`, manifest('hidden'));
      mkdirSync(`${folder}/below`);
      const options = { env: { ...makeRealEnv({ service: 'test' }), log: silentLog }, folder, nodeName: 'n1' };
      await followStaticPods(
        options,
        (pods) => (told = pods.map(({ metadata, spec }) => `${metadata.name}=${spec.containers[0]!.image}`)),
        stopping.signal,
      );
      await shows('b-n1=app:1');
      writeFileSync(`${folder}/.draft`, manifest('a'));
      renameSync(`${folder}/.draft`, `${folder}/a.json`);
      await shows('a-n1=app:1', 'b-n1=app:1');
      writeFileSync(`${folder}/b.yaml`, manifest('b', 'app:2'));
      await shows('a-n1=app:1', 'b-n1=app:2');
      // Of two with one name the first counts.
      writeFileSync(`${folder}/c.yaml`, manifest('a', 'app:3'));
      rmSync(`${folder}/b.yaml`);
      await shows('a-n1=app:1');
      rmSync(`${folder}/a.json`);
      await shows('a-n1=app:3');
    } finally {
      stopping.abort(new Error('Over'));
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
