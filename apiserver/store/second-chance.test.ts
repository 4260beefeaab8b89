import assert from 'node:assert/strict';
import { makeSecondChance } from './second-chance.ts';
import type { Keeper } from './second-chance.ts';

class Thing implements Keeper {
  used = false;
  keeps = true;
  takeUse(): boolean {
    const { used } = this;
    this.used = false;
    return used;
  }
  forget(): void {
    this.keeps = false;
  }
}

suite('makeSecondChance()', () => {
  test('lets go of the oldest when there is no room', () => {
    const admit = makeSecondChance(3);
    const things = Array.from({ length: 5 }, () => new Thing());
    for (const thing of things) admit(thing);
    assert.deepEqual(
      things.map(({ keeps }) => keeps),
      [false, false, true, true, true],
    );
  });

  test('passes over who has used what it keeps, once', () => {
    const admit = makeSecondChance(2);
    const [busy, idle, third, fourth] = [new Thing(), new Thing(), new Thing(), new Thing()];
    admit(busy);
    admit(idle);
    busy.used = true;
    admit(third);
    assert.deepEqual([busy.keeps, idle.keeps, third.keeps], [true, false, true]);
    admit(fourth);
    assert.deepEqual([busy.keeps, third.keeps, fourth.keeps], [false, true, true]);
  });

  test('comes to an end when all are in use', () => {
    const admit = makeSecondChance(2);
    const things = [new Thing(), new Thing(), new Thing()];
    for (const thing of things) {
      thing.used = true;
      admit(thing);
    }
    assert.deepEqual(
      things.map(({ keeps }) => keeps),
      [false, true, true],
    );
  });
});
