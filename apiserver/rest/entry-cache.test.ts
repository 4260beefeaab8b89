import assert from 'node:assert/strict';
import type { Entry } from '../store/world-types.ts';
import { makeEntryCache } from './entry-cache.ts';

suite('makeEntryCache()', () => {
  const entry = (key: string) => ({ key }) as Entry;

  test('makes what it is asked for once', () => {
    const cache = makeEntryCache(100);
    const [a, b] = [entry('a'), entry('b')];
    let made = 0;
    const make = () => Buffer.alloc(10, ++made);
    const first = cache(a, make);
    assert.notEqual(cache(b, make), first);
    assert.equal(cache(a, make), first);
    assert.equal(made, 2);
  });

  test('forgets what nobody asked for while as much was made anew, and keeps what is in use', () => {
    const cache = makeEntryCache(100);
    const [used, idle] = [entry('used'), entry('idle')];
    let made = 0;
    const make = () => Buffer.alloc(30, ++made);
    cache(used, make);
    cache(idle, make);
    for (let i = 0; i < 20; i++) {
      cache(entry(`other${i}`), make);
      cache(used, make);
    }
    assert.equal(made, 22);
    cache(idle, make);
    assert.equal(made, 23);
  });
});
