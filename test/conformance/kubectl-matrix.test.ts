/** One working day of kubectl against the server, with every kubectl that the machine has. */
import { installedKubectls, writeKubeconfig } from '../harness/kubectl.ts';
import type { Kubectl } from '../harness/kubectl.ts';
import { makeKubectlTool } from '../harness/kubectl-tool.ts';
import { declare } from './kubectl/apply.ts';
import { rule } from './kubectl/authority.ts';
import { change } from './kubectl/change.ts';
import { create } from './kubectl/create.ts';
import { read } from './kubectl/read.ts';
import { remove } from './kubectl/remove.ts';
import { rollout } from './kubectl/rollout.ts';
import { makeSpace } from './server.ts';

suite('kubectl of every version', function () {
  this.timeout(120_000);

  for (const kubectl of installedKubectls()) {
    test(`${kubectl.version} does its work`, () => work(kubectl));
  }

  /** The chapters of the day, two at a time: kubectl mostly waits. */
  async function work(kubectl: Kubectl): Promise<void> {
    const space = await makeSpace(`kubectl-${kubectl.version.replaceAll(/[^\w]/g, '-')}`);
    const { folder } = space.api;
    const tool = makeKubectlTool(kubectl, { folder, kubeconfig: writeKubeconfig(space.api), namespace: space.name });
    const run = { ...space, ...tool };
    const chapters = [declare, create, read, change, remove, rollout, rule];
    const failures: Error[] = [];
    const next = async (): Promise<void> => {
      const chapter = chapters.shift();
      if (!chapter) return;
      await chapter(run).catch((error: Error) => failures.push(error));
      await next();
    };
    await Promise.all([next(), next()]);
    run.clear();
    await space.api.ask('DELETE', space.path);
    if (failures.length > 0) throw new Error(failures.map((error) => error.stack).join('\n\n'));
  }
});
