/** What is said of hellos and responses that were refused, and of keys: for whoever reads the log at night. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { constants } from 'node:os';
import { test } from 'node:test';
import { describeUnsent, explainChallenge } from '../../src/daemon/challengewording.js';
import { decodeFrame, encodeFrame } from '../../src/daemon/frames.js';
import { keyName } from '../../src/daemon/keynames.js';
import { Teller } from '../../src/daemon/told.js';
import { detailOf, flaws } from '../../src/methods/challenge/flaws.js';
import type { SshKey } from '../../src/methods/challenge/site.js';
import { type Reason, reasons } from '../../src/methods/knock.js';
import { parseAddress } from '../../src/net/address.js';
import { configOf } from './certifiedbench.js';
import { Logbook } from './logbook.js';

const source = parseAddress('192.0.2.7')!;
const blob = Buffer.from('0000000b7373682d6564323535313900000020'.padEnd(38 + 64, '7'), 'hex');
const sshPart = createHash('sha256').update(blob).digest('hex').slice(0, 40);
const part = '4f03'.repeat(10);

function told(reason: Reason, fields: Parameters<typeof encodeFrame>[1] = {}, key = '') {
  const book = new Logbook();
  const teller = new Teller(book.log);
  const frame = encodeFrame('challenge-refused', {
    code: reasons.indexOf(reason),
    source,
    value: 5,
    ...fields,
  });
  teller.tell(decodeFrame(frame)!, key);
  return { line: book.lines[0]!, entry: book.entries[0]!, history: teller.history.list() };
}

test('every flaw has words of its own that say what to do', () => {
  const words: Partial<Record<string, Reason>> = {
    'unknown-key': 'unknown-client',
    'key-expired': 'expired',
    'key-revoked': 'revoked',
  };
  const texts = flaws.map(flaw => explainChallenge(words[flaw] ?? 'bad-tag', detailOf(flaw)));
  assert.equal(new Set(texts).size, flaws.length);
  for (const text of texts) assert.match(text, /^: .{20}/);
});

test('so has every word that a hello or a response can be refused with', () => {
  const possible = [
    ...(['unknown-client', 'unknown-command', 'not-allowed', 'revoked', 'replayed'] as const),
    ...(['wrong-address', 'not-recorded', 'stale', 'timed-out'] as const),
  ];
  const texts = possible.map(reason => explainChallenge(reason, 0));
  assert.equal(new Set(texts).size, possible.length);
  for (const text of texts) assert.match(text, /^: .{15}/);
});

test('how far a clock is off, and how late a response was', () => {
  assert.match(explainChallenge('stale', 600_000), /^: its clock is 10m behind ours/);
  assert.match(explainChallenge('stale', -600_000), /^: its clock is 10m ahead of ours/);
  assert.match(explainChallenge('timed-out', 4000), /^: it came 4s too late: .* within 30s/);
  assert.match(explainChallenge('timed-out', -4000), /^: our clock was set back/);
});

test('a refusal names who sent it, with which key, for what', () => {
  const { line, entry, history } = told(
    'bad-tag',
    { door: 'ssh', client: 'john', serial: part, detail: detailOf('not-touched') },
    'OpenPGP 4F03',
  );
  assert.match(line, /^refused: bad-tag: john \(OpenPGP 4F03\) from 192\.0\.2\.7 for ssh: its hardware key/);
  assert.deepEqual([entry['serial'], entry['client'], entry['door']], [part, 'john', 'ssh']);
  assert.equal(history[0]?.outcome, 'bad-tag');
  assert.match(told('replayed').line, /^refused: replayed: somebody from 192\.0\.2\.7: it was heard before/);
});

test('a key is called as gpg and ssh-keygen call it', () => {
  const fingerprint = '4f03'.repeat(10);
  const ssh: SshKey = {
    ...{ blob, from: undefined, expiresAt: undefined },
    ...{ touchRequired: true, verifyRequired: false },
  };
  const john = { kind: 'signer', name: 'john', doors: [], revoked: false } as const;
  const clients = [{ ...john, openpgp: [{ fingerprint, bytes: blob }], ssh: [ssh] }];
  const config = { ...configOf([]), clients };
  assert.equal(keyName(config, fingerprint), `OpenPGP ${fingerprint.toUpperCase()}`);
  assert.match(keyName(config, sshPart), /^ssh-ed25519 SHA256:[\w+/]{43}$/);
  assert.equal(keyName(config, 'ab'.repeat(20)), `key ${'ab'.repeat(20)}`);
  assert.equal(keyName(config, ''), '');
});

test('why a challenge could not be sent', () => {
  assert.match(describeUnsent(constants.errno.EPERM), /EPERM: a rule for what goes out .* IPAddressDeny=/);
  assert.match(describeUnsent(constants.errno.ENOBUFS), /could not be sent: ENOBUFS$/);
  assert.match(describeUnsent(0), /could not be sent: errno 0$/);
});
