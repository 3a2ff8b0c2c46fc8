/** Whose a signature of SSH is, and what the line of its key demands of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sshFingerprintHex } from '../../../src/crypto/sshkey.js';
import { readSshSignature } from '../../../src/crypto/sshsignature.js';
import { readAuthorizedKeys } from '../../../src/methods/challenge/authorized.js';
import { Signers } from '../../../src/methods/challenge/judge.js';
import type { Judgement, Signer } from '../../../src/methods/challenge/site.js';
import { parseAddress } from '../../../src/net/address.js';
import { Authenticator, touched, touchedAndVerified } from '../../crypto/sshmade.js';

const text = Buffer.from('portknock challenge 1\nsite: name test\n');
const source = parseAddress('192.0.2.1') ?? assert.fail();
const at = Date.UTC(2026, 10, 21);
const [ed25519, ecdsa] = [new Authenticator('ed25519'), new Authenticator('ecdsa')];

function signer(client: string, lines: readonly string[]): Signer {
  const { keys, odd } = readAuthorizedKeys(lines.join('\n'));
  assert.deepEqual(odd, []);
  return { client, doors: ['ssh'], revoked: false, openpgp: [], ssh: keys };
}

async function judge(signers: readonly Signer[], signature: Uint8Array, message = text): Promise<Judgement> {
  return await new Signers(signers).judge({
    ...{ door: 'ssh', kind: 'ssh', text: message, signature, source, at },
  });
}

function wordOf(judgement: Judgement): string {
  return 'flaw' in judgement ? `${judgement.flaw} ${judgement.client}` : judgement.client;
}

const cases: readonly [lines: readonly string[], flags: number, expected: string][] = [
  [[''], touched, 'john'],
  [[''], 0, 'not-touched john'],
  [['no-touch-required '], 0, 'john'],
  [['verify-required '], touched, 'not-verified john'],
  [['verify-required '], touchedAndVerified, 'john'],
  [['from="192.0.2.0/24" '], touched, 'john'],
  [['from="198.51.100.0/24" '], touched, 'other-source john'],
  [['expiry-time="20261121Z" '], touched, 'key-expired john'],
  [['expiry-time="20261122Z" '], touched, 'john'],
  [['from="198.51.100.1" ', 'from="192.0.2.1" '], touched, 'john'],
  [['from="198.51.100.1" ', 'expiry-time="20200101Z" '], touched, 'other-source john'],
];

test('what the line of a key demands', async () => {
  for (const authenticator of [ed25519, ecdsa]) {
    for (const [lines, flags, expected] of cases) {
      const john = signer(
        'john',
        lines.map(options => options + authenticator.line),
      );
      assert.equal(wordOf(await judge([john], authenticator.sign(text, flags))), expected, lines.join());
    }
  }
});

test('whose a key is, and how it is named', async () => {
  const signers = [signer('john', [ed25519.line]), signer('jane', [ecdsa.line])];
  const key = sshFingerprintHex(ecdsa.publicKey).slice(0, 40);
  assert.deepEqual(await judge(signers, ecdsa.sign(text)), { client: 'jane', key });
  assert.equal(wordOf(await judge([signers[0]!], ecdsa.sign(text))), 'unknown-key undefined');
  assert.equal(wordOf(await judge([], ecdsa.sign(text))), 'unknown-key undefined');
  assert.equal(wordOf(await judge(signers, ecdsa.sign(text), Buffer.from('x'))), 'bad-signature undefined');
  assert.equal(wordOf(await judge(signers, Buffer.from('SSHSIG'))), 'malformed undefined');
});

test('a signature for another use is none of ours', async () => {
  const signature = Buffer.from(ed25519.sign(text));
  const at = signature.indexOf('portknock');
  signature.write('portknack', at);
  assert.equal(readSshSignature(signature)?.namespace, 'portknack');
  assert.equal(wordOf(await judge([signer('john', [ed25519.line])], signature)), 'malformed undefined');
});

test('whoever has a key of somebody else in his own file takes no door from him', async () => {
  const [line, far] = [ed25519.line, `from="198.51.100.1" ${ed25519.line}`];
  const mallory = { ...signer('mallory', [line]), doors: ['web'] };
  const john = signer('john', [line]);
  const cases: readonly [signers: readonly Signer[], expected: string][] = [
    [[mallory, john], 'john'],
    [[john, mallory], 'john'],
    [[mallory], 'mallory'],
    [[{ ...mallory, doors: ['ssh'], revoked: true }, john], 'john'],
    [[{ ...signer('mallory', [far]) }, john], 'john'],
    [[mallory, signer('john', [far])], 'mallory'],
    [[{ ...mallory, ssh: signer('', [far]).ssh }, signer('john', [far])], 'other-source john'],
  ];
  for (const [signers, expected] of cases)
    assert.equal(wordOf(await judge(signers, ed25519.sign(text))), expected, expected);
});
