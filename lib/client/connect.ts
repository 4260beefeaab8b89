/** The typed client over gRPC. */
import type { Env } from '#lib/env/env.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import { isReason } from '#lib/meta/errors.ts';
import type { Ref, Resource } from '#lib/meta/object.ts';
import { WatchEventType, WriteRequestVerb, clusterService } from '#protos/gen/cluster.ts';
import type { ListReply, Target, WatchBatch as WireBatch, WriteRequest } from '#protos/gen/cluster.ts';
import { makeTransport } from './transport.ts';
import type { ClientConfig, Transport } from './transport.ts';
import type { Client, DeleteOptions, List, ListOptions, WatchBatch, WriteOptions } from './types.ts';

export type { ClientConfig };

/** A client that owns its connection. */
export interface ConnectedClient extends Client {
  close(): void;
}

type Named = Pick<Kind, 'group' | 'version' | 'plural'>;

/** Objects per call when a list has no limit. */
const pageSize = 1000;

/** How often a list without limit begins anew because the server forgot the revision it is of. */
const listAttempts = 5;

/** Connects to the API server. Nothing is sent before the first call. */
export function connect(config: ClientConfig, env: Env): ConnectedClient {
  const transport = makeTransport(config, env);
  const write = (kind: Named, ref: Ref, verb: keyof typeof WriteRequestVerb, fields: Partial<WriteRequest>) =>
    transport.call(clusterService.write, {
      ...noFields,
      verb: WriteRequestVerb[verb],
      target: targetOf(kind, ref.namespace),
      name: ref.name,
      ...fields,
    });
  const update = async <T extends Resource>(kind: Kind<T>, object: T, subresource: string, options?: WriteOptions) => {
    const fields = { subresource, body: encode(object), ...fieldsOf(options) };
    return decode<T>((await write(kind, refTo(object), 'UPDATE', fields)).object);
  };

  return {
    async get<T extends Resource>(kind: Kind<T>, { namespace, name }: Ref) {
      const answer = await transport.call(clusterService.get, { target: targetOf(kind, namespace), name }, true);
      return decode<T>(answer.object);
    },
    list: <T extends Resource>(kind: Kind<T>, options: ListOptions = {}) =>
      options.limit === undefined ? listAll<T>(transport, kind, options) : listPage<T>(transport, kind, options),
    async create<T extends Resource>(kind: Kind<T>, draft: object, options?: WriteOptions) {
      const { apiVersion, kind: name } = kind;
      const body = { ...(draft as T), apiVersion, kind: name };
      const { object } = await write(kind, refTo(body), 'CREATE', { body: encode(body), ...fieldsOf(options) });
      return decode<T>(object);
    },
    update: (kind, object, options) => update(kind, object, '', options),
    updateStatus: (kind, object, options) => update(kind, object, 'status', options),
    async patch<T extends Resource>(
      kind: Kind<T>,
      ref: Ref,
      patchType: string,
      patch: object,
      options: WriteOptions & { subresource?: string } = {},
    ) {
      const { subresource = '' } = options;
      const fields = { subresource, patchType, body: encode(patch), ...fieldsOf(options) };
      return decode<T>((await write(kind, ref, 'PATCH', fields)).object);
    },
    async delete<T extends Resource>(kind: Kind<T>, ref: Ref, options: DeleteOptions = {}) {
      const { uid, resourceVersion, ...rest } = options;
      const fields = {
        body: encode(rest),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      };
      return decode<T>((await write(kind, ref, 'DELETE', fields)).object);
    },
    post: async (kind, ref, subresource, body) =>
      decode((await write(kind, ref, 'CREATE', { subresource, body: encode(body) })).object),
    put: async (kind, ref, subresource, body) =>
      decode((await write(kind, ref, 'UPDATE', { subresource, body: encode(body) })).object),
    async *watch(targets, { after, batchMs = 0, signal }) {
      const request = {
        targets: targets.map(({ kind, namespace = '', labelSelector = '', fieldSelector = '' }) => ({
          target: targetOf(kind, namespace),
          labelSelector,
          fieldSelector,
        })),
        after: after === undefined ? '' : String(after),
        batchMs,
      };
      for await (const batch of transport.stream(clusterService.watch, request, signal)) yield batchOf(batch);
    },
    close: transport.close,
  };
}

const noFields: Omit<WriteRequest, 'verb' | 'target' | 'name'> = {
  id: 0,
  subresource: '',
  body: Buffer.alloc(0),
  patchType: '',
  dryRun: false,
  uid: '',
  resourceVersion: '',
  fieldManager: '',
};

async function listAll<T>(transport: Transport, kind: Named, options: ListOptions): Promise<List<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      const items: T[] = [];
      for (let token = options.continue ?? ''; ;) {
        const page = await listPage<T>(transport, kind, { ...options, limit: pageSize, continue: token });
        items.push(...page.items);
        token = page.continue;
        if (token === '') return { ...page, items };
      }
    } catch (error) {
      if (attempt === listAttempts || !isReason(error, 'Expired')) throw error;
    }
  }
}

async function listPage<T>(transport: Transport, kind: Named, options: ListOptions): Promise<List<T>> {
  const { namespace = '', labelSelector = '', fieldSelector = '', limit = 0, continue: token = '' } = options;
  const target = targetOf(kind, namespace);
  const request = { target, labelSelector, fieldSelector, limit, continue: token };
  const answer: ListReply = await transport.call(clusterService.list, request, true);
  const { objects, resourceVersion } = answer;
  return { items: objects.map((bytes) => decode<T>(bytes)), resourceVersion, continue: answer.continue };
}

function batchOf({ events, revision, synced }: WireBatch): WatchBatch {
  return {
    events: events.map(({ type, target, object }) => ({
      type: type === WatchEventType.DELETE ? 'DELETE' : 'PUT',
      target,
      object: decode<Resource>(object),
    })),
    revision: BigInt(revision),
    synced,
  };
}

function targetOf({ group, version, plural }: Named, namespace: string): Target {
  return { group, version, plural, namespace };
}

function refTo({ metadata }: { metadata: { namespace?: string | undefined; name?: string } }): Ref {
  return { namespace: metadata.namespace ?? '', name: metadata.name ?? '' };
}

function fieldsOf({ dryRun = false, fieldManager = '', uid = '', resourceVersion = '' }: WriteOptions = {}) {
  return { dryRun, fieldManager, uid, resourceVersion };
}

function encode(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function decode<T>(bytes: Buffer): T {
  return JSON.parse(bytes.length === 0 ? 'null' : bytes.toString()) as T;
}
