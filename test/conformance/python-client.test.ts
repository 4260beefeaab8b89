/** Kubernetes' Python client, as Debian packages it, against the server: what `python-client.py` does, case by case. */
import path from 'node:path';
import { writeKubeconfig } from '../harness/kubectl.ts';
import { pythonCases } from '../harness/python.ts';
import { makeSpace } from './server.ts';
import type { Space } from './server.ts';

suite('python3-kubernetes', function () {
  this.timeout(60_000);
  let space: Space;

  suiteSetup(async () => {
    space = await makeSpace('python-client');
  });

  pythonCases(path.join(import.meta.dirname, 'python-client.py'), () => [writeKubeconfig(space.api), space.name], [
    'objects_live_and_die',
    'lists_come_in_pages_and_by_label',
    'patches_of_every_type',
    'a_watch_tells_what_happens',
    'a_cache_follows_by_list_and_watch',
    'the_dynamic_client_discovers_and_applies',
    'manifests_are_created_from_data',
    'tokens_tell_who_asks',
    'discovery_and_version_are_understood',
    'one_of_two_is_elected',
  ]);
});
