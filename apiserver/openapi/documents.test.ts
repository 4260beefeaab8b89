import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { kinds } from '#lib/kinds/index.ts';
import { sendDocument } from '../rest/send-document.ts';
import { makeDocuments } from './documents.ts';
import { testSinceKubectl } from '../../test/harness/kubectl.ts';

const run = promisify(execFile);

/** A real kubectl learns the API from a server that has nothing but documents. */
suite('documents', () => {
  const documents = makeDocuments(kinds, '127.0.0.1:6443');
  const asked: string[] = [];
  let server: Server;
  let folder: string;

  suiteSetup(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wherry-openapi-'));
    server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
      asked.push(pathname);
      const document = documents(pathname, request.headers.accept ?? '');
      if (document) sendDocument(request, response, document, searchParams, 0);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  suiteTeardown(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  const bytesAt = (path: string, accept = 'application/json') => {
    const document = documents(path, accept);
    assert.ok(document, path);
    return document.gzipped ? gunzipSync(document.body) : document.body;
  };

  const kubectl = async (...words: string[]) => {
    const { port } = server.address() as { port: number };
    const flags = [`--server=http://127.0.0.1:${port}`, `--cache-dir=${folder}`];
    const { stdout } = await run('kubectl', [...flags, ...words], { env: { PATH: process.env['PATH'], HOME: folder } });
    return stdout;
  };

  testSinceKubectl(27, 'kubectl api-resources lists every kind, after two requests', async () => {
    asked.length = 0;
    const table = await kubectl('api-resources', '--no-headers', '-o', 'name');
    const plain = kinds.map(({ plural, group }) => (group ? `${plural}.${group}` : plural));
    assert.deepEqual(table.trim().split('\n').sort(), [...new Set(plain)].sort());
    assert.deepEqual(asked.filter((path) => path !== '/version').sort(), ['/api', '/apis']);
  });

  testSinceKubectl(27, 'kubectl explain finds kinds and fields', async () => {
    assert.match(
      await kubectl('explain', 'pods'),
      /KIND: +Pod\nVERSION: +v1\n\nDESCRIPTION:\n +Containers that run together/,
    );
    const nested = await kubectl('explain', 'deployments.spec.template.spec.containers.ports.protocol');
    assert.match(nested, /FIELD: protocol <string>/);
    assert.match(nested, /ENUM:\n +SCTP/);
    assert.match(await kubectl('explain', 'hpa', '--recursive'), /averageUtilization\t?<integer>/);
  });

  testSinceKubectl(27, 'kubectl explain tells of every kind, to the last field', async function () {
    this.timeout(60_000);
    const waiting = [...kinds];
    const next = async (): Promise<void> => {
      const kind = waiting.shift();
      if (!kind) return;
      const text = await kubectl('explain', kind.plural, `--api-version=${kind.apiVersion}`, '--recursive');
      assert.match(
        text,
        new RegExp(`^KIND: +${kind.kind}\\n[^]*^DESCRIPTION:\\n +\\w[^]*^FIELDS:[^]*^ +apiVersion\\t`, 'm'),
      );
      await next();
    };
    // Each is mostly kubectl's start, and one may start while another ends.
    await Promise.all([next(), next()]);
  });

  testSinceKubectl(27, 'kubectl validates and patches locally by the documents', async () => {
    const file = join(folder, 'pod.json');
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'a', image: 'b' }] },
    };
    writeFileSync(file, JSON.stringify(object));
    assert.match(await kubectl('create', '--dry-run=client', '--validate=strict', '-f', file), /pod\/a created/);
  });

  test('every reference in OpenAPI 3 and 2 leads somewhere, and every operation has a name of its own', () => {
    const index = JSON.parse(bytesAt('/openapi/v3').toString()) as {
      paths: Record<string, { serverRelativeURL: string }>;
    };
    assert.ok(index.paths['apis/apps/v1']?.serverRelativeURL.startsWith('/openapi/v3/apis/apps/v1?hash='));
    for (const path of ['/openapi/v2', ...Object.keys(index.paths).map((key) => `/openapi/v3/${key}`)]) {
      const text = bytesAt(path).toString();
      const document = JSON.parse(text) as {
        definitions?: object;
        components?: { schemas: object };
        paths: Record<string, Record<string, { operationId?: string }>>;
      };
      const known = new Set(Object.keys(document.components?.schemas ?? document.definitions ?? {}));
      for (const [, name] of text.matchAll(/"\$ref":"#\/(?:components\/schemas|definitions)\/([^"]+)"/g)) {
        assert.ok(known.has(name!), `${path} refers to ${name}`);
      }
      const ids = Object.values(document.paths).flatMap((item) =>
        Object.values(item).flatMap(({ operationId }) => operationId ?? []),
      );
      assert.equal(new Set(ids).size, ids.length, path);
    }
  });

  test('the schema of pods carries what strategic merge and server-side apply need', () => {
    const core = JSON.parse(bytesAt('/openapi/v3/api/v1').toString()) as {
      components: { schemas: Record<string, { properties: Record<string, object> }> };
    };
    const { schemas } = core.components;
    assert.deepEqual(schemas['io.k8s.api.core.v1.Container']?.properties['ports'], {
      description: 'Ports that the container listens on; naming them opens nothing.',
      type: 'array',
      items: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.ContainerPort' }], default: {} },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'containerPort',
    });
  });

  test('OpenAPI 2 comes as protobuf to those who ask for it', () => {
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    assert.equal(
      documents('/openapi/v2', accept)?.contentType,
      'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
    );
    const { root } = protobuf.parse(`syntax = "proto3"; message Named { string name = 1; }
      message List { repeated Named additional_properties = 1; } message Paths { repeated Named path = 2; }
      message Document { string swagger = 1; Paths paths = 8; List definitions = 9; }`);
    const type = root.lookupType('Document');
    const read = type.toObject(type.decode(bytesAt('/openapi/v2', accept))) as {
      swagger: string;
      paths: { path: { name: string }[] };
      definitions: { additionalProperties: { name: string }[] };
    };
    assert.equal(read.swagger, '2.0');
    assert.ok(read.paths.path.some(({ name }) => name === '/api/v1/namespaces/{namespace}/pods/{name}'));
    assert.ok(read.definitions.additionalProperties.some(({ name }) => name === 'io.k8s.api.core.v1.Pod'));
  });
});
