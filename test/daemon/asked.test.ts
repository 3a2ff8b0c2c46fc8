/** What the monitor makes of word of a datagram: it opens what the configuration allows, one service, and says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  certificateHolder,
  findAsked,
  findNamed,
  isCertificateHolder,
  mayStayOpen,
} from '../../src/daemon/asked.js';
import { openAsked } from '../../src/daemon/certified.js';
import type { Config, ServiceDoor } from '../../src/daemon/config.js';
import { decodeFrame, encodeFrame, type Frame, packService, troubles } from '../../src/daemon/frames.js';
import type { Guard } from '../../src/daemon/guard.js';
import { Talk } from '../../src/daemon/talk.js';
import { Teller } from '../../src/daemon/told.js';
import { explain, explainDatagram } from '../../src/daemon/wording.js';
import { detailOf, flaws } from '../../src/methods/datagram/flaws.js';
import { type Reason, reasons } from '../../src/methods/knock.js';
import { parseAddress } from '../../src/net/address.js';
import { tcp, udp } from '../../src/net/packet.js';
import { configOf, door } from './certifiedbench.js';
import { Logbook } from './logbook.js';

const source = parseAddress('192.0.2.7')!;
const web = door('web', [80, 443], { singleUse: true });
const shut = door('shut', [22, 443], { datagram: false });
const config = configOf([web, shut]);
const open = configOf([web, shut], { policy: 'reject' });

type Fields = Partial<Omit<Frame, 'kind'>>;

async function heard(fields: Fields, { under = config, failure = '', address = source } = {}) {
  const book = new Logbook();
  const teller = new Teller(book.log);
  const opened: [ServiceDoor, Uint8Array, string][] = [];
  const guard = {
    open: (...opening: [ServiceDoor, Uint8Array, string]) => {
      if (failure !== '') throw new Error(failure);
      opened.push(opening);
    },
  } as unknown as Guard;
  const common = { value: 5, source: address, client: 'laptop', serial: '4f03' };
  const frame = decodeFrame(encodeFrame('datagram', { ...common, ...fields }))!;
  await openAsked(frame, under, guard, teller);
  return { lines: book.lines, entries: book.entries, opened, history: teller.history.list() };
}

const service = (port: number, protocol = tcp) => ({ detail: packService({ protocol, port }) });

test('the one service that was asked for is opened, as a datagram opens and as its door does', async () => {
  const { lines, entries, opened, history } = await heard(service(443));
  assert.deepEqual(lines, [
    'opened tcp/443 (door web) for cert:laptop (serial 4f03) from 192.0.2.7, for 15s',
  ]);
  const [[asked, from, client]] = opened as [[ServiceDoor, Uint8Array, string]];
  assert.deepEqual(
    [asked.name, asked.services, asked.openForMs, asked.singleUse],
    ['web', [{ protocol: tcp, port: 443 }], 15_000, true],
  );
  assert.deepEqual([from, client], [source, 'cert:laptop']);
  assert.deepEqual(history, [
    { at: 5, source: '192.0.2.7', door: 'web', client: 'cert:laptop', outcome: 'opened' },
  ]);
  assert.deepEqual([entries[0]?.['serial'], entries[0]?.['event']], ['4f03', 'knock']);
});

test('a service of no door is opened where there is a policy', async () => {
  const { lines, opened } = await heard(service(53, udp), { under: open });
  assert.deepEqual(lines, ['opened udp/53 for cert:laptop (serial 4f03) from 192.0.2.7, for 15s']);
  assert.deepEqual([opened[0]?.[0].name, opened[0]?.[0].singleUse], ['udp/53', false]);
});

const forbidden: readonly [string, Fields, Config, Reason][] = [
  ['a door that takes no datagrams', service(22), config, 'not-allowed'],
  ['the same, whatever the policy', service(22), open, 'not-allowed'],
  ['a service of no door', service(8080), config, 'unknown-command'],
  ['another protocol', service(80, udp), config, 'unknown-command'],
  ['no service', { detail: 0 }, open, 'unknown-command'],
  ['no port', { detail: tcp * 65_536 }, open, 'unknown-command'],
  ['no protocol of ours', { detail: packService({ protocol: 1, port: 80 }) }, open, 'unknown-command'],
  ['no [datagram]', service(80), { ...config, datagram: undefined }, 'not-allowed'],
];

for (const [what, fields, under, outcome] of forbidden) {
  test(`what the listener must not say: ${what}`, async () => {
    const { lines, opened, history } = await heard(fields, { under });
    assert.deepEqual(opened, []);
    assert.match(
      lines[0]!,
      new RegExp(`^refused: ${outcome}: cert:laptop \\(serial 4f03\\) from 192\\.0\\.2\\.7`),
    );
    assert.equal(history[0]?.outcome, outcome);
  });
}

test('what could not be opened is said as such', async () => {
  const failed = await heard(service(80), { failure: 'the kernel refuses' });
  assert.deepEqual(failed.lines, [
    'cannot open tcp/80 (door web) for cert:laptop (serial 4f03) from 192.0.2.7: the kernel refuses',
  ]);
  assert.equal(failed.history[0]?.outcome, 'failed');
  const group = await heard(service(80), { address: parseAddress('224.0.0.1')! });
  assert.match(group.lines[0]!, /^cannot open .*: its source is no host$/);
  assert.deepEqual(group.opened, []);
});

test('what was opened may stay for as long as it could be opened again', () => {
  assert.ok(mayStayOpen(config, 'web'));
  for (const name of ['shut', 'gone', 'tcp/8080']) assert.ok(!mayStayOpen(config, name), name);
  assert.ok(mayStayOpen(open, 'tcp/8080'));
  assert.ok(!mayStayOpen(open, 'tcp/22'));
  for (const name of ['web', 'tcp/80']) assert.ok(!mayStayOpen({ ...open, datagram: undefined }, name));
  assert.equal(typeof findAsked(config, { protocol: tcp, port: 443 }), 'object');
});

test('a door is found by its name, and a service of no door by its own where a datagram may open it', () => {
  assert.equal(findNamed(config, 'web'), web);
  assert.equal(findNamed(open, 'tcp/8080')?.name, 'tcp/8080');
  for (const name of ['gone', 'tcp/8080', 'tcp/80', 'tcp/22'])
    assert.equal(findNamed(config, name), undefined);
  for (const name of ['tcp/80', 'tcp/22', 'tcp/08080', 'tcp/0', 'tcp/']) {
    assert.equal(findNamed(open, name), undefined, name);
  }
});

test('the holder of a certificate is no client of the configuration', () => {
  assert.ok(isCertificateHolder(certificateHolder('laptop')));
  assert.ok(!isCertificateHolder('laptop'));
  assert.ok(!isCertificateHolder('cert-laptop'));
});

function told(reason: Reason, fields: Fields) {
  const book = new Logbook();
  const teller = new Teller(book.log);
  const frame = encodeFrame('datagram-refused', {
    code: reasons.indexOf(reason),
    value: 5,
    source,
    ...fields,
  });
  teller.tell(decodeFrame(frame)!);
  return { lines: book.lines, history: teller.history.list() };
}

test('a refusal names whom and what it can', () => {
  const named = { client: 'laptop', serial: '4f03' };
  const byDoor = told('expired', { ...named, door: 'web' });
  assert.match(
    byDoor.lines[0]!,
    /^refused: expired: cert:laptop \(serial 4f03\) from 192\.0\.2\.7 for web: its/,
  );
  const byService = told('unknown-command', { ...named, ...service(2000) });
  assert.match(byService.lines[0]!, / from 192\.0\.2\.7 for tcp\/2000: no door has this service/);
  assert.equal(byService.history[0]?.door, 'tcp/2000');
  const stale = told('stale', { detail: tcp * 65_536 + 22 });
  assert.match(stale.lines[0]!, /^refused: stale: somebody from 192\.0\.2\.7: its clock is 7m behind/);
  assert.deepEqual(stale.history[0], {
    at: 5,
    source: '192.0.2.7',
    door: undefined,
    client: undefined,
    outcome: 'stale',
  });
});

test('every word and every flaw that a datagram can be refused with says what to do', () => {
  const possible: readonly Reason[] = [
    ...(['not-allowed', 'unknown-command', 'revoked', 'stale', 'replayed', 'wrong-address'] as const),
    ...(['not-recorded', 'expired', 'crl-out-of-date'] as const),
  ];
  for (const reason of possible) assert.match(told(reason, {}).lines[0]!, /192\.0\.2\.7: ./, reason);
  const texts = flaws.map(flaw => {
    const reason = flaw === 'unreadable' || flaw === 'bad-signature' ? 'bad-tag' : 'unknown-client';
    return explainDatagram(reason, detailOf(flaw));
  });
  assert.equal(new Set(texts).size, flaws.length);
  for (const text of texts) assert.match(text, /^: .{20}/);
});

test('what other methods say of the same words stays as it was', () => {
  assert.equal(explain('bad-tag', 0), ': a wrong key, or an address that NAT has changed');
  assert.match(explain('wrong-address', 0), /address = "optional"/);
  assert.match(explain('not-recorded', 0), /ledger/);
});

test('what is amiss in the listener is said, as much of it as a sound one has to say', () => {
  const book = new Logbook();
  const teller = new Teller(book.log);
  const talk = new Talk();
  for (const code of troubles.keys()) {
    teller.tell(decodeFrame(encodeFrame('trouble', { code, value: 2 }))!);
  }
  assert.deepEqual(
    book.errors.map(line => line.slice(0, 42)),
    [
      'the thread that verifies datagrams did not',
      'the thread that verifies datagrams has end',
      'the lists of revoked certificates that wer',
      'the file "datagrams" is damaged in 2 place',
      'the thread that judges signatures did not ',
      'the thread that judges signatures has ende',
      'a challenge could not be sent: ENOENT',
    ],
  );
  teller.tell(decodeFrame(encodeFrame('trouble', { code: 200 }))!);
  assert.equal(book.lines.length, troubles.length);
  for (const kind of ['trouble', 'datagram-refused', 'challenge-refused'] as const) {
    let taken = 0;
    for (let count = 0; count < 5000; count++) if (talk.isTaken({ kind }, 0)) taken++;
    assert.ok(taken < 2000, kind);
  }
  assert.ok(talk.isTaken({ kind: 'datagram' }, 0), 'what opens is never held back');
});
