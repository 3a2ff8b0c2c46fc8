/** What a caller of the library may get wrong about challenges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knock } from '../../src/index.js';

const siteKey = new Uint8Array(32).fill(7);
const right = {
  host: '127.0.0.1',
  method: 'challenge',
  port: 7,
  siteKey,
  door: 'ssh',
  sign: { ssh: 'agent' },
};
const misuses: readonly [changes: object, kind: typeof TypeError, message: RegExp][] = [
  [{ host: '' }, TypeError, /"host" expected a text/],
  [{ port: undefined }, TypeError, /"port" expected integer 1 to 65535, got undefined/],
  [{ port: 0 }, RangeError, /"port" expected integer 1 to 65535, got 0/],
  [{ port: 65536 }, RangeError, /"port" expected/],
  [{ siteKey: undefined }, TypeError, /"siteKey" or "site" expected, one of the two/],
  [{ site: 'work' }, TypeError, /one of the two/],
  [{ siteKey: 'x'.repeat(32) }, TypeError, /"siteKey" expected 32 bytes/],
  [{ siteKey: new Uint8Array(31) }, RangeError, /"siteKey" expected 32 bytes, got 31/],
  [{ siteKey: undefined, site: 'a b' }, TypeError, /"site" expected 1 to 64 letters/],
  [{ door: 'x'.repeat(33) }, TypeError, /"door" expected the name of a door, at most 32 characters/],
  [{ door: undefined }, TypeError, /"door" expected/],
  [{ sign: undefined }, TypeError, /"sign" expected a function, or an object with "gpg", "keyFile" or "ssh"/],
  [{ sign: { gpg: '' } }, TypeError, /"sign" expected/],
  [{ sign: { gpg: 'a\0b' } }, TypeError, /"sign" expected/],
  [{ sign: { keyFile: 'a', password: 5 } }, TypeError, /"sign.password" expected a text, or a function/],
  [{ sign: { gpg: 'a', ssh: 'agent' } }, TypeError, /"sign" expected .*one of the three/],
  [
    { method: 'challenges' },
    TypeError,
    /"method" expected "port-sequence", "plain-sequence", "datagram" or "challenge", got "challenges"/,
  ],
];

test('a caller’s mistake never becomes a packet', async () => {
  for (const [changes, kind, message] of misuses) {
    const options = { ...right, ...changes } as Parameters<typeof knock>[0];
    await assert.rejects(knock(options), error => {
      assert(error instanceof kind, `${JSON.stringify(changes)}: ${error}`);
      assert.match(error.message, message);
      return true;
    });
  }
});
