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
/** How many times as long as it takes to be ready an agent lives at most that is killed at a random moment. */
const longestLife = 2;
/** A machine that is busy beyond measure has its agents killed while they start, mostly. */
const longestUsualMs = 3000;
/** One that is armed dies at an effect with a number up to this; or, if it has not so much to do, of age. */
const mostEffects = 300;
const longestArmedLife = 3;
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
    /** On a busy machine everything takes longer, and so do lives. */
    const usualMs = () => Math.min(Math.max(...readyMs.slice(-3)), longestUsualMs);
    let most = 0;
    let atEffects = 0;
    node.killAgent();
    let agent: AgentRun | undefined = node.runAgent();
    try {
      readyMs.push(await agent.ready);
      agent.kill();
      await agent.ended;
      for (let kill = 0; kill < kills; kill++) {
        const armed = random() < 0.5;
        // Small numbers are reached by every agent, large ones by those that have much to do.
        const number = Math.ceil(mostEffects ** random());
        const run = node.runAgent(armed ? `${pick(['before', 'after', 'amid'])} ${number}` : undefined);
        agent = run;
        void run.ready.then((ms) => readyMs.push(ms));
        const late = new AbortController();
        const lifeMs = usualMs() * (armed ? longestArmedLife : longestLife * random());
        const killing = sleep(lifeMs, undefined, { signal: late.signal }).then(
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
