/** The names of an API's versions. */

interface Version {
  major: number;
  /** 2 for stable ones, 1 for beta, 0 for alpha. */
  stage: number;
  minor: number;
}

/**
 * Orders names of versions as clients prefer them: stable before beta before alpha, the newer first; other names come last, in alphabetical order. As upstream's
 * `apimachinery/pkg/version`.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [read(a), read(b)];
  if (!left || !right) {
    if (left || right) return left ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return right.stage - left.stage || right.major - left.major || right.minor - left.minor;
}

function read(text: string): Version | undefined {
  const found = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(text);
  if (!found) return undefined;
  const [, major, stage, minor] = found;
  return { major: Number(major), stage: stage === undefined ? 2 : stage === 'beta' ? 1 : 0, minor: Number(minor ?? 0) };
}
