/** Profiles of challenges: what is written can be read, every mistake is named, and the site key is never shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ChallengeProfile } from '../../src/system/challengeprofile.js';
import { OperatorErrors } from '../../src/system/error.js';
import { formatProfile, parseProfile } from '../../src/system/profile.js';

const siteKey = 'ab'.repeat(32);
const minimal = {
  portknock: 1,
  name: 'work',
  method: 'challenge',
  port: 62201,
  site_key: siteKey,
  sign: { gpg: 'John Doe' },
  doors: { ssh: { services: ['tcp/22'] } },
};

function mistakes(text: string): string[] {
  try {
    parseProfile(text);
  } catch (error) {
    assert(error instanceof OperatorErrors, String(error));
    return error.errors.map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`));
  }
  return [];
}

test('what need not be said', () => {
  assert.deepEqual(parseProfile(JSON.stringify(minimal)), {
    ...{ name: 'work', host: undefined, method: 'challenge', port: 62201 },
    ...{ server: { siteKey: new Uint8Array(32).fill(0xab) }, sign: { gpg: 'John Doe' } },
    doors: new Map([['ssh', { services: ['tcp/22'], singleUse: false }]]),
  });
});

const refused: readonly [changes: object, ...expected: RegExp[]][] = [
  [{ port: undefined }, /^"port" is missing$/],
  [{ port: 0 }, /^"port" expected integer 1 to 65535, got 0$/],
  [{ site_key: undefined }, /^expected "site_key" or "site", one of the two$/],
  [{ site: 'work' }, /^expected "site_key" or "site", one of the two$/],
  [{ site_key: 'a short secret' }, /^"site_key" expected 64 hexadecimal digits$/],
  [{ site_key: undefined, site: 'a b' }, /^"site" expected 1 to 64 letters, digits, .*, got "a b"$/],
  [{ sign: undefined }, /^"sign" is missing$/],
  [{ sign: {} }, /^"sign" expected "gpg", "key_file" or "ssh", one of the three$/],
  [{ sign: { gpg: 'a', ssh: 'agent' } }, /^"sign" expected .*one of the three$/],
  [{ sign: { gpg: 'a\nb' } }, /^"sign.gpg" expected a user id or a fingerprint, got /],
  [{ sign: { ssh: '' } }, /^"sign.ssh" expected "agent" or the path of a key, got ""$/],
  [{ sign: { keyfile: 'x' } }, /^unknown key "sign.keyfile" \(did you mean "key_file"\?\)$/],
  [{ doors: {} }, /^"doors" expected at least one door/],
  [{ doors: { ['x'.repeat(33)]: {} } }, /^"doors.x{33}" expected a name of at most 32 characters$/],
  [{ doors: { ssh: { command: 1 } } }, /^unknown key "doors.ssh.command"/],
  [{ sitekey: siteKey }, /^unknown key "sitekey" \(did you mean "site_key"\?\)$/],
  [{ name: 'challenge' }, /^"name" expected .*no subcommand/],
  [{ method: 'challenges' }, /^"method" expected .*"datagram" or "challenge"$/],
];

test('every mistake is named, and no secret is shown', () => {
  for (const [changes, ...expected] of refused) {
    const found = mistakes(JSON.stringify({ ...minimal, ...changes }));
    assert.equal(found.length, expected.length, `${JSON.stringify(changes)}: ${found.join('; ')}`);
    for (const [at, each] of expected.entries()) assert.match(found[at]!, each);
    assert.doesNotMatch(found.join(), /short secret|abab/);
  }
});

const line = fc.string({ minLength: 1, maxLength: 40 }).filter(text => !/[\0\r\n]/.test(text));
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/).filter(word => word !== '__proto__');
const profiles: fc.Arbitrary<ChallengeProfile> = fc.record({
  name: fc.constant('work'),
  host: fc.option(fc.domain(), { nil: undefined }),
  method: fc.constant('challenge'),
  port: fc.integer({ min: 1, max: 65535 }),
  server: fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }).map(siteKey => ({ siteKey })),
    fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/).map(site => ({ site })),
  ),
  sign: fc.oneof(
    line.map(gpg => ({ gpg })),
    line.map(keyFile => ({ keyFile })),
    line.map(ssh => ({ ssh })),
  ),
  doors: fc
    .uniqueArray(name, { minLength: 1, maxLength: 3 })
    .map(names => new Map(names.map(name => [name, { services: ['udp/53'], singleUse: true }]))),
});

test('what is written is read again', () => {
  fc.assert(
    fc.property(profiles, profile => {
      const read = parseProfile(formatProfile(profile)) as ChallengeProfile;
      const sorted = ({ doors }: ChallengeProfile) => [...doors].sort();
      assert.deepEqual(sorted(read), sorted(profile));
      assert.deepEqual({ ...read, doors: 0 }, { ...profile, doors: 0 });
    }),
    { numRuns: 200 },
  );
});
