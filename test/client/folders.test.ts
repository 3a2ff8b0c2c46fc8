/** Where state is kept, by who runs the client. */
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { stateDirectory } from '../../src/client/folders.js';

const notRoot = process.geteuid?.() !== 0 && 'root only';

function withEnvironment(changes: NodeJS.ProcessEnv): string {
  const { HOME, XDG_STATE_HOME, SUDO_UID } = process.env;
  const before = { HOME, XDG_STATE_HOME, SUDO_UID };
  set(changes);
  try {
    return stateDirectory();
  } finally {
    set(before);
  }
}

function set(changes: NodeJS.ProcessEnv): void {
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

const plain = { HOME: '/home/alice', XDG_STATE_HOME: undefined, SUDO_UID: undefined };

test('in the home of the user', () => {
  assert.equal(withEnvironment(plain), '/home/alice/.local/state/portknock');
});

test('where the user wants it', () => {
  assert.equal(withEnvironment({ ...plain, XDG_STATE_HOME: '/state' }), '/state/portknock');
  assert.equal(withEnvironment({ ...plain, XDG_STATE_HOME: 'state' }), '/home/alice/.local/state/portknock');
});

test('by sudo, in the home of root and not of the caller', { skip: notRoot }, () => {
  const expected = `${userInfo().homedir}/.local/state/portknock`;
  assert.equal(withEnvironment({ ...plain, SUDO_UID: '1000' }), expected);
});
