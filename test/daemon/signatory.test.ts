/** The thread that judges signatures, as it is built: what the real gpg makes of keys, by OpenPGP.js and by gpgv. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Answer, Order } from '../../src/daemon/signatory.js';
import type { Claim, Judgement, Signer } from '../../src/methods/challenge/site.js';
import { parseAddress } from '../../src/net/address.js';
import { Gnupg, type GnupgKey } from '../crypto/gnupg.js';
import { temporaryFolder } from '../e2e/harness/folder.js';
import type { Scope } from '../e2e/harness/program.js';

const gnupg = new Gnupg({ after });
const text = Buffer.from('portknock challenge 1\nsite: name test\ndoor: ssh\n');

const keys = {
  ed25519: gnupg.make('Ed <ed@example.org>', { hoursAgo: 48 }),
  rsa3072: gnupg.make('Rsa <rsa3@example.org>', { algorithm: 'rsa3072' }),
  rsa4096: gnupg.make('Rsa <rsa4@example.org>', { algorithm: 'rsa4096' }),
  p256: gnupg.make('Curve <p256@example.org>', { algorithm: 'nistp256' }),
  subkey: gnupg.make('Sub <sub@example.org>', { usage: 'cert' }),
  expired: gnupg.make('Old <old@example.org>', { hoursAgo: 48, expires: 'seconds=169200' }),
  expiredSubkey: gnupg.make('Old sub <oldsub@example.org>', { usage: 'cert', hoursAgo: 48 }),
  expiredPrimary: gnupg.make('Old head <oldhead@example.org>', {
    ...{ usage: 'cert', hoursAgo: 48, expires: 'seconds=169200' },
  }),
  revoked: gnupg.make('Gone <gone@example.org>'),
  revokedSubkey: gnupg.make('Gone sub <gonesub@example.org>', { usage: 'cert' }),
  revokedPrimary: gnupg.make('Gone head <gonehead@example.org>', { usage: 'cert' }),
  short: gnupg.make('Short <short@example.org>', { algorithm: 'rsa1024' }),
  stranger: gnupg.make('Mallory <mallory@example.org>'),
};
for (const name of ['subkey', 'revokedSubkey', 'revokedPrimary'] as const) gnupg.addSubkey(keys[name]);
gnupg.addSubkey(keys.expiredPrimary, { hoursAgo: 48 });
gnupg.addSubkey(keys.expiredSubkey, { hoursAgo: 48, expires: 'seconds=169200' });

interface Case {
  readonly name: string;
  readonly by: keyof typeof keys;
  readonly signature: Uint8Array;
  readonly expected: string;
  readonly signed?: Uint8Array;
}

function signed(
  by: keyof typeof keys,
  expected = 'good',
  options: readonly string[] = [],
  hoursAgo?: number,
): Case {
  const name = [by, ...options, ...(hoursAgo === undefined ? [] : [`${hoursAgo} h ago`])].join(' ');
  return { name, by, expected, signature: gnupg.sign(keys[by], text, options, hoursAgo) };
}

const cases: Case[] = [
  ...(['ed25519', 'rsa3072', 'rsa4096', 'p256', 'subkey'] as const).map(by => signed(by)),
  ...['SHA256', 'SHA384', 'SHA512'].map(hash => signed('rsa3072', 'good', ['--digest-algo', hash])),
  signed('rsa3072', 'weak-signature', ['--digest-algo', 'SHA1']),
  signed('rsa3072', 'weak-signature', ['--digest-algo', 'SHA224']),
  signed('short', 'weak-signature'),
  signed('expired', 'key-expired', [], 2),
  signed('expiredSubkey', 'key-expired', [], 2),
  signed('expiredPrimary', 'key-expired', [], 2),
  signed('revoked', 'key-revoked'),
  signed('revokedSubkey', 'key-revoked'),
  signed('revokedPrimary', 'key-revoked'),
  signed('ed25519', 'bad-signature', ['--default-sig-expire', 'seconds=3600'], 2),
  signed('ed25519', 'good', ['--default-sig-expire', 'seconds=36000'], 2),
  signed('ed25519', 'good', [], 22),
  signed('ed25519', 'bad-signature', [], 26),
  signed('ed25519', 'bad-signature', [], -1),
  signed('ed25519', 'malformed', ['--textmode']),
  signed('ed25519', 'malformed', ['--armor']),
  signed('ed25519', 'malformed', ['--local-user', keys.rsa3072.fingerprint]),
  signed('stranger', 'unknown-key'),
  { ...signed('ed25519'), name: 'another text', signed: Buffer.from(`${text}x`), expected: 'bad-signature' },
  { ...signed('ed25519'), name: 'no bytes', signature: new Uint8Array(0), expected: 'malformed' },
  { ...signed('ed25519'), name: 'a key', signature: gnupg.export(keys.ed25519), expected: 'malformed' },
  {
    ...signed('ed25519'),
    name: 'a clear text signature',
    signature: gnupg.run(['--local-user', keys.ed25519.fingerprint, '--clear-sign'], text),
    expected: 'malformed',
  },
  {
    ...signed('ed25519'),
    name: 'an inline signature',
    signature: gnupg.run(['--local-user', keys.ed25519.fingerprint, '--sign'], text),
    expected: 'malformed',
  },
  {
    ...signed('ed25519'),
    name: 'junk behind it',
    signature: Buffer.concat([signed('ed25519').signature, Buffer.from([0])]),
    expected: 'malformed',
  },
];
gnupg.revoke(keys.revoked);
gnupg.revoke(keys.revokedPrimary);
gnupg.revokeSubkey(keys.revokedSubkey);

function signerOf([client, key]: [string, GnupgKey]): Signer {
  const openpgp = [{ fingerprint: key.fingerprint, bytes: new Uint8Array(gnupg.export(key)) }];
  return { client, doors: ['ssh'], revoked: false, openpgp, ssh: [] };
}

const signers = Object.entries(keys)
  .filter(([name]) => name !== 'stranger')
  .map(signerOf);

/** What it says, and first that it is there. */
type Said = Answer | { readonly say: 'ready' };

class Thread {
  readonly #worker: Worker;
  readonly #answers: Said[] = [];
  #waiting: ((answer: Said) => void) | undefined;

  constructor(scope: Scope, env = process.env) {
    this.#worker = new Worker(new URL('../../src/daemon/signatory.cjs', import.meta.url), { env });
    scope.after(async () => {
      await this.#worker.terminate();
    });
    this.#worker.on('message', (answer: Said) => {
      if (this.#waiting === undefined) this.#answers.push(answer);
      else this.#waiting(answer);
      this.#waiting = undefined;
    });
  }

  say(order: Order): void {
    this.#worker.postMessage(order);
  }

  async next(): Promise<Said> {
    return this.#answers.shift() ?? (await new Promise<Said>(resolve => (this.#waiting = resolve)));
  }

  async judge(claims: readonly Claim[]): Promise<readonly Judgement[]> {
    this.say({ say: 'judge', claims });
    const answer = await this.next();
    return answer.say === 'judgements' ? answer.judgements : assert.fail(answer.say);
  }
}

function claimOf({ signature, signed: message = text }: Pick<Case, 'signature' | 'signed'>): Claim {
  const source = parseAddress('192.0.2.1') ?? assert.fail();
  const at = Date.now();
  const rest = {
    outcome: 'claim',
    door: 'ssh',
    kind: 'openpgp',
    digest: new Uint8Array(32),
    issuedAt: at,
    source,
    at,
  } as const;
  return { ...rest, signature: new Uint8Array(signature), text: new Uint8Array(message) };
}

/** Of whom nothing was shown, nothing is said. */
function wordOf(judgement: Judgement | undefined): string {
  if (judgement === undefined) return 'none';
  if (!('flaw' in judgement)) return `good ${judgement.client} ${judgement.key}`;
  const isShown = judgement.flaw.startsWith('key-');
  return isShown ? `${judgement.flaw} ${judgement.client} ${judgement.key}` : judgement.flaw;
}

function expectedOf({ by, expected }: Case): string {
  const isShown = expected === 'good' || expected.startsWith('key-');
  return isShown ? `${expected} ${by} ${keys[by].fingerprint}` : expected;
}

for (const verifyWith of ['openpgpjs', 'gpgv'] as const) {
  test(`signatures of the real gpg, judged with ${verifyWith}`, async scope => {
    const thread = new Thread(scope);
    assert.deepEqual(await thread.next(), { say: 'ready' });
    thread.say({ say: 'settings', settings: { signers, verifyWith } });
    const judgements = await thread.judge(cases.map(claimOf));
    assert.deepEqual(
      cases.map(({ name }, at) => [name, wordOf(judgements[at])]),
      cases.map(each => [each.name, expectedOf(each)]),
    );
  });
}

test('settings count from their place in the order on', async scope => {
  const thread = new Thread(scope);
  await thread.next();
  const claim = claimOf(signed('ed25519'));
  const without = signers.filter(({ client }) => client !== 'ed25519');
  thread.say({ say: 'settings', settings: { signers, verifyWith: 'gpgv' } });
  thread.say({ say: 'judge', claims: [claim] });
  thread.say({ say: 'settings', settings: { signers: without, verifyWith: 'gpgv' } });
  thread.say({ say: 'judge', claims: [claim] });
  const answers = [await thread.next(), await thread.next()];
  const words = answers.map(answer => (answer.say === 'judgements' ? answer.judgements.map(wordOf) : answer));
  assert.deepEqual(words, [[`good ed25519 ${keys.ed25519.fingerprint}`], ['unknown-key']]);
});

test('gpgv judges as soon as there is room for its keyring', async scope => {
  const folder = join(temporaryFolder(scope, 'room'), 'tmp');
  const thread = new Thread(scope, { ...process.env, TMPDIR: folder });
  await thread.next();
  const claim = claimOf(signed('ed25519'));
  thread.say({ say: 'settings', settings: { signers, verifyWith: 'gpgv' } });
  assert.deepEqual((await thread.judge([claim])).map(wordOf), ['not-judged']);
  mkdirSync(folder);
  const expected = `good ed25519 ${keys.ed25519.fingerprint}`;
  assert.deepEqual((await thread.judge([claim])).map(wordOf), [expected]);
});
