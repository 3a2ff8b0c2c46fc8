/** What the client refuses to send is what the server refuses to hear, and nothing else. */
import assert from 'node:assert/strict';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import { flawsOf, readCredentials } from '../../src/client/credentials.js';
import { datagram } from '../../src/client/datagram.js';
import { composeDatagram } from '../../src/methods/datagram/compose.js';
import { Datagram } from '../../src/methods/datagram/recognise.js';
import { parseAddress } from '../../src/net/address.js';
import { newPacket, type Packet, tcp, udp } from '../../src/net/packet.js';
import { authority, client, Openssl, type Subject, server } from '../system/openssl.js';

const openssl = new Openssl({ after });
openssl.certificate('ca', authority);
openssl.certificate('server', server);
const der = (name: string) => new X509Certificate(openssl.read(name)).raw;
const [usage, signing] = ['extendedKeyUsage=clientAuth', 'keyUsage=digitalSignature'];

const recogniser = new Datagram(
  {
    serverKey: createPrivateKey(openssl.read('server.key')).export({ type: 'pkcs8', format: 'der' }),
    authorities: [der('ca.pem')],
    ...{ skewMs: 7000, allowOtherAddress: false, listRequired: false, listAwaited: false, lists: [] },
    doors: [{ name: 'web', services: [{ protocol: tcp, port: 2000 }], isOpen: true }],
    anyPort: true,
  },
  () => false,
);

function packetOf(payload: Uint8Array, at: number): Packet {
  return { ...newPacket(), at, protocol: udp, port: 20000, source: parseAddress('127.0.0.1')!, payload };
}

const certificates: readonly [name: string, isGood: boolean, subject: Subject, service?: string][] = [
  ['as sKnock makes them', true, client],
  ['UDP', true, client, 'udp/8000'],
  ['another port', false, client, 'tcp/2001'],
  ['a range', true, { ...client, ownRights: ['tcp/3000-3010'] }, 'tcp/3010'],
  ['past a range', false, { ...client, ownRights: ['tcp/3000-3010'] }, 'tcp/3011'],
  ['by the name of its door', true, { ...client, rights: '1.80', ownRights: ['door/web'] }],
  ['one right of several malformed', false, { ...client, rights: '1.2000,2.80' }],
  ['one own right malformed', false, { ...client, rights: '1.80', ownRights: ['tcp/2000', 'tcp/x'] }],
  ['no right', false, { by: 'ca', extensions: [usage, signing] }],
  ['expired', false, { ...client, dates: ['20200101000000Z', '20210101000000Z'] }],
  ['not yet valid', false, { ...client, dates: ['20400101000000Z', '20410101000000Z'] }],
  ['no usage said', true, { ...client, extensions: [] }],
  ['for servers', false, { ...client, extensions: ['extendedKeyUsage=serverAuth'] }],
  ['for both', true, { ...client, extensions: ['extendedKeyUsage=serverAuth,clientAuth'] }],
  ['for anything', true, { ...client, extensions: ['extendedKeyUsage=2.5.29.37.0'] }],
  ['not for signing', false, { ...client, extensions: ['keyUsage=keyAgreement', usage] }],
  ['an authority', false, { ...client, extensions: ['basicConstraints=CA:TRUE', usage] }],
  ['something critical', false, { ...client, extensions: [usage, '1.2.3.4=critical,ASN1:NULL'] }],
];

for (const [name, isGood, subject, service = 'tcp/2000'] of certificates) {
  test(`${isGood ? 'sent' : 'refused'}: ${name}`, async () => {
    openssl.certificate('client', subject);
    const key = openssl.read('client.key').toString();
    const sources = { certificate: der('client.pem'), key, serverCertificate: der('server.pem') };
    const credentials = readCredentials(sources);
    const now = Date.now();
    const fatal = flawsOf(credentials, [service], now).filter(({ isFatal }) => isFatal);
    assert.equal(fatal.length === 0, isGood, fatal.map(({ message }) => message).join());
    const [protocol, port] = service.split('/');
    const payload = composeDatagram({
      service: { protocol: protocol === 'tcp' ? tcp : udp, port: Number(port) },
      address: parseAddress('127.0.0.1')!,
      ...{ serverKey: credentials.serverKey, key: credentials.key, certificate: sources.certificate },
      ...{ time: Math.floor(now / 1000), ephemeral: randomBytes(32) },
    });
    const verdict = await recogniser.recognise(packetOf(payload, now));
    assert.equal(verdict?.outcome, isGood ? 'knock' : 'refused', JSON.stringify(verdict));
  });
}

test('what the client makes is a knock', async () => {
  openssl.certificate('client', client);
  const [certificate, key] = ['client.pem', 'client.key'].map(name => openssl.read(name).toString());
  const services = ['tcp/2000', 'udp/8000'];
  const identity = { certificate: certificate!, key: key!, serverCertificate: openssl.read('server.pem') };
  const composer = datagram({ method: 'datagram', services, ...identity });
  const [knock] = await composer.compose([{ family: 4, address: '127.0.0.1' }], assert.fail);
  const verdicts = knock!.hits.map(({ payload }) => recogniser.recognise(packetOf(payload!, Date.now())));
  const heard = (await Promise.all(verdicts)).map(verdict => verdict?.outcome === 'knock' && verdict.door);
  assert.deepEqual(heard, ['web', 'udp/8000']);
});
