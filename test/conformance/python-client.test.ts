/** Kubernetes' Python client, as Debian packages it, against the server: what `python-client.py` does, case by case. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { runCommand } from '#lib/env/command.ts';
import { writeKubeconfig } from '../harness/kubectl.ts';
import { makeSpace } from './server.ts';

/** Debian's, which has Debian's packages; the first in PATH may be another. */
const python = '/usr/bin/python3';
const script = path.join(import.meta.dirname, 'python-client.py');

suite('python3-kubernetes', function () {
  this.timeout(60_000);
  let output: string;

  suiteSetup(async () => {
    const { api, name } = await makeSpace('python-client');
    const { exitCode, stdout, stderr } = await runCommand(python, ['-B', script, writeKubeconfig(api), name]);
    assert.equal(exitCode, 0, stderr);
    output = stdout;
  });

  for (const name of [
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
  ]) {
    test(name.replaceAll('_', ' '), () => {
      const line = output.split('\n').find((text) => new RegExp(`^(ok|failed) ${name}\\b`).test(text));
      assert.equal(line?.replaceAll('\\n', '\n'), `ok ${name}`);
    });
  }
});
