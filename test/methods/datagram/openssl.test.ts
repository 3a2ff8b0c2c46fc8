/** Certificates that openssl has made (test/vectors/openssl-certificates.json), in datagrams of ours. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Authorities } from '../../../src/crypto/chain.js';
import { Datagram } from '../../../src/methods/datagram/recognise.js';
import { rightsOf } from '../../../src/methods/datagram/rights.js';
import { compose, packetOf, said, siteWith } from './hearing.js';

const url = new URL('../../../../test/vectors/openssl-certificates.json', import.meta.url);
const file = JSON.parse(readFileSync(url, 'utf8')) as {
  readonly client_key_pkcs8_pem: string;
  readonly authorities: Readonly<Record<string, string>>;
  readonly certificates: readonly Record<'name' | 'issuer' | 'expect' | 'serial' | 'der', string>[];
};
/** When they are in date, those of them that are. */
const at = Date.UTC(2027, 0);
const key = createPrivateKey(file.client_key_pkcs8_pem);
const authorities = Object.values(file.authorities).map(der => Buffer.from(der, 'hex'));

for (const { name, issuer, expect, serial, der } of file.certificates) {
  test(`${name}, of ${issuer}: ${expect}`, async () => {
    const certificate = Buffer.from(der, 'hex');
    const method = new Datagram(siteWith({ authorities }), () => false);
    const verdict = await method.recognise(
      packetOf(compose({ certificate, key }, { time: at }), undefined, at),
    );
    assert.equal(said(verdict), expect);
    assert.deepEqual([verdict?.client, verdict?.serial], [name, serial]);
    const others = Object.entries(file.authorities).filter(([other]) => other !== issuer);
    const without = siteWith({ authorities: others.map(([, other]) => Buffer.from(other, 'hex')) });
    const stranger = new Datagram(without, () => false);
    const word = said(
      await stranger.recognise(packetOf(compose({ certificate, key }, { time: at }), undefined, at)),
    );
    assert.equal(word, 'unknown-client other-authority');
  });
}

test('rights as openssl writes them', async () => {
  const all = new Authorities(authorities);
  const rights = async (wanted: string) => {
    const { der } = file.certificates.find(({ name }) => name === wanted)!;
    return rightsOf((await all.judge(Buffer.from(der, 'hex'))).certificate!);
  };
  assert.equal((await rights('client')).length, 3);
  assert.equal((await rights('mail')).length, 1);
  assert.deepEqual(
    (await rights('own')).map(right => right.kind),
    ['ports', 'door'],
  );
});
