/** Gets the image of a container, by its pull policy, with the kubelet's events and backoff. */
import type { ImageVolumeSource, Pod, Secret } from '#lib/kinds/gen/core-v1.ts';
import { progressText } from '../images/progress-text.ts';
import { PullError } from '../images/types.ts';
import type { UnpackedImage } from '../images/types.ts';
import { longer } from './backoff.ts';
import { containersOf, fieldPathOf } from './containers.ts';
import type { Scene } from './perform.ts';
import { pullAuth } from './pull-auth.ts';
import type { AnyContainer, Step } from './types.ts';

/** A pull with the policy Never that found nothing is tried again this often, as the kubelet's sync does. */
const neverRetryMs = 10_000;

type Tell = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

export async function pullImage({ container, attempt }: Step & { do: 'pull' }, pod: Pod, scene: Scene): Promise<void> {
  const { hands, look, noteContainer, signal } = scene;
  const spec = containersOf(pod).find((item) => item.spec.name === container)!.spec;
  const about = { regarding: pod, fieldPath: fieldPathOf(pod, container) };
  const tell: Tell = (type, reason, message) => hands.events.record({ ...about, type, reason, message });
  // A volume is the pod's, and so are the events about its image.
  const tellOfPod: Tell = (type, reason, message) => hands.events.record({ regarding: pod, type, reason, message });
  const { image: name = '', imagePullPolicy } = spec;
  let [failedImage, tellFailure] = [name, tell];
  try {
    const volumes: Record<string, UnpackedImage> = {};
    for (const [volume, { reference = '', pullPolicy }] of imageVolumes(spec, pod)) {
      [failedImage, tellFailure] = [reference, tellOfPod];
      volumes[volume] = await obtain(reference, pullPolicy, pod, scene, tellOfPod);
    }
    [failedImage, tellFailure] = [name, tell];
    const image = await obtain(name, imagePullPolicy, pod, scene, tell);
    noteContainer(container, { pulled: { attempt, image, volumes }, pulls: undefined, retryAt: undefined });
  } catch (error) {
    if (signal.aborted) throw error;
    const { reason, message } = asProblem(error);
    if (reason === 'ErrImagePull' || reason === 'RegistryUnavailable') {
      tellFailure('Warning', 'Failed', `Failed to pull image "${failedImage}": ${message}`);
    } else if (reason === 'ErrImageNeverPull') tellFailure('Warning', 'ErrImageNeverPull', message);
    else tellFailure('Warning', 'InspectFailed', message);
    tell('Warning', 'Failed', `Error: ${reason}`);
    const now = hands.env.now();
    const pulls = longer(look().notes.containers[container]?.pulls, now, now);
    const retryAt = now + (reason === 'ErrImagePull' ? pulls.delayMs : neverRetryMs);
    noteContainer(container, { problem: { reason, message }, failedImage, pulls, retryAt });
  }
}

/** The images that a container mounts as volumes, by their names. */
function imageVolumes(spec: AnyContainer, pod: Pod): [string, ImageVolumeSource][] {
  const mounted = new Set(spec.volumeMounts?.map(({ name }) => name));
  return (pod.spec.volumes ?? []).flatMap(({ name, image }) => (image && mounted.has(name) ? [[name, image]] : []));
}

async function obtain(
  name: string,
  policy: ImageVolumeSource['pullPolicy'],
  pod: Pod,
  { hands, signal }: Scene,
  tell: Tell,
): Promise<UnpackedImage> {
  if (policy !== 'Always') {
    const present = await hands.images.find(name);
    if (present) {
      tell('Normal', 'Pulled', `Container image "${name}" already present on machine`);
      return present;
    }
    if (policy === 'Never') {
      throw new PullError('ErrImageNeverPull', `Container image "${name}" is not present with pull policy of Never`);
    }
  }
  const secrets = await secretsOf(pod, hands, tell);
  tell('Normal', 'Pulling', `Pulling image "${name}"`);
  const start = hands.env.monotonic();
  const { image, bytes, durationMs } = await hands.images.pull(name, {
    auth: pullAuth(secrets),
    onProgress: (progress) => tell('Normal', 'Pulling', progressText(name, progress)),
    signal,
  });
  const all = hands.env.monotonic() - start;
  tell(
    'Normal',
    'Pulled',
    `Successfully pulled image "${name}" in ${formatDuration(durationMs)} (${formatDuration(all)} including waiting). Image size: ${bytes} bytes.`,
  );
  return image;
}

/** The pod's pull secrets; those that are not there are told of, as the image may need none of them. */
async function secretsOf(pod: Pod, { objects }: Scene['hands'], tell: Tell): Promise<(Secret | undefined)[]> {
  const names = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
  const secrets = await Promise.all(names.map((name) => objects.secret(pod.metadata.namespace ?? '', name)));
  const missing = names.filter((_name, index) => secrets[index] === undefined);
  if (missing.length > 0)
    tell(
      'Warning',
      'FailedToRetrieveImagePullSecret',
      `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`,
    );
  return secrets;
}

function asProblem(error: unknown): { reason: string; message: string } {
  if (error instanceof PullError) return { reason: error.reason, message: error.message };
  return { reason: 'ErrImagePull', message: error instanceof Error ? error.message : String(error) };
}

/** A duration as Go prints it, to the millisecond. */
function formatDuration(ms: number): string {
  const whole = Math.trunc(ms);
  if (whole < 1000) return `${whole}ms`;
  const minutes = Math.floor(whole / 60_000);
  const seconds = (whole % 60_000) / 1000;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
