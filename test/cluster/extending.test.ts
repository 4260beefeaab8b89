/** Custom resources and webhooks in a real cluster, whose components have the rights of their own and no more. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { issue, makeAuthority } from '#lib/pki/certificates.ts';
import { eventually } from '../harness/cluster.ts';
import { makePlace } from './place.ts';
import type { Place } from './place.ts';

const definition = 'widgets.things.example.com';

suite('extending a cluster', function () {
  this.timeout(60_000);
  let place: Place;
  suiteSetup(async () => {
    place = await makePlace('extended');
  });
  suiteTeardown(() => place.remove());

  const isGone = (...words: string[]) =>
    eventually(`${words.join(' ')} is gone`, () =>
      place.kubectl('get', ...words).then(
        () => false,
        (error: Error) => error.message.includes('not found'),
      ),
    );

  suite('by custom resources', () => {
    const widget = (name: string, size: number) => ({
      apiVersion: 'things.example.com/v1',
      kind: 'Widget',
      metadata: { name, namespace: place.namespace },
      spec: { size },
    });
    suiteSetup(async () => {
      await place.cluster.apply({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: definition },
        spec: {
          group: 'things.example.com',
          scope: 'Namespaced',
          names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
              schema: {
                openAPIV3Schema: {
                  type: 'object',
                  properties: {
                    spec: {
                      type: 'object',
                      description: 'How it is to be.',
                      properties: { size: { type: 'integer', maximum: 9 } },
                    },
                  },
                },
              },
            },
          ],
        },
      });
      await place.kubectl('wait', '--for=condition=established', `crd/${definition}`, '--timeout=30s');
    });
    suiteTeardown(() => place.kubectl('delete', 'crd', definition, '--ignore-not-found', '--timeout=60s'));

    test('kubectl applies, shows and explains them', async () => {
      await place.cluster.apply(widget('one', 3));
      assert.match(await place.kubectl('get', 'wd'), /NAME +SIZE\none +3/);
      assert.match(await place.kubectl('explain', 'widget.spec'), /How it is to be\./);
      await assert.rejects(place.cluster.apply(widget('large', 10)), /should be less than or equal to 9/);
    });

    test('they are counted, own what they are named to own, and go with their namespace', async () => {
      await place.kubectl('create', 'quota', 'few', `--hard=count/${definition}=2`);
      await eventually('the quota has been counted', async () =>
        /1\/2/.test(await place.kubectl('get', 'quota', 'few')),
      );
      await place.cluster.apply(widget('two', 1));
      await assert.rejects(place.cluster.apply(widget('three', 1)), /exceeded quota: few/);
      const uid = await place.kubectl('get', 'widget', 'one', '-o', 'jsonpath={.metadata.uid}');
      const owner = { apiVersion: 'things.example.com/v1', kind: 'Widget', name: 'one', uid };
      await place.cluster.apply({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'owned', namespace: place.namespace, ownerReferences: [owner] },
      });
      await place.kubectl('delete', 'widget', 'one');
      await isGone('configmap', 'owned');
      await place.cluster.kubectl('create', 'namespace', 'extended-too');
      await place.cluster.apply({ ...widget('far', 1), metadata: { name: 'far', namespace: 'extended-too' } });
      await place.cluster.kubectl('delete', 'namespace', 'extended-too', '--timeout=60s');
      assert.doesNotMatch(await place.cluster.kubectl('get', 'widgets', '-A'), /extended-too/);
    });
  });

  suite('by webhooks', () => {
    let server: Server;
    suiteSetup(async () => {
      const now = Date.now();
      const authority = await makeAuthority('test', now);
      const names = { commonName: 'hook', dnsNames: ['hook.extended.svc'] };
      const { certPem, keyPem } = await issue(authority, { ...names, usages: ['server'] }, now);
      server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
        void text(request).then((body) => {
          const review = JSON.parse(body) as { request: { uid: string } };
          const status = { code: 403, message: `asked at ${request.url?.split('?')[0]}` };
          response.end(JSON.stringify({ ...review, response: { uid: review.request.uid, allowed: false, status } }));
        });
      });
      const { gateway } = place.cluster.layout;
      server.listen(0, gateway);
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const metadata = { name: 'hook', namespace: place.namespace };
      await place.cluster.apply({ apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 443 }] } });
      const subsets = [{ addresses: [{ ip: gateway }], ports: [{ port }] }];
      await place.cluster.apply({ apiVersion: 'v1', kind: 'Endpoints', metadata, subsets });
      await place.cluster.apply({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'extended' },
        webhooks: [
          {
            name: 'hook.example.com',
            clientConfig: {
              service: { ...metadata, path: '/judge' },
              caBundle: Buffer.from(authority.certPem).toString('base64'),
            },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] }],
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': place.namespace } },
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
          },
        ],
      });
    });
    suiteTeardown(async () => {
      await place.kubectl('delete', 'validatingwebhookconfiguration', 'extended', '--ignore-not-found');
      server?.closeAllConnections();
      server?.close();
    });

    test('that stand behind a Service are asked there', async () => {
      await assert.rejects(
        place.kubectl('create', 'secret', 'generic', 'none', '--from-literal=a=b'),
        /admission webhook "hook.example.com" denied the request: asked at \/judge/,
      );
    });
  });
});
