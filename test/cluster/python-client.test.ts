/** Kubernetes' Python client, as Debian packages it, into a pod: exec, port-forward, logs; what `python-client.py` does, case by case. */
import path from 'node:path';
import { pythonCases } from '../harness/python.ts';
import { container, makePlace } from './place.ts';
import type { Place } from './place.ts';

suite('python3-kubernetes into pods', function () {
  this.timeout(60_000);
  const namespace = 'python-client';
  let place: Place;

  suiteSetup(async () => {
    place = await makePlace(namespace);
    const web = container('echo begun; mkdir /www; echo served > /www/index.html; exec httpd -f -p 8080 -h /www');
    await place.run('one', { containers: [web] });
    await place.ready('one');
  });

  suiteTeardown(() => place?.remove());

  pythonCases(
    path.join(import.meta.dirname, 'python-client.py'),
    () => [place.cluster.layout.kubeconfig, namespace, 'one'],
    [
      'exec_gives_what_was_written',
      'exec_takes_input_and_tells_the_exit_code',
      'a_forwarded_port_carries_a_request',
      'logs_are_read_and_followed',
      'the_pod_tells_its_state',
    ],
  );
});
