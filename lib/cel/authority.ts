/** What expressions may ask of rights: `authorizer.group('apps').resource('deployments').check('create').allowed()`. */

/** An answer. */
export interface Ruling {
  allowed: boolean;
  reason: string;
}

/** What is asked about; a path, or a resource. */
export interface Question {
  verb: string;
  path?: string;
  group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  /** Who is asked about, as `[namespace, name]` of a service account; the caller when absent. */
  account?: readonly [namespace: string, name: string];
}

export type Decide = (question: Question) => Ruling;

/** The variable `authorizer`. */
export class Authority {
  readonly decide: Decide;
  readonly account: Question['account'];
  constructor(decide: Decide, account?: Question['account']) {
    this.decide = decide;
    this.account = account;
  }
}

/** A question that is yet to name its verb. */
export class Check {
  readonly decide: Decide;
  readonly about: Omit<Question, 'verb'>;
  constructor(decide: Decide, about: Omit<Question, 'verb'>) {
    this.decide = decide;
    this.about = about;
  }
}

/** A group whose resource is yet to be named. */
export class Group {
  readonly authority: Authority;
  readonly name: string;
  constructor(authority: Authority, name: string) {
    this.authority = authority;
    this.name = name;
  }
}

/** What came of it. */
export class Decided {
  readonly ruling: Ruling;
  constructor(ruling: Ruling) {
    this.ruling = ruling;
  }
}

type Handler = (...values: never[]) => unknown;

const nothing = { group: '', resource: '', subresource: '', namespace: '', name: '' };
const accountOf = ({ account }: Authority) => (account ? { account } : {});
const narrowed = (check: Check, part: Partial<Question>) => new Check(check.decide, { ...check.about, ...part });

export const authorityFunctions: Readonly<Record<string, Handler>> = {
  'Authority.path(string): Check': (authority: Authority, path: string) =>
    new Check(authority.decide, { ...nothing, ...accountOf(authority), path }),
  'Authority.group(string): Group': (authority: Authority, name: string) => new Group(authority, name),
  'Authority.serviceAccount(string, string): Authority': ({ decide }: Authority, namespace: string, name: string) =>
    new Authority(decide, [namespace, name]),
  'Group.resource(string): Check': ({ authority, name }: Group, resource: string) =>
    new Check(authority.decide, { ...nothing, ...accountOf(authority), group: name, resource }),
  'Check.subresource(string): Check': (check: Check, subresource: string) => narrowed(check, { subresource }),
  'Check.namespace(string): Check': (check: Check, namespace: string) => narrowed(check, { namespace }),
  'Check.name(string): Check': (check: Check, name: string) => narrowed(check, { name }),
  'Check.check(string): Decided': ({ decide, about }: Check, verb: string) => new Decided(decide({ ...about, verb })),
  'Decided.allowed(): bool': ({ ruling }: Decided) => ruling.allowed,
  'Decided.reason(): string': ({ ruling }: Decided) => ruling.reason,
  'Decided.errored(): bool': () => false,
  'Decided.error(): string': () => '',
};
