/** `portknockd explain` with datagrams: what a capture shows of them, in the order of its packets, beside other knocks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config, Door } from '../../src/daemon/config.js';
import { type Explanation, explainCapture } from '../../src/daemon/explain.js';
import { composeSealed } from '../../src/methods/port-sequence/compose.js';
import { parseAddress } from '../../src/net/address.js';
import { udp } from '../../src/net/packet.js';
import { day, makeCertificate, noon, usual } from '../crypto/certificates.js';
import { captured, compose, issue, ofVersion1, siteWith } from '../methods/datagram/hearing.js';
import { ethernet, pcap, record } from '../net/capturemade.js';
import { ipv4, ipv6, syn, udpDatagram } from '../net/made.js';
import { clientKey, config as numbered, siteKey } from './numberconfig.js';

const site = siteWith();

function door(name: string, port: number, datagram: boolean): Door {
  return {
    ...{ kind: 'services', name, command: datagram ? undefined : 1, openForMs: 30_000, sequence: undefined },
    ...{ services: [{ protocol: 6, port }], singleUse: false, sequenceNumber: false, datagram },
  };
}

function configOf(
  { serverKey, authorities } = site,
  policy: 'none' | 'drop' = 'none',
  required = false,
): Config {
  return {
    ...numbered,
    sequenceNumber: undefined,
    doors: [door('web', 2000, true), door('mail', 25, false)],
    clients: numbered.clients.filter(({ kind }) => kind === 'sealed'),
    datagram: {
      ...{
        serverKey,
        serverCertificate: new Uint8Array(0),
        authorities,
        skewMs: 30_000,
        openForMs: 15_000,
        policy,
        allowOtherAddress: false,
      },
      revocation: { ...revocation, required },
    },
  };
}

const revocation = { file: undefined, url: undefined, refreshMs: 1_800_000, required: false };

interface Sent {
  readonly at: number;
  readonly ip: Buffer;
}

/** From 192.0.2.7, as made.ts writes it, or 2001:db8::7. */
function datagram(at: number, payload: Uint8Array, over: 4 | 6 = 4): Sent {
  const whole = udpDatagram(50_000, 40_000, Buffer.from(payload).toString('hex'));
  return { at, ip: over === 4 ? ipv4(udp, whole) : ipv6(udp, whole) };
}

function capture(packets: readonly Sent[]): Buffer {
  const records = packets.map(({ at, ip }) =>
    record('little', Math.floor(at / 1000), (at % 1000) * 1000, ethernet(ip)),
  );
  return pcap('little', 1, records);
}

async function explained(config: Config, bytes: Buffer) {
  const said: Explanation[] = [];
  const remarks = await explainCapture(config, bytes, undefined, each => said.push(each));
  return { said, remarks };
}

const words = ({ method, outcome, reason, flaw, door: at, service, client, serial }: Explanation) =>
  `${method} ${reason ?? outcome}${flaw === undefined ? '' : ` ${flaw}`} ${at} ${service} ${client} ${serial}`;

test('what comes of datagrams, and the remark on lists', async () => {
  const made = issue();
  const good = compose(made);
  const { said, remarks } = await explained(
    configOf(),
    capture([
      datagram(noon + 5, good),
      datagram(noon + 6, good),
      datagram(noon + 7, compose(made, { time: noon + 1000, port: 25 })),
      datagram(noon + 8, compose(made, { time: noon + 1000, port: 2001 })),
      datagram(noon + 9, compose(issue({ until: noon - day }))),
      datagram(noon + 10, Buffer.concat([good.subarray(0, -1), Uint8Array.of(good.at(-1)! ^ 1)])),
      datagram(noon + 10, compose(makeCertificate({ extensions: usual }))),
      datagram(noon + 11, Buffer.from('no datagram of ours')),
      datagram(noon + 12, good.subarray(0, good.length - 1)),
    ]),
  );
  assert.deepEqual(said.map(words), [
    'datagram opened web tcp/2000 cert:laptop 03',
    'datagram replayed web tcp/2000 undefined undefined',
    'datagram not-allowed mail tcp/25 cert:laptop 03',
    'datagram unknown-command undefined tcp/2001 cert:laptop 03',
    'datagram expired web tcp/2000 cert:laptop 03',
    'datagram bad-tag unreadable undefined undefined undefined undefined',
    'datagram unknown-client other-authority web tcp/2000 undefined undefined',
  ]);
  assert.equal(said[0]!.at, new Date(noon + 5).toISOString());
  assert.equal(said[0]!.source, '192.0.2.7');
  assert.deepEqual(remarks, ['whether certificates were revoked is not known: explain reads no list']);
});

const sealed = (time: number) =>
  composeSealed({
    ...{ siteKey, key: clientKey, clientId: 7, commandId: 1, time, basePort: 40_000, spelling: 'ordered' },
    address: parseAddress('192.0.2.7')!,
  }).map((port, index) => ({
    at: time + index,
    ip: ipv4(6, syn({ port, sourcePort: 1024 + index, sequence: time % 1_000_000 })),
  }));

test('knocks of both methods are told in the order of their packets', async () => {
  const made = issue();
  const { said } = await explained(
    configOf(),
    capture([
      ...sealed(noon),
      datagram(noon + 100, compose(made)),
      ...sealed(noon + 1000),
      datagram(noon + 1300, compose(issue(), { time: noon + 1000 })),
      datagram(noon + 1400, compose(made, { time: noon + 1000 })),
      ...sealed(noon + 2000),
    ]),
  );
  assert.deepEqual(
    said.map(({ method, outcome, at }) => [method, outcome, Date.parse(at) - noon]),
    [
      ['port-sequence', 'opened', 15],
      ['datagram', 'opened', 100],
      ['port-sequence', 'opened', 1015],
      ['datagram', 'opened', 1300],
      ['datagram', 'opened', 1400],
      ['port-sequence', 'opened', 2015],
    ],
  );
});

test('IPv6; a list that is required is not looked at; a port of no door', async () => {
  const made = issue();
  const from = { address: '2001:db8::7' };
  const bytes = capture([datagram(noon, compose(made, from), 6), datagram(noon, Buffer.from('after it'))]);
  const { said } = await explained(configOf(site, 'none', true), bytes);
  assert.deepEqual(said.map(words), ['datagram opened web tcp/2000 cert:laptop 03']);
  const doorless = { ...configOf(site, 'drop'), doors: [] };
  const { said: open } = await explained(doorless, bytes);
  assert.deepEqual(open.map(words), ['datagram opened undefined tcp/2000 cert:laptop 03']);
});

/** Addresses of the captures are not those of made.ts: what is signed is what they are refused for. */
for (const [version, { site: from, vectors }] of [
  ['1.0.0', ofVersion1],
  ['0.0.1', captured],
] as const) {
  test(`${version}: the vectors, though their certificates are younger or over by now`, async () => {
    const packets = vectors.map(({ time, payload }) => datagram(time, payload));
    const config = { ...configOf(from, 'drop'), doors: [] };
    const nat = { ...config, datagram: { ...config.datagram!, allowOtherAddress: true } };
    const sorted = packets.toSorted((a, b) => a.at - b.at);
    const { said, remarks } = await explained(nat, capture(sorted));
    const isYounger = version === '1.0.0';
    assert.equal(remarks.filter(remark => remark.includes('as of today')).length, isYounger ? 1 : 0);
    assert.ok(said.length === vectors.length && said.every(({ outcome }) => outcome === 'opened'));
    const { said: elsewhere } = await explained(config, capture(sorted));
    assert.ok(elsewhere.every(({ reason }) => reason === 'wrong-address'));
  });
}

test('nothing said of datagrams where none came, or none are configured', async () => {
  const hits = capture(sealed(noon));
  assert.deepEqual((await explained(configOf(), hits)).remarks, []);
  const without = { ...configOf(), datagram: undefined };
  const { said, remarks } = await explained(without, capture([datagram(noon, compose(issue()))]));
  assert.deepEqual([said, remarks], [[], []]);
});
