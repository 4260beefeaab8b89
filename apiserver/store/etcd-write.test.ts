import assert from 'node:assert/strict';
import fc from 'fast-check';
import { makeFakeEnv } from '#lib/env/fake.ts';
import { writeConditionally } from './etcd-write.ts';
import type { Answer, Attempts, ConditionalWrite, Kept } from './etcd-write.ts';
import { UnavailableError } from './types.ts';
import type { WriteOutcome } from './types.ts';

type Step = 'answered' | 'lost answer' | 'lost request' | 'unsent';

suite('writeConditionally()', () => {
  test('tells the truth about every write, whatever is lost and whoever writes in between', async () => {
    const step = fc.constantFrom<Step>('answered', 'lost answer', 'lost request', 'unsent');
    const rival = fc.constantFrom('none', 'put', 'delete', 'create again');
    const plan = fc.array(fc.tuple(step, rival), { maxLength: 5 });
    const wish = fc.record({ exists: fc.boolean(), remove: fc.boolean(), stale: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(plan, wish, async (steps, { exists, remove, stale }) => {
        const world = makeWorldOfOneKey([...steps], exists);
        const expected = exists ? world.revision() - (stale ? 1n : 0n) : 0n;
        if (remove && !exists) return;
        const write: ConditionalWrite = { key: 'k', value: remove ? undefined : Buffer.from('ours'), expected };
        const env = makeFakeEnv();
        const pending = writeConditionally(write, world.attempts, env).catch((error: unknown) => error);
        for (let i = 0; i < 40; i++) await env.advance(500);
        const outcome = await pending;
        if (outcome instanceof UnavailableError) return assert.equal(expected, 0n);
        assert.ok(outcome && typeof outcome === 'object' && 'ok' in outcome, String(outcome));
        // A rival's deletion of the same version cannot be told from ours, and need not be.
        const truth = world.ours() ?? (remove ? world.firstDeletionAfter(expected) : undefined);
        if ((outcome as WriteOutcome).ok) assert.equal((outcome as { revision?: bigint }).revision, truth);
        else assert.equal(world.ours(), undefined);
      }),
    );
  });
});

/** A key with its history; attempts go wrong as planned, and rivals write after each. */
function makeWorldOfOneKey(steps: [Step, string][], exists: boolean) {
  const history: { revision: bigint; state: Kept | undefined }[] = [{ revision: 10n, state: undefined }];
  let ours: bigint | undefined;
  const now = () => history.at(-1)!;
  const record = (value: Buffer | undefined) => {
    const revision = now().revision + 3n;
    const created = now().state?.created ?? revision;
    history.push({ revision, state: value && { key: 'k', value, revision, created } });
    return revision;
  };
  if (exists) record(Buffer.from('before'));
  const at = (revision: bigint) => history.findLast((entry) => entry.revision <= revision)?.state;
  const rivalActs = (rival: string) => {
    if (rival === 'put' && now().state) record(Buffer.from('theirs'));
    if (rival !== 'put' && rival !== 'none' && now().state) record(undefined);
    if (rival === 'create again' && !now().state) record(Buffer.from('theirs'));
  };
  const attempts: Attempts = {
    sortOf: (error) => ((error as Error).message === 'unsent' ? 'unsent' : 'unknown'),
    read: async (_key, revision = now().revision) => ({ current: at(revision), revision }),
    async write({ value, expected }) {
      const [step, rival] = steps.shift() ?? ['answered', 'none'];
      let answer: Answer | undefined;
      if (step === 'answered' || step === 'lost answer') {
        const done = (now().state?.revision ?? 0n) === expected;
        if (done) ours = record(value);
        answer = { done, current: now().state, revision: now().revision };
      }
      rivalActs(rival);
      if (step === 'answered' && answer) return answer;
      throw new Error(step);
    },
  };
  return {
    attempts,
    revision: () => now().revision,
    ours: () => ours,
    firstDeletionAfter(revision: bigint) {
      const first = history.find((entry) => entry.revision > revision);
      return first && !first.state ? first.revision : undefined;
    },
  };
}
