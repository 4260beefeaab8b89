import assert from 'node:assert/strict';
import { makeFakeEnv } from '#lib/env/fake.ts';
import type { Pod } from '#lib/kinds/gen/core-v1.ts';
import { PullError } from '../images/types.ts';
import type { PullOptions, UnpackedImage } from '../images/types.ts';
import type { Scene } from './perform.ts';
import { pullImage } from './pull-image.ts';
import type { ContainerNotes } from './types.ts';

const image: UnpackedImage = {
  name: 'a.example/x:1',
  id: 'sha256:i',
  config: { entrypoint: [], cmd: [], env: [], workingDir: '', user: '', stopSignal: '', labels: {}, volumes: [] },
  layers: [],
};

/** Takes the step with a store that finds and pulls so; tells what was said and noted. */
async function take({
  policy = 'IfNotPresent',
  present = false,
  secrets = [],
  pull = () => Promise.resolve(),
  volumes = {},
}: {
  policy?: string;
  present?: boolean;
  secrets?: string[];
  pull?: (options: PullOptions, name: string) => Promise<void>;
  /** References of images that it mounts, by their volumes. */
  volumes?: Record<string, string>;
}) {
  const env = makeFakeEnv();
  const events: string[] = [];
  const notes: ContainerNotes = {};
  const pod = {
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: {
      imagePullSecrets: secrets.map((name) => ({ name })),
      volumes: [
        { name: 'scratch', emptyDir: {} },
        { name: 'not-mine', image: { reference: 'of.others/z:1', pullPolicy: 'Always' } },
        ...Object.entries(volumes).map(([name, reference]) => ({ name, image: { reference, pullPolicy: 'Always' } })),
      ],
      containers: [
        {
          name: 'app',
          image: image.name,
          imagePullPolicy: policy,
          volumeMounts: ['scratch', ...Object.keys(volumes)].map((name) => ({ name, mountPath: `/${name}` })),
        },
      ],
    },
  } as unknown as Pod;
  const scene = {
    hands: {
      env,
      events: {
        record: ({ reason, message, fieldPath }: Record<string, string>) =>
          events.push(`${reason} ${fieldPath}: ${message}`),
      },
      objects: { secret: () => Promise.resolve(undefined) },
      images: {
        find: () => Promise.resolve(present ? image : undefined),
        async pull(name: string, options: PullOptions) {
          await env.advance(2500);
          await pull(options, name);
          return { image: { ...image, name }, bytes: 1234, durationMs: 61_500.7 };
        },
      },
    },
    look: () => ({ pod, exists: true, observed: undefined, notes: { containers: {} } }),
    noteContainer: (_name: string, more: ContainerNotes) => Object.assign(notes, more),
    signal: new AbortController().signal,
  } as unknown as Scene;
  await pullImage({ do: 'pull', container: 'app', attempt: 0 }, pod, scene);
  const told = events.map((line) => line.replace(' spec.containers{app}', ''));
  return { told, notes, now: env.now() };
}

suite('pull-image', () => {
  test('pullImage() tells of a pull, of how it goes, and of how long it took', async () => {
    const { told, notes } = await take({
      pull: (options) => Promise.resolve(options.onProgress?.({ fetchedBytes: 10, totalBytes: 40 })),
    });
    assert.deepEqual(told, [
      'Pulling: Pulling image "a.example/x:1"',
      'Pulling: Pulling image "a.example/x:1": 10 of 40 bytes fetched',
      'Pulled: Successfully pulled image "a.example/x:1" in 1m1.5s (2.5s including waiting). Image size: 1234 bytes.',
    ]);
    assert.deepEqual(notes.pulled?.image, image);
  });

  test('pullImage() pulls nothing that is present, unless it is to be pulled always', async () => {
    const message = 'Pulled: Container image "a.example/x:1" already present on machine';
    for (const policy of ['IfNotPresent', 'Never'])
      assert.deepEqual((await take({ present: true, policy })).told, [message]);
    assert.equal((await take({ present: true, policy: 'Always' })).told[0], 'Pulling: Pulling image "a.example/x:1"');
  });

  test('pullImage() brings the images of volumes that the container mounts, and tells of them for the pod', async () => {
    const { told, notes } = await take({ present: true, volumes: { data: 'b.example/y:1' } });
    assert.deepEqual(told, [
      'Pulling undefined: Pulling image "b.example/y:1"',
      'Pulled undefined: Successfully pulled image "b.example/y:1" in 1m1.5s (2.5s including waiting). Image size: 1234 bytes.',
      'Pulled: Container image "a.example/x:1" already present on machine',
    ]);
    const { volumes = {} } = notes.pulled!;
    assert.deepEqual(
      Object.entries(volumes).map(([name, found]) => [name, found.name]),
      [['data', 'b.example/y:1']],
    );
    const failed = await take({
      volumes: { data: 'b.example/y:1' },
      pull: (_, name) =>
        name === 'b.example/y:1' ? Promise.reject(new PullError('ErrImagePull', 'no')) : Promise.resolve(),
    });
    assert.deepEqual(failed.told.slice(1), [
      'Failed undefined: Failed to pull image "b.example/y:1": no',
      'Failed: Error: ErrImagePull',
    ]);
    assert.deepEqual([failed.notes.failedImage, failed.notes.pulled], ['b.example/y:1', undefined]);
  });

  test('pullImage() says which pull secrets are missing, and pulls all the same', async () => {
    const { told, notes } = await take({ secrets: ['one', 'two'] });
    assert.equal(
      told[0],
      'FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (one, two); attempting to pull the image may not succeed.',
    );
    assert.ok(notes.pulled);
  });

  test('pullImage() tells of failures with their reason, and rests after a refused pull', async () => {
    const { told, notes, now } = await take({ pull: () => Promise.reject(new PullError('ErrImagePull', 'no')) });
    assert.deepEqual(told.slice(1), [
      'Failed: Failed to pull image "a.example/x:1": no',
      'Failed: Error: ErrImagePull',
    ]);
    assert.deepEqual(notes.problem, { reason: 'ErrImagePull', message: 'no' });
    assert.equal(notes.retryAt, now + 10_000);
    const never = await take({ policy: 'Never' });
    const message = 'Container image "a.example/x:1" is not present with pull policy of Never';
    assert.deepEqual(never.told, [`ErrImageNeverPull: ${message}`, 'Failed: Error: ErrImageNeverPull']);
    const invalid = await take({ pull: () => Promise.reject(new PullError('InvalidImageName', 'what a name')) });
    assert.deepEqual(invalid.told.slice(1), ['InspectFailed: what a name', 'Failed: Error: InvalidImageName']);
  });
});
