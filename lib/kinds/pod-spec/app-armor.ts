/** AppArmor profiles by field and by the annotations that came before: both say the same of a new pod. */
import { equal } from '#lib/meta/equal.ts';
import type { AppArmorProfile, Pod } from '../gen/core-v1.ts';

const prefix = 'container.apparmor.security.beta.kubernetes.io/';

/** Completes each by the other, and warns of annotations that say what no field said. Changes `pod`. */
export function mirrorAppArmor({ metadata, spec }: Pod, warn: (text: string) => void): void {
  if (spec.os?.name === 'windows') return;
  const ofPod = spec.securityContext?.appArmorProfile;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) {
    const key = prefix + container.name;
    const said = metadata.annotations?.[key];
    const own = container.securityContext?.appArmorProfile;
    if (said === undefined) {
      const text = textOf(own ?? ofPod);
      if (text) (metadata.annotations ??= {})[key] = text;
    } else if (!own) {
      const profile = profileOf(said);
      if (profile && equal(profile, ofPod)) continue;
      if (profile) (container.securityContext ??= {}).appArmorProfile = profile;
      warn(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
    }
  }
}

function textOf(profile: AppArmorProfile | undefined): string | undefined {
  switch (profile?.type) {
    case 'Unconfined':
      return 'unconfined';
    case 'RuntimeDefault':
      return 'runtime/default';
    case 'Localhost':
      return profile.localhostProfile && `localhost/${profile.localhostProfile}`;
    default:
      return undefined;
  }
}

function profileOf(text: string): AppArmorProfile | undefined {
  if (text === 'unconfined') return { type: 'Unconfined' };
  if (text === 'runtime/default') return { type: 'RuntimeDefault' };
  const file = /^localhost\/(.+)$/.exec(text)?.[1];
  return file ? { type: 'Localhost', localhostProfile: file } : undefined;
}
