/** Lists as they are made: their numbers, their dates and the serial numbers in them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeAuthority, newKey, type Signer } from '../../../src/client/ca/certificate.js';
import { makeList, readList } from '../../../src/client/ca/revocation.js';
import { readRevokedIn } from './accepted.js';
import { Authority, noOpenssl } from './authority.js';

const now = Date.UTC(2026, 10, 21, 12);

async function signer(): Promise<Signer> {
  const key = newKey();
  const wish = { kind: 'authority', name: 'A', days: 36_500, rights: [] } as const;
  return { key, certificate: await makeAuthority(wish, key, now) };
}

test('numbers grow, whatever the clock says', async () => {
  const by = await signer();
  const days = 30;
  for (const [before, at, number] of [
    [undefined, now, now],
    [{ number: 7, from: 0 }, now, now],
    [{ number: now, from: 0 }, now, now + 1],
    [{ number: 5_000_000_000_000, from: 0 }, now, 5_000_000_000_001],
    [{ number: now, from: now }, now - 86_400_000, now + 1],
  ] as const) {
    const { pem, isOlder } = await makeList([], { before, days, now: at }, by);
    assert.equal(readList(pem)?.number, number);
    assert.equal(isOlder, at < now);
  }
});

test('serial numbers and dates as openssl reads them', { skip: noOpenssl }, async () => {
  const by = await signer();
  const serials = ['01', '7f', '80', 'ff00', '4f03'];
  const revoked = serials.map(serial => ({ serial, at: serial === '01' ? 0 : now }));
  const { pem } = await makeList(revoked, { before: undefined, days: 10_000, now }, by);
  const text = execFileSync('openssl', ['crl', '-noout', '-text'], { input: pem, encoding: 'utf8' });
  const read = [...text.matchAll(/Serial Number: (\w+)/g)].map(([, serial]) => serial!.toLowerCase());
  assert.deepEqual(read, serials);
  assert.match(text, /Last Update: Nov 21 11:55:00 2026 GMT/);
  assert.match(text, /Next Update: Apr +8 12:00:00 2054 GMT/);
  assert.match(text, /Revocation Date: Jan +1 00:00:00 1970 GMT/);
  assert.match(text, /Revocation Date: Nov 21 11:55:00 2026 GMT/);
});

test('revocations by hand count however the number is written, or are refused', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  for (const name of ['a', 'b', 'c']) await ca.do(`issue ${name} --right tcp/1`);
  const serials = (await ca.list()).map(({ serial }) => serial);
  const [a, b, c] = [serials[0]!.toUpperCase(), serials[1]!.replace(/..(?=.)/g, '$&:'), `00${serials[2]!}`];
  mkdirSync(`${ca.path}/revoked`);
  for (const name of [a, b, c, serials[2]!, '.swp', '3']) writeFileSync(`${ca.path}/revoked/${name}`, '');
  await ca.do('crl');
  assert.deepEqual(
    new Set(await readRevokedIn(ca.read('crl.pem'), [ca.read('ca.pem')])),
    new Set([...serials, '03']),
  );
  assert.deepEqual(new Set((await ca.list()).map(({ state }) => state)), new Set(['revoked']));
  writeFileSync(`${ca.path}/revoked/laptop`, '');
  const { status, stderr } = await ca.run('crl');
  assert.equal(status, 1);
  assert.match(stderr, /revoked\/laptop: its name is no serial number\n.*in hexadecimal/);
});

test('a certificate whose record was lost is revoked by hand', { skip: noOpenssl }, async t => {
  const ca = new Authority(t);
  await ca.do('init');
  for (const name of ['a', 'b']) await ca.do(`issue ${name} --right tcp/1`);
  const [{ serial } = assert.fail()] = await ca.list();
  const record = await ca.record('a');
  writeFileSync(record, 'damaged');
  const { status, stderr } = await ca.run('list');
  assert.equal(status, 1);
  assert.match(
    stderr,
    new RegExp(`not a certificate\\n.*make a file revoked/${serial} and run: portknock ca crl`),
  );
  rmSync(record);
  await ca.do('revoke b');
  writeFileSync(`${ca.path}/revoked/${serial}`, '');
  await ca.do('crl');
  const text = ca.openssl('crl -in crl.pem -noout -text');
  assert.match(text, new RegExp(`Serial Number: ${serial}`, 'i'));
  assert.equal(text.match(/Serial Number/g)?.length, 2);
});
