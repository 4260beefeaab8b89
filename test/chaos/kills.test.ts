/** The agent is killed again and again, at random moments and at random things it does, while a hundred pods come, change and go: none is lost, doubled or orphaned, and nothing is left over. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../harness/cluster.ts';
import { startChurn } from './churn.ts';
import type { Churn } from './churn.ts';
import type { AgentRun } from './node.ts';

const seed = Number(process.env.WHERRY_TEST_SEED ?? Date.now() % 1_000_000);
const kills = Number(process.env.WHERRY_TEST_KILLS ?? (process.env.CHAOS === 'full' ? 200 : 40));

const mostPods = 100;
/** So many are there before the first kill, and from then on some are deleted as well. */
const fewPods = 80;
/** Pods that are not yet, or not any more, as they should be: with more the node could not keep up, and none would live long enough to be killed with. A node takes 110. */
const mostUnsettled = 27;
/** How long an agent works at most before it is killed; one that dies at an effect of its own, of which it may have too few, so long. */
const longestWorkMs = 1500;
/** Its number; small ones are reached by every agent, large ones by those that have much to do. */
const mostEffects = 300;
/** An agent that is not ready by then is killed all the same. */
const longestStartMs = 60_000;
/** For a busy machine, with a hundred pods to look after. */
const restWithinMs = 600_000;

suite(`an agent killed ${kills} times in a churn of ${mostPods} pods (WHERRY_TEST_SEED=${seed})`, function () {
  this.timeout(3_600_000);
  let churn: Churn;

  suiteSetup(async () => {
    churn = await startChurn('kills', seed);
  });
  suiteTeardown(() => churn?.close());

  test('no container runs twice or is lost, no address is given twice, nothing is left', async () => {
    const { node, random, pick, wanted, pods } = churn;
    const over = new AbortController();
    let changes = 0;
    for (let i = 0; i < fewPods; i++) await churn.create();
    await eventually('most of the first pods are up', () => churn.unsettled() < mostUnsettled, restWithinMs);
    const churning = (async () => {
      while (!over.signal.aborted) {
        await sleep(20 + random() * 60);
        if (churn.unsettled() > mostUnsettled) continue;
        changes++;
        const names = [...wanted.keys()];
        const chance = random();
        if (chance < 0.2) await churn.change(pick(names));
        else if (names.length >= mostPods || (names.length > fewPods && chance < 0.6)) {
          await churn.remove(pick(names), pick([undefined, undefined, 0]));
        } else await churn.create();
      }
    })();
    const readyMs: number[] = [];
    let most = 0;
    let atEffects = 0;
    node.killAgent();
    let agent: AgentRun | undefined = node.runAgent();
    try {
      readyMs.push(await agent.ready);
      agent.kill();
      await agent.ended;
      for (let kill = 0; kill < kills; kill++) {
        const moment = pick(['starting', 'working', 'effect'] as const);
        const number = Math.ceil(mostEffects ** random());
        const run = node.runAgent(moment === 'effect' ? `${pick(['before', 'after', 'amid'])} ${number}` : undefined);
        agent = run;
        void run.ready.then((ms) => readyMs.push(ms));
        const late = new AbortController();
        const pause = (ms: number) => sleep(ms, undefined, { signal: late.signal });
        const age = async () => {
          if (moment === 'starting') return pause(readyMs.at(-1)! * random());
          await Promise.race([run.ready, pause(longestStartMs)]);
          return pause(moment === 'working' ? longestWorkMs * random() : longestWorkMs);
        };
        const killing = age().then(
          () => run.kill(),
          () => atEffects++,
        );
        await run.ended;
        late.abort();
        await killing;
        most = Math.max(most, pods().length);
        assert.deepEqual(churn.faults, []);
      }
      over.abort();
      await churning;
    } finally {
      over.abort();
      agent?.kill();
      await agent?.ended;
      node.startAgent();
      await churning;
    }
    const unsettled = churn.unsettled();
    readyMs.sort((a, b) => a - b);
    const at = (part: number) => Math.round(readyMs[Math.floor(readyMs.length * part)] ?? NaN);
    this.ctx.test!.title += ` (${changes} changes, up to ${most} pods, ${unsettled} unsettled at the end, ${atEffects} kills at effects, ready again in ${at(0.5)} ms, at most ${at(0.999)} ms)`;
    await churn.rested(restWithinMs);
    for (const pod of pods()) {
      for (const { name, restartCount } of pod.status?.containerStatuses ?? []) {
        if (wanted.get(pod.metadata.name) !== 'running') continue;
        assert.equal(restartCount, 0, `${pod.metadata.name}/${name} was started anew`);
      }
    }
    await churn.counted();
    await eventually('pods that were deleted are gone', () => pods().length === wanted.size);
    assert.deepEqual(churn.faults, []);
    await churn.nothingLeft();
  });
});
