/** Which version this is, as a metric. */
import type { Registry } from '#lib/metrics/registry.ts';
import { version } from '../rest/version.ts';

export function tellBuild(registry: Registry): void {
  const labels = {
    build_date: version.buildDate,
    compiler: version.compiler,
    git_commit: version.gitCommit,
    git_tree_state: version.gitTreeState,
    git_version: version.gitVersion,
    go_version: version.goVersion,
    major: version.major,
    minor: version.minor,
    platform: version.platform,
  };
  registry.reading(
    'gauge',
    'kubernetes_build_info',
    "[ALPHA] A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
    Object.keys(labels),
    () => [[Object.values(labels), 1]],
  );
}
