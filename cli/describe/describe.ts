/** `wherry describe pod NAME`: asks the API, and says it in words. */
import { connect } from '#lib/client/connect.ts';
import type { Env } from '#lib/env/env.ts';
import { event as eventKind } from '#lib/kinds/event.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import type { ClusterLayout } from '../cluster/layout.ts';
import { UsageError } from '../options.ts';
import type { Options } from '../options.ts';
import { say } from '../say.ts';
import { describePod } from './pod.ts';

/** Prints the description of one object. Throws NotFound when there is none of the name. */
export async function describe(cluster: ClusterLayout, { words, namespace }: Options, env: Env): Promise<void> {
  const [what, name] = words;
  if (what !== 'pod' || name === undefined) throw new UsageError('wherry describe wants "pod NAME"; try wherry --help');
  const admin = { address: `unix:${cluster.socket}`, user: 'wherry', groups: ['system:masters'] };
  const client = connect(admin, env);
  try {
    const pod = await client.get(podKind, { namespace, name });
    const fieldSelector = `involvedObject.uid=${pod.metadata.uid}`;
    const { items } = await client.list(eventKind, { namespace, fieldSelector });
    for (const line of describePod(pod, items, env.now())) say(line);
  } finally {
    client.close();
  }
}
