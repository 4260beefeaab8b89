/** In which order pods end when the machine goes down, and how long each may take: as upstream's `shutdownGracePeriod`. Pure. */
import type { Pod } from '#lib/kinds/gen/core-v1.ts';

export interface ShutdownConfig {
  /** Seconds for all pods together; absent or 0: pods are not ended one by one. */
  shutdownGracePeriod?: number;
  /** How many of them, at the end, belong to critical pods. */
  shutdownGracePeriodCriticalPods?: number;
}

/** Pods that end at the same time. */
export interface ShutdownGroup {
  /** The next group begins no later than this. */
  seconds: number;
  pods: { uid: string; graceSeconds: number }[];
}

/** From here on priorities belong to the system. */
const criticalPriority = 2_000_000_000;
const usualGraceSeconds = 30;

/** Throws an Error for what cannot be meant. */
export function checkShutdown({ shutdownGracePeriod = 0, shutdownGracePeriodCriticalPods = 0 }: ShutdownConfig): void {
  if (shutdownGracePeriod < 0 || (shutdownGracePeriod > 0 && shutdownGracePeriod < 1)) {
    throw new Error(
      `Cannot take shutdownGracePeriod ${shutdownGracePeriod}: it must be either zero or at least one second`,
    );
  }
  if (shutdownGracePeriodCriticalPods < 0 || shutdownGracePeriodCriticalPods > shutdownGracePeriod) {
    throw new Error(
      `Cannot take shutdownGracePeriodCriticalPods ${shutdownGracePeriodCriticalPods}: it must be between zero and shutdownGracePeriod (${shutdownGracePeriod})`,
    );
  }
}

/** First the pods that are not critical, then those that are; a group without pods takes no time, and is left out. */
export function planShutdown(
  pods: readonly Pod[],
  { shutdownGracePeriod = 0, shutdownGracePeriodCriticalPods = 0 }: ShutdownConfig,
): ShutdownGroup[] {
  const isCritical = ({ spec }: Pod) => (spec.priority ?? 0) >= criticalPriority;
  const group = (members: readonly Pod[], seconds: number): ShutdownGroup => ({
    seconds,
    pods: members.map(({ metadata, spec }) => ({
      uid: metadata.uid,
      graceSeconds: Math.min(seconds, spec.terminationGracePeriodSeconds ?? usualGraceSeconds),
    })),
  });
  return [
    group(
      pods.filter((pod) => !isCritical(pod)),
      shutdownGracePeriod - shutdownGracePeriodCriticalPods,
    ),
    group(pods.filter(isCritical), shutdownGracePeriodCriticalPods),
  ].filter((each) => each.pods.length > 0);
}
