/** What is made of gpgv where it does not do what it should: it is missing, hangs, floods, or says too much or too little. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findGpgv, Gpgv } from '../../src/daemon/gpgv.js';
import type { Judgement } from '../../src/methods/challenge/site.js';
import { temporaryFolder } from '../e2e/harness/folder.js';

const folder = temporaryFolder({ after }, 'gpgv');
const maker = 'A'.repeat(40);
const primary = 'b'.repeat(40);
const signers = [
  {
    ...{ client: 'john', doors: ['ssh'], revoked: false, ssh: [] },
    openpgp: [{ fingerprint: primary, bytes: Uint8Array.of(0x99, 0, 0) }],
  },
];
const at = Date.now();
/** A packet of the right form. */
const signature = Uint8Array.of(0xc2, 1, 4);

/** A program that does this in the place of gpgv. */
function program(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

async function judge(path: string, patienceMs = 20_000): Promise<Judgement> {
  const gpgv = new Gpgv(path, signers, ['c'.repeat(40)], patienceMs);
  try {
    return await gpgv.judge({ text: Buffer.from('text'), signature, at });
  } finally {
    gpgv.close();
  }
}

function flawOf(judgement: Judgement): string {
  return 'flaw' in judgement ? judgement.flaw : 'good';
}

const seconds = Math.floor(at / 1000);
const valid = (time = seconds, hash = 8, type = '00', key = primary, part = maker) =>
  `VALIDSIG ${part} 2026-01-01 ${time} 0 4 0 22 ${hash} ${type} ${key.toUpperCase()}`;
const good = 'GOODSIG AAAAAAAAAAAAAAAA John';

const statuses: readonly [expected: string, lines: readonly string[]][] = [
  ['good', ['NEWSIG', good, valid()]],
  ['good', ['NEWSIG', 'KEYEXPIRED 1', good, valid()]],
  ['unknown-key', ['NEWSIG', good, valid(seconds, 8, '00', 'd'.repeat(40))]],
  ['unknown-key', ['NEWSIG', `ERRSIG AAAAAAAAAAAAAAAA 22 8 00 ${seconds} 9 ${maker}`]],
  ['weak-signature', ['NEWSIG', `ERRSIG AAAAAAAAAAAAAAAA 22 1 00 ${seconds} 5 ${maker}`]],
  ['weak-signature', ['NEWSIG', good, valid(seconds, 2)]],
  ['weak-signature', ['NEWSIG', good, valid(seconds, 8, '00', primary, 'c'.repeat(40))]],
  ['malformed', ['NEWSIG', good, valid(seconds, 8, '01')]],
  ['bad-signature', ['NEWSIG', 'BADSIG AAAAAAAAAAAAAAAA John']],
  ['bad-signature', ['NEWSIG', 'EXPSIG AAAAAAAAAAAAAAAA John', valid()]],
  ['key-expired', ['NEWSIG', 'EXPKEYSIG AAAAAAAAAAAAAAAA John', valid()]],
  ['key-revoked', ['NEWSIG', 'REVKEYSIG AAAAAAAAAAAAAAAA John', valid()]],
  ['bad-signature', ['NEWSIG', good, valid(seconds + 120)]],
  ['bad-signature', ['NEWSIG', good, valid(seconds - 90_000)]],
  ['malformed', ['NEWSIG', good, 'NEWSIG', good, valid()]],
  ['malformed', ['NEWSIG', good, 'BADSIG AAAAAAAAAAAAAAAA John', valid()]],
  ['not-judged', ['NEWSIG', good, valid(), valid()]],
  ['not-judged', ['NEWSIG', good]],
  ['not-judged', ['NEWSIG', good, 'VALIDSIG short']],
  ['not-judged', ['NEWSIG']],
  ['not-judged', ['NEWSIG', valid()]],
  ['not-judged', ['FAILURE gpg-exit 33554433']],
  ['malformed', ['NODATA 4']],
];

test('what each status means', async () => {
  for (const [expected, lines] of statuses) {
    writeFileSync(join(folder, 'status'), lines.map(line => `[GNUPG:] ${line}\n`).join(''));
    const path = program('says', `exec cat ${join(folder, 'status')}`);
    assert.equal(flawOf(await judge(path)), expected, lines.join(' | '));
  }
});

test('what is not a line of status means nothing', async () => {
  const lines = ['NEWSIG', good, valid()].map(line => `gpgv: [GNUPG:] ${line}`).join('\n');
  writeFileSync(join(folder, 'status'), lines);
  assert.equal(flawOf(await judge(program('talks', `exec cat ${join(folder, 'status')}`))), 'not-judged');
});

test('one that is missing, hangs, floods or dies', async () => {
  assert.equal(flawOf(await judge(join(folder, 'missing'))), 'not-judged');
  assert.equal(flawOf(await judge(program('hangs', 'exec sleep 60'), 100)), 'not-judged');
  assert.equal(flawOf(await judge(program('floods', 'exec yes "[GNUPG:] NEWSIG"'))), 'not-judged');
  assert.equal(flawOf(await judge(program('dies', 'kill -SEGV $$'))), 'not-judged');
  assert.equal(flawOf(await judge(program('silent', 'exit 2'))), 'not-judged');
});

test('it is given nothing of ours, and the keyring leaves nothing behind', async scope => {
  const own = temporaryFolder(scope, 'keyring');
  const usual = process.env['TMPDIR'];
  process.env['TMPDIR'] = own;
  const out = join(folder, 'seen');
  const script = `{ env; cat /dev/fd/4 | od -An -tx1; cat <&3 | od -An -tx1; cat; } >${out}`;
  process.env['SECRET_OF_OURS'] = 'secret';
  await judge(program('looks', script));
  if (usual === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = usual;
  const seen = readFileSync(out, 'utf8');
  assert.doesNotMatch(seen, /secret/i);
  for (const part of [/99 00 00/, /c2 01 04/, /text/]) assert.match(seen, part);
  assert.deepEqual(readdirSync(own), []);
});

test('the real one is found', () => {
  const path = findGpgv();
  assert(path !== undefined && existsSync(path));
});
