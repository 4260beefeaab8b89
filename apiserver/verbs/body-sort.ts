/** Whether a body is of the sort that a path takes, as it says of itself. Upstream decodes it as what it says before it looks for what it wants. */
import { schemaNames } from '#lib/kinds/schema.ts';
import { badRequest } from '#lib/meta/errors.ts';

interface Sort {
  readonly apiVersion: string;
  readonly kind: string;
}

let registered: ReadonlySet<string> | undefined;

/** Rejects with BadRequest a body of another kind, or of none that there is. What a body leaves out is as it should be. */
export function checkSort(wanted: Sort, body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  const given = body as Partial<Record<keyof Sort, unknown>>;
  const apiVersion = (given.apiVersion ?? '') === '' ? wanted.apiVersion : String(given.apiVersion);
  const kind = (given.kind ?? '') === '' ? wanted.kind : String(given.kind);
  const [group, version] = parts(apiVersion);
  const refuse = (because: string) =>
    badRequest(`${kind} in version ${JSON.stringify(version)} cannot be handled as a ${wanted.kind}: ${because}`);
  if (apiVersion === wanted.apiVersion && kind === wanted.kind) return;
  registered ??= new Set(schemaNames());
  if (!registered.has(`io.k8s.api.${folderOf(group)}.${version}.${kind}`)) {
    const scheme = 'in scheme "pkg/api/legacyscheme/scheme.go:30"';
    throw refuse(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} ${scheme}`);
  }
  if (kind === wanted.kind && group === parts(wanted.apiVersion)[0]) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${wanted.apiVersion})`,
    );
  }
  const internal = `${folderOf(parts(wanted.apiVersion)[0])}.${wanted.kind}`;
  throw refuse(`converting (${version}.${kind}) to (${internal}): unknown conversion`);
}

function parts(apiVersion: string): [group: string, version: string] {
  const [first = '', second] = apiVersion.split('/');
  return second === undefined ? ['', first] : [first, second];
}

/** The Go package of a group's types. */
function folderOf(group: string): string {
  return group === '' ? 'core' : group.split('.', 1)[0]!;
}
