/** That PROTOCOL.md says what the code does: its examples are vectors and decode, its lists are the code's lists. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveClassicKey, deriveKey } from '../../src/crypto/derive.js';
import { Kmac128 } from '../../src/crypto/kmac.js';
import { mac } from '../../src/crypto/mac.js';
import type { Config } from '../../src/daemon/config.js';
import { explainCapture } from '../../src/daemon/explain.js';
import { numberPrefixes } from '../../src/daemon/numbersite.js';
import { reasons } from '../../src/methods/knock.js';
import { parseFlags, parseStep } from '../../src/methods/plain-sequence/format.js';
import { PlainSequence } from '../../src/methods/plain-sequence/recognise.js';
import { classicCipher } from '../../src/methods/port-sequence/classic.js';
import { blockCipher, hasTag, tagKey, unseal } from '../../src/methods/port-sequence/sealed.js';
import {
  defaultToleranceMs,
  longestPeriodMs,
  longestToleranceMs,
  NumberSeries,
  shortestPeriodMs,
  stepsTaken,
} from '../../src/methods/sequence-number/format.js';
import { SequenceNumber } from '../../src/methods/sequence-number/recognise.js';
import { formatAddress, parseAddress } from '../../src/net/address.js';
import { formatHit, HitLines } from '../../src/net/lines.js';
import { decodePacket, newPacket, tcp, udp } from '../../src/net/packet.js';
import { formatProfile, parseProfile } from '../../src/system/profile.js';
import { sourcesUnder } from '../house/project.js';
import { classicVectors, sealedVectors } from '../methods/port-sequence/vectors.js';
import { candidatesFile, chosen } from '../methods/sequence-number/candidates.js';
import { ipv4 } from '../net/made.js';
import { bytes, codeBlocks, exampleFields, read, section, sectionNumbers } from './protocol.js';

const text = read('PROTOCOL.md');

const ports = (list: string | undefined) => (list ?? '').split(' ').map(Number);
/** The vector that a section says its example is. */
const nameOf = (part: string) => /\(`((?:classic|sealed) \d)` in `test\/vectors/.exec(part)?.[1];

test('sections that the sources name are there', () => {
  const numbers = new Set(sectionNumbers(text));
  let named = 0;
  for (const { path, text: source } of sourcesUnder('src')) {
    for (const match of source.matchAll(
      /PROTOCOL\.md sections? ([\d.]+\d|\d)(?: (?:and|to) ([\d.]+\d|\d))?/g,
    )) {
      for (const number of match.slice(1).filter(number => number !== undefined)) {
        named++;
        assert.ok(numbers.has(number), `${path} names section ${number}`);
      }
    }
  }
  assert.ok(named > 10);
});

test('the example of section 1.3 is a vector, and what it says', () => {
  const part = section(text, '1.3');
  const vector = classicVectors.find(({ name }) => name === nameOf(part));
  assert.ok(vector !== undefined);
  const example = exampleFields(part);
  assert.equal(example['passphrase'], vector.passphrase);
  assert.equal(example['block'], vector.block);
  assert.deepEqual(ports(example['ports']), vector.ports);
  assert.match(part, new RegExp(`command ${vector.command}, base port ${vector.base_port}\\.`));
  assert.deepEqual(bytes(example['key']), deriveClassicKey(vector.passphrase));
  const plaintext = classicCipher(vector.passphrase).decrypt(bytes(example['block']));
  assert.deepEqual(bytes(example['plaintext']), plaintext);
});

const sealedPart = section(text, '1.4');
const sealedExample = exampleFields(sealedPart);
const sealedVector = sealedVectors.find(({ name }) => name === nameOf(sealedPart))!;

test('the example of section 1.4 is a vector', () => {
  assert.ok(sealedVector !== undefined);
  const { client, command, time_ms, base_port, address, block, ordered } = sealedVector;
  assert.equal(sealedExample['site key'], sealedVector.site_key);
  assert.equal(sealedExample['client key'], sealedVector.client_key);
  assert.equal(sealedExample['block'], block);
  assert.deepEqual(ports(sealedExample['ports']), ordered);
  const said = `client ${client}, command ${command}, at ${new Date(time_ms).toISOString()}, from ${address}, base port ${base_port}.`;
  assert.ok(sealedPart.includes(said), said);
});

test('the example of section 1.4 decodes to what it says', () => {
  const key = tagKey(bytes(sealedExample['client key']));
  const siteKey = bytes(sealedExample['site key']);
  const claim = unseal(blockCipher(siteKey), bytes(sealedExample['block']));
  const source = parseAddress(sealedVector.address!)!;
  assert.ok(hasTag(claim, key, sealedVector.base_port, source));
  assert.deepEqual(bytes(sealedExample['K_tag']), Buffer.from(key));
  assert.deepEqual(
    bytes(sealedExample['K_block']),
    Buffer.from(deriveKey(siteKey, 'portknock/sealed/1 block')),
  );
  const plaintext = bytes(sealedExample['plaintext']);
  assert.deepEqual(plaintext, Buffer.from(claim.plaintext));
  assert.deepEqual(mac(key, 8, bytes(sealedExample['tag covers'])), plaintext.subarray(8));
});

test('the example of section 1.1 spells the block of section 1.4', () => {
  const example = exampleFields(section(text, '1.1'));
  assert.deepEqual(bytes(example['block']), bytes(sealedExample['block']));
  assert.equal(example['ports'], sealedExample['ports']);
});

test('the example of section 1.2 spells the block of section 1.4', () => {
  const example = exampleFields(section(text, '1.2'));
  assert.equal(example['block']?.replaceAll(' ', ''), sealedExample['block']);
  assert.deepEqual(ports(example['ports']), sealedVector.spread);
});

test('the example of section 2.2 is hits, written as ulogport writes them', () => {
  const example = codeBlocks(section(text, '2.2')).at(-1)!;
  const lines = new HitLines();
  let written = '';
  const hits: number[] = [];
  lines.push(example, (port, source) => {
    hits.push(port);
    written += formatHit(port, source);
  });
  assert.equal(written, example);
  assert.deepEqual(hits.slice(0, 3), ports(sealedExample['ports']).slice(0, 3));
});

test('the profile of section 3 is one, and every key of profiles stands there', () => {
  const part = section(text, '3');
  const [example] = codeBlocks(part, 'json');
  const profile = parseProfile(example!);
  assert(profile.method === 'port-sequence');
  assert.deepEqual(JSON.parse(formatProfile(profile)), JSON.parse(example!));
  const classic = { ...profile, identity: { classicPassphrase: 'x' } };
  const { doors, ...keys } = JSON.parse(formatProfile(classic)) as { doors: { ssh: object } };
  const plain = ['sequence', 'one_time_sequences'].map(key => `doors.*.${key}`);
  const all = [...Object.keys(JSON.parse(example!)), ...Object.keys(keys), ...plain];
  for (const key of [...all, ...Object.keys(doors.ssh).map(key => `doors.*.${key}`)]) {
    assert.ok(
      part.split('\n').some(line => line.startsWith('| `') && line.includes(`\`${key}\``)),
      key,
    );
  }
});

test('the profile for sequence numbers of section 3 is one, and every key of such profiles stands there', () => {
  const part = section(text, '3');
  const example = JSON.parse(codeBlocks(part, 'json')[1]!) as object;
  const all = { ...example, mac_port: 2222, users: ['alice'] };
  for (const each of [example, all]) {
    const profile = parseProfile(JSON.stringify(each));
    assert(profile.method === 'sequence-number');
    assert.deepEqual(JSON.parse(formatProfile(profile)), each);
  }
  const rows = part.split('\n').filter(line => line.startsWith('| `'));
  for (const key of Object.keys(all))
    assert.ok(
      rows.some(row => row.startsWith(`| \`${key}\``)),
      key,
    );
});

test('section 4 lists the reasons of the code, and no others', () => {
  const rows = Array.from(section(text, '4').matchAll(/^\| `([a-z-]+)` \|/gm), match => match[1]!);
  assert.deepEqual([...rows].sort(), [...reasons].sort());
  const used = Array.from(text.matchAll(/refuse[sd]?: ([^|.\n]*)/g), match => match[1]!);
  const words = used.flatMap(list => Array.from(list.matchAll(/`([a-z-]+)`/g), match => match[1]!));
  assert.ok(words.length > 10);
  for (const word of words) assert.ok((reasons as readonly string[]).includes(word), word);
});

test('section 5: explain prints the example for the knock of section 1.4', async () => {
  const [example] = codeBlocks(section(text, '5'), 'json');
  const source = formatAddress(parseAddress(sealedVector.address!)!);
  const lines = sealedVector.ordered.map(port => `${port} ${source}\n`).join('');
  const printed: string[] = [];
  const remarks = await explainCapture(config(), Buffer.from(lines), sealedVector.time_ms, explanation =>
    printed.push(`${JSON.stringify(explanation)}\n`),
  );
  assert.deepEqual(remarks, []);
  assert.deepEqual(printed, [example]);
});

test('section 6.5: what is sent has the outcome that it says', () => {
  const example = codeBlocks(section(text, '6.5')).at(-1)!;
  const steps = /sequence `([^`]+)`/
    .exec(section(text, '6.5'))![1]!
    .split(' ')
    .map(step => parseStep(step)!);
  let said: string[] = [];
  const method = sequenceMethod(steps, outcome => said.push(outcome));
  const lines = example.trimEnd().split('\n');
  assert.ok(lines.length > 10);
  for (const line of lines) {
    const [, at, kind, from, to, number, outcome] =
      /^ *(\d+)(?: {2}(\w+) {2}(\d+) > (\d+) *(?:number (\d+))?)? {2,}(\S.*)$/.exec(line)!;
    said = [];
    if (kind === undefined) method.expire(Number(at));
    else method.hear(sent(kind, Number(at), Number(from), Number(to), Number(number ?? 0)));
    assert.equal(
      said.join(', ') || 'nothing',
      outcome!.split(':')[0] === 'nothing' ? 'nothing' : outcome,
      line,
    );
  }
});

test('the example of section 7.5 is the candidate that was chosen, and what it says', () => {
  const part = section(text, '7.5');
  const example = exampleFields(part);
  const { psk, port, time, period, counter, kmac_custom, candidates } = candidatesFile;
  const said = `psk \`${psk}\`, port ${port}, at ${new Date(time * 1000).toISOString().replace('.000', '')}, period ${period} seconds`;
  assert.ok(part.includes(said), said);
  assert.equal(bytes(example['key']).toString(), psk);
  assert.equal(bytes(example['S']).toString(), kmac_custom);
  assert.equal(Number(example['step']), counter);
  assert.equal(bytes(example['X']).readBigUInt64BE(), BigInt(counter));
  const candidate = candidates[chosen];
  assert.equal(example['code'], candidate?.kmac128_L32bits);
  assert.equal(Number(example['number']), candidate?.u32be);
  const code = new Kmac128(kmac_custom, 4).withKey(bytes(example['key'])).mac(bytes(example['X']));
  assert.deepEqual(Buffer.from(code), bytes(example['code']));
});

test('the numbers and the header of section 7.5 are those that the methods make and take', () => {
  const example = exampleFields(section(text, '7.5'));
  const step = Number(example['step']);
  const series = new NumberSeries(bytes(example['key']), candidatesFile.port);
  for (const [field, distance] of [
    ['before', -1],
    ['number', 0],
    ['after', 1],
  ] as const) {
    assert.equal(Number(example[field]), series.at(step + distance), field);
  }
  const periods = { periodMs: 30_000, toleranceMs: 30_000 };
  const at = candidatesFile.time * 1000;
  assert.deepEqual(stepsTaken(at, periods), { first: step - 1, last: step + 1 });
  const packet = newPacket();
  const segment = Buffer.concat([bytes(example['header']), Buffer.alloc(26)]);
  assert.ok(decodePacket(ipv4(tcp, segment), packet));
  assert.deepEqual([packet.sourcePort, packet.port], [40_001, candidatesFile.port]);
  const client = { name: 'laptop', psk: bytes(example['key']), doors: ['ssh'], revoked: false };
  const doors = [{ name: 'ssh', ports: [candidatesFile.port] }];
  const method = new SequenceNumber({ ...periods, port: undefined, clients: [client], doors });
  assert.equal(method.recognise(Object.assign(packet, { at }), undefined)?.outcome, 'knock');
});

test('section 7 says the limits and the prefixes of the code', () => {
  const all = ['7.1', '7.3', '2.1'].map(number => section(text, number)).join('\n');
  assert.ok(all.includes(`whole seconds, ${shortestPeriodMs / 1000} … ${longestPeriodMs / 1000})`));
  assert.ok(
    all.includes(
      `${defaultToleranceMs / 1000} seconds unless configured, whole seconds, 0 … ${longestToleranceMs / 1000})`,
    ),
  );
  for (const prefix of Object.values(numberPrefixes)) {
    assert.equal(all.split(`\`${prefix}\``).length, 3, prefix);
  }
});

function sequenceMethod(
  steps: readonly { protocol: number; port: number }[],
  say: (outcome: string) => void,
) {
  const door = {
    name: 'ssh',
    steps,
    timeoutMs: 5000,
    flags: parseFlags(['syn', '!ack', '!fin', '!rst'])!,
    target: undefined,
    allowDuplicates: false,
    scanGuard: true,
    turn: undefined,
  };
  const events = {
    stage: (_: string, stage: number) => say(`stage ${stage}`),
    knock: () => say('opened'),
    refused: ({ reason }: { reason: string }) => say(`refused: ${reason}`),
  };
  return new PlainSequence(
    { doors: [door], services: [], addresses: undefined },
    events,
    8,
    Buffer.alloc(36, 1),
  );
}

function sent(kind: string, at: number, sourcePort: number, port: number, sequence: number) {
  const packet = newPacket();
  packet.source.set(parseAddress('192.0.2.7')!);
  const flags = { SYN: 0x02, ACK: 0x10, UDP: 0 }[kind]!;
  return Object.assign(packet, {
    at,
    sourcePort,
    port,
    sequence,
    flags,
    protocol: kind === 'UDP' ? udp : tcp,
  });
}

/** The server that section 5 speaks of. */
function config(): Config {
  const key = bytes(sealedVector.client_key);
  return {
    file: 'portknockd.toml',
    stateDirectory: 'state',
    user: 'portknock',
    capture: { from: 'stdin' },
    group: 5,
    sequenceNumber: undefined,
    datagram: undefined,
    challenge: undefined,
    firewall: { backend: 'nftables', rules: [] },
    portSequence: {
      spelling: 'ordered',
      basePort: sealedVector.base_port,
      skewMs: 60_000,
      siteKey: bytes(sealedVector.site_key),
    },
    alwaysAllow: [],
    doors: [
      {
        kind: 'services',
        name: 'ssh',
        command: sealedVector.command,
        openForMs: 30_000,
        sequence: undefined,
        services: [{ protocol: 6, port: 22 }],
        singleUse: false,
        sequenceNumber: false,
        datagram: false,
      },
    ],
    clients: [
      {
        kind: 'sealed',
        name: 'laptop',
        doors: ['ssh'],
        revoked: false,
        id: sealedVector.client,
        key,
        addressRequired: true,
      },
    ],
    tellsStages: false,
    tellsPackets: false,
    warnings: [],
  };
}
