/** Shuffle sharding: each flow may use a few of the queues, and two flows hardly ever the same few. */

/** The indexes of the queues that a flow is dealt: `handSize` different ones of `deckSize`, always the same for the same flow. */
export function dealHand(flow: string, deckSize: number, handSize: number): number[] {
  const next = wordsOf(flow);
  const hand: number[] = [];
  while (hand.length < Math.min(handSize, deckSize)) {
    // The n-th card is one of those that are left; they are counted past the cards that are gone, in ascending order.
    let card = Math.floor((next() / 2 ** 32) * (deckSize - hand.length));
    for (const gone of hand.toSorted((a, b) => a - b)) if (card >= gone) card++;
    hand.push(card);
  }
  return hand;
}

/** Words of 32 bits that depend on all of the text. */
function wordsOf(text: string): () => number {
  let high = 0x811c9dc5;
  let low = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code ^ (high >>> 13), 0x85ebca6b);
  }
  let state = high ^ Math.imul(low, 0xc2b2ae35);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), low | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), high | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
