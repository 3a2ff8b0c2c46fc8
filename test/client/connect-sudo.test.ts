/** `portknock connect` by sudo: who it is, once the connection stands. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { hasManyUsers, notIsolated } from '../e2e/harness/isolation.js';
import { Guarded } from './guarded.js';
import { said } from './program.js';

describe('connections by sudo', { skip: notIsolated }, () => {
  test('becomes the one who called it', { skip: !hasManyUsers() && 'one user only' }, async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0]);
    const env = { SUDO_UID: '65534', SUDO_GID: '65533' };
    const program = scene.start([...scene.words(scene.network.server.ipv4), '-v'], { env });
    await program.line(/connected to/);
    const status = readFileSync(`/proc/${program.pid}/status`, 'utf8');
    assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
    assert.match(status, /^Gid:\t65533\t65533\t65533\t65533$/m);
    assert.match(status, /^Groups:\t65533 $/m);
    assert.match(status, /^CapPrm:\t0+$/m);
    program.write('still\n');
    await program.line(/^still$/);
    program.closeInput();
    assert.equal((await program.end()).status, 0);
  });

  test('whoever called it may be of group 0', {
    skip: !hasManyUsers() && 'one user only',
  }, async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0]);
    const env = { SUDO_UID: '65534', SUDO_GID: '0' };
    const program = scene.start([...scene.words(scene.network.server.ipv4), '-v'], { env });
    await program.line(/connected to/);
    const status = readFileSync(`/proc/${program.pid}/status`, 'utf8');
    assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
    program.closeInput();
    assert.equal((await program.end()).status, 0);
  });

  test('does not stay root where who called it is nobody that there can be', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0]);
    const env = { SUDO_UID: '65534', SUDO_GID: 'staff' };
    const { status, stdout, stderr } = await said(
      scene.start(scene.words(scene.network.server.ipv4), { env, input: '' }),
    );
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
    assert.match(stderr, /cannot become user 65534 of group staff/);
  });
});
