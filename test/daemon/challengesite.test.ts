/** What the listener is told of challenges survives the way through JSON, and is what the configuration says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildChallenges, buildSigners, challengeSettings } from '../../src/daemon/challengesite.js';
import type { Config } from '../../src/daemon/config.js';
import type { SshKey } from '../../src/methods/challenge/site.js';
import { siteLine } from '../../src/methods/challenge/text.js';

const siteKey = Buffer.alloc(32, 7);
const anySsh: SshKey = {
  blob: Buffer.of(1, 2, 3),
  from: undefined,
  expiresAt: undefined,
  touchRequired: true,
  verifyRequired: false,
};
const limitedSsh: SshKey = {
  blob: Buffer.of(4, 5),
  from: '192.0.2.*,!192.0.2.7',
  expiresAt: 1_800_000_000_000,
  touchRequired: false,
  verifyRequired: true,
};
const openpgp = { fingerprint: 'ab'.repeat(20), bytes: Buffer.of(0x99, 0) };

function settingsOf(challenge: Partial<NonNullable<Config['challenge']>>) {
  const config = {
    challenge: { port: 4001, siteKey, site: '', skewMs: 300_000, verifyWith: 'openpgpjs', ...challenge },
    doors: [{ name: 'ssh' }, { name: 'web' }],
    clients: [
      { kind: 'classic', name: 'old', doors: ['web'], revoked: false, passphrase: 'x' },
      { kind: 'signer', name: 'john', doors: ['ssh'], revoked: false, openpgp: [openpgp], ssh: [] },
      { kind: 'signer', name: 'jane', doors: [], revoked: true, openpgp: [], ssh: [anySsh, limitedSsh] },
    ],
  } as unknown as Config;
  const settings = challengeSettings(config);
  assert.ok(settings);
  return JSON.parse(JSON.stringify(settings)) as typeof settings;
}

test('a configuration without challenges has nothing to tell', () => {
  assert.equal(
    challengeSettings({ challenge: undefined, doors: [], clients: [] } as unknown as Config),
    undefined,
  );
});

test('signers and their keys are the same behind JSON', () => {
  assert.deepEqual(buildSigners(settingsOf({})), [
    {
      client: 'john',
      doors: ['ssh'],
      revoked: false,
      openpgp: [openpgp],
      ssh: [],
    },
    { client: 'jane', doors: [], revoked: true, openpgp: [], ssh: [anySsh, limitedSsh] },
  ]);
});

test('a site with a key is named by it, one without by its name', () => {
  const keyed = buildChallenges(settingsOf({}));
  assert.deepEqual(
    { ...keyed, siteKey: Buffer.from(keyed.siteKey) },
    { siteKey, siteLine: siteLine(siteKey, ''), skewMs: 300_000, doors: ['ssh', 'web'] },
  );
  const named = buildChallenges(settingsOf({ siteKey: undefined, site: 'gate.example' }));
  assert.deepEqual(named.siteKey, new Uint8Array(32));
  assert.equal(named.siteLine, 'site: name gate.example');
});

test('the listener is told the port and who judges', () => {
  const { port, verifyWith } = settingsOf({ verifyWith: 'gpgv' });
  assert.deepEqual({ port, verifyWith }, { port: 4001, verifyWith: 'gpgv' });
});
