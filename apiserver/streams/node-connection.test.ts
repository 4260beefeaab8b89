import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeRealEnv } from '#lib/env/real.ts';
import type { Node } from '#lib/kinds/gen/core-v1.ts';
import { isReason } from '#lib/meta/errors.ts';
import { issue, makeAuthority } from '#lib/pki/certificates.ts';
import { connectNodes, nodeFailure } from './node-connection.ts';

suite('connectNodes()', () => {
  test('gives up a node that takes the connection and says nothing, and tries it anew', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wherry-nodes-'));
    const authority = await makeAuthority('test', Date.now());
    const own = await issue(authority, { commonName: 'kube-apiserver', usages: ['client'] }, Date.now());
    const write = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const sockets = new Set<Socket>();
    const mute = createServer((socket) => sockets.add(socket.on('error', () => {})));
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const node = {
      metadata: { name: 'mute' },
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: (mute.address() as AddressInfo).port } },
      },
    } as Node;
    const files = {
      caFile: write('ca.crt', authority.certPem),
      certFile: write('own.crt', own.certPem),
      keyFile: write('own.key', own.keyPem),
    };
    const nodes = connectNodes(files, makeRealEnv({ service: 'test' }), 200);
    try {
      for (let round = 1; round <= 2; round++) {
        const call = nodes.callsTo(node).logs({ follow: true } as never);
        const [error] = (await once(call.resume(), 'error')) as [Error];
        const known = nodeFailure(error);
        assert.ok(isReason(known, 'Unknown'), String(error));
        assert.equal(known.message, 'error dialing backend: i/o timeout');
        assert.ok(sockets.size >= round, 'it was not tried anew');
      }
    } finally {
      nodes.close();
      mute.close();
      for (const socket of sockets) socket.destroy();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
