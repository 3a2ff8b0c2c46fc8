/** Profiles of sequence numbers: what is written can be read, every mistake is named, and the key is never shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorErrors } from '../../src/system/error.js';
import type { SequenceNumberProfile } from '../../src/system/numberprofile.js';
import { formatProfile, parseProfile } from '../../src/system/profile.js';

const psk = 'a passphrase that nobody may see';
const minimal = {
  portknock: 1,
  name: 'home',
  method: 'sequence-number',
  psk,
  doors: { ssh: { services: ['tcp/22'] } },
};

function mistakes(document: unknown): string[] {
  try {
    parseProfile(JSON.stringify(document));
  } catch (error) {
    assert(error instanceof OperatorErrors);
    return error.errors.map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`));
  }
  return [];
}

test('what need not be said', () => {
  assert.deepEqual(parseProfile(JSON.stringify(minimal)), {
    ...{ name: 'home', host: undefined, method: 'sequence-number', psk },
    ...{ periodSeconds: 30, toleranceSeconds: 30, macPort: undefined, users: [] },
    doors: new Map([['ssh', { services: ['tcp/22'], singleUse: false }]]),
  });
});

const refused: readonly [changes: object, ...expected: RegExp[]][] = [
  [{ psk: undefined }, /^"psk" is missing$/],
  [{ psk: '' }, /^"psk" expected one line$/],
  [{ psk: `${psk}\n` }, /^"psk" expected one line$/],
  [{ psk: 7 }, /^"psk" /],
  [{ period: 0 }, /^"period" expected integer 1 to 3600, got 0$/],
  [{ period: 3601 }, /^"period" expected integer 1 to 3600, got 3601$/],
  [{ period: '30s' }, /^"period" expected integer 1 to 3600, got "30s"$/],
  [{ tolerance: -1 }, /^"tolerance" expected integer 0 to 3600, got -1$/],
  [{ tolerance: 1.5 }, /^"tolerance" expected integer/],
  [{ mac_port: 0 }, /^"mac_port" expected integer 1 to 65535, got 0$/],
  [{ macport: 22 }, /^unknown key "macport" \(did you mean "mac_port"\?\)$/],
  [{ users: 'alice' }, /^"users" expected a list of users/],
  [{ users: ['alice', 'a b'] }, /^"users.1" expected the name or the number of a user, got "a b"$/],
  [{ doors: {} }, /^"doors" expected at least one door/],
  [{ doors: { ssh: { command: 1 } } }, /^unknown key "doors.ssh.command"/],
  [{ name: 'connect' }, /^"name" expected a name.*got "connect"$/],
  [{ name: 'socket-service' }, /^"name" expected a name.*got "socket-service"$/],
  [{ psk: [psk], period: psk }, /^"psk"/, /^"period" expected integer 1 to 3600$/],
];

for (const [changes, ...expected] of refused) {
  test(`refused: ${expected[0]}`, () => {
    const found = mistakes({ ...minimal, ...changes });
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(found[index]!, pattern);
    for (const message of found) assert(!message.includes(psk.slice(0, 8)), message);
  });
}

test('what is written is read as it was', () => {
  const line = fc.string({ minLength: 1 }).filter(text => !/[\r\n]/.test(text));
  const profile: fc.Arbitrary<SequenceNumberProfile> = fc.record({
    name: fc.constant('home'),
    host: fc.option(fc.constantFrom('h.example', '192.0.2.1'), { nil: undefined }),
    method: fc.constant('sequence-number'),
    psk: line,
    periodSeconds: fc.integer({ min: 1, max: 3600 }),
    toleranceSeconds: fc.integer({ min: 0, max: 3600 }),
    macPort: fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined }),
    users: fc.array(fc.constantFrom('alice', '1000', 'b-c_d')),
    doors: fc.constant(new Map([['ssh', { services: ['tcp/22'], singleUse: true }]])),
  });
  fc.assert(
    fc.property(profile, written => {
      assert.deepEqual(parseProfile(formatProfile(written)), { ...written });
    }),
  );
});
