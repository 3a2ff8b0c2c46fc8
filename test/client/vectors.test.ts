/** That the program prints the ports of every vector: from the command line to the block, all of it is right. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { writeSecret } from '../e2e/harness/folder.js';
import { classicVectors, sealedVectors } from '../methods/port-sequence/vectors.js';
import { User } from './program.js';

test('there are vectors', () => assert(sealedVectors.length > 0 && classicVectors.length > 0));

for (const vector of sealedVectors) {
  test(`prints the ports of ${vector.name}, and keeps nothing`, async t => {
    const user = new User(t);
    const siteKeyFile = writeSecret(user.folder, 'site', vector.site_key);
    const keyFile = writeSecret(user.folder, 'key', `${vector.client_key}\n`);
    // No such host: with its own address given, nothing is looked up.
    const argv = ['host.invalid', String(vector.base_port), String(vector.command), '--dry-run'];
    argv.push('--client-id', String(vector.client), '--site-key-file', siteKeyFile, '--key-file', keyFile);
    argv.push('--address', vector.address ?? 'none');
    for (const time of [String(vector.time_ms), new Date(vector.time_ms).toISOString()]) {
      const { status, stdout, stderr } = await user.run([...argv, '--time', time]);
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
      assert.equal(stdout, vector.ordered.map(port => `${port}\n`).join(''));
    }
    const { stdout } = await user.run([...argv, '--time', String(vector.time_ms + 1)]);
    assert(!existsSync(user.environment.XDG_STATE_HOME));
    assert.notEqual(stdout, vector.ordered.map(port => `${port}\n`).join(''));
  });
}

for (const vector of classicVectors) {
  test(`prints the ports of ${vector.name}`, async t => {
    const user = new User(t);
    const file = writeSecret(user.folder, 'passphrase', `${vector.passphrase}\n`);
    const argv = ['host.invalid', String(vector.base_port), String(vector.command)];
    const said = await user.run([...argv, '--classic-passphrase-file', file, '-n']);
    const stdout = vector.ports.map(port => `${port}\n`).join('');
    assert.deepEqual(said, { status: 0, stdout, stderr: '' });
  });
}
