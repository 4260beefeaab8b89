/** WWW-Authenticate, as registries use it (RFC 9110 section 11, distribution-spec's token authentication). */

export interface Challenge {
  scheme: 'bearer' | 'basic';
  parameters: Readonly<Record<string, string>>;
}

/** The challenges that we can answer, bearer first. */
export function parseChallenges(header: string): Challenge[] {
  const found: Challenge[] = [];
  for (const { 1: scheme = '', 2: rest = '' } of header.matchAll(
    /(?:^|,\s*)(bearer|basic)(?:\s+((?:[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]+)(?:\s*,\s*(?=[\w-]+\s*=))?)*))?/gi,
  )) {
    const parameters: Record<string, string> = {};
    for (const { 1: key = '', 2: quoted, 3: plain } of rest.matchAll(
      /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g,
    ))
      parameters[key.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '';
    found.push({ scheme: scheme.toLowerCase() as Challenge['scheme'], parameters });
  }
  return found.sort((one, other) => Number(one.scheme === 'basic') - Number(other.scheme === 'basic'));
}

/** Where to ask for a token. `scope` is what we need when the challenge does not say. Throws when the realm is no URL. */
export function tokenUrl(challenge: Challenge, scope: string): URL {
  const { realm = '', service } = challenge.parameters;
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', challenge.parameters['scope'] ?? scope);
  return url;
}
