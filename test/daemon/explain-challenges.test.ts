/** `portknockd explain` with challenges: hellos, responses and whose they are, in the order of their packets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config, Door, SignerClientSettings } from '../../src/daemon/config.js';
import { type Explanation, explainCapture } from '../../src/daemon/explain.js';
import type { SshKey } from '../../src/methods/challenge/site.js';
import {
  hello,
  keyed,
  lifeMs,
  now,
  respond,
  Server,
  siteKey,
  siteOf,
} from '../methods/challenge/exchange.js';
import { vectors } from '../methods/challenge/vectors.js';
import { capture, port, type Sent, sentBy } from './challengecaptured.js';
import { config as numbered } from './numberconfig.js';

const key: SshKey = {
  blob: Buffer.from(vectors.signer.blob, 'hex'),
  ...{ from: undefined, expiresAt: undefined, touchRequired: true, verifyRequired: false },
};

function door(name: string): Door {
  return {
    ...{ kind: 'services', name, command: undefined, openForMs: 30_000, sequence: undefined },
    ...{ services: [{ protocol: 6, port: 22 }], singleUse: false, sequenceNumber: false, datagram: false },
  };
}

const command: Door = {
  ...{ kind: 'command', name: 'web', command: undefined, sequence: undefined, openForMs: undefined },
  ...{ run: [['/bin/true']], closeRun: undefined, runAs: undefined, timeLimitMs: undefined },
} as unknown as Door;

function configOf(client: Partial<SignerClientSettings> = {}, siteKeyOf: Uint8Array = siteKey): Config {
  const signer = {
    kind: 'signer',
    name: 'john',
    doors: ['ssh'],
    revoked: false,
    openpgp: [],
    ssh: [key],
  } as const;
  return {
    ...numbered,
    sequenceNumber: undefined,
    portSequence: undefined,
    doors: [door('ssh'), command],
    clients: [{ ...signer, ...client }],
    challenge: {
      port,
      siteKey: siteKeyOf,
      site: '',
      skewMs: 300_000,
      verifyWith: 'openpgpjs',
      keySources: { keyring: undefined, clients: [] },
    },
  };
}

async function explained(config: Config, all: readonly Sent[]) {
  const said: Explanation[] = [];
  const remarks = await explainCapture(config, capture(all), undefined, each => said.push(each));
  return { said, remarks, words: said.map(words) };
}

function words({ outcome, reason, flaw, door, client }: Explanation): string {
  return [reason ?? outcome, flaw, door, client].filter(word => word !== undefined).join(' ');
}

test('hellos: answered or why not, without a remark', async () => {
  const { payload } = hello();
  const all = [
    { at: now, payload },
    { at: now + 1, payload, source: '2001:db8::9' },
    { at: now + 2, payload: hello('mail').payload },
    { at: now + 3, payload: hello('ssh', now - 400_000).payload },
    { at: now + 4, payload: Buffer.alloc(128) },
    { at: now + 5, payload: Buffer.alloc(127) },
    { at: now + 6, payload: hello().payload, to: 4002 },
    { at: now + 7, payload: hello('web').payload, source: '2001:db8::9' },
  ];
  const { said, words: found, remarks } = await explained(configOf(), all);
  assert.deepEqual(found, [
    'answered ssh',
    'replayed ssh',
    'unknown-command mail',
    'stale ssh',
    'bad-tag unreadable',
    'answered web',
  ]);
  assert.deepEqual(said[5], {
    at: new Date(now + 7).toISOString(),
    ...{ source: '2001:db8::9', method: 'challenge', outcome: 'answered', door: 'web' },
  });
  assert.deepEqual(remarks, []);
});

const [first] = vectors.responses as [(typeof vectors.responses)[0]];
const [asked] = vectors.hellos as [(typeof vectors.hellos)[0]];
const vectorKey = Buffer.from(vectors.sites.keyed.siteKey!, 'hex');
test('a whole exchange: the signature is judged, and the remark says what cannot be', async () => {
  const challenge = { at: asked.at, payload: Buffer.from(vectors.challenges[0]!.payload, 'hex'), to: 50_000 };
  const all = [sentBy(asked), challenge, sentBy(first), sentBy({ ...first, at: first.at + 1 })];
  const { said, words: found, remarks } = await explained(configOf({}, vectorKey), all);
  assert.deepEqual(found, ['answered ssh', 'opened ssh john', 'replayed ssh']);
  assert.match(said[1]?.serial ?? '', /^[0-9a-f]{40}$/);
  assert.deepEqual(remarks, [
    'whether the challenges in responses were made by this server is not known: only the daemon that made them can say',
  ]);
});

const cases: readonly (readonly [title: string, config: Config, expected: string])[] = [
  ['of one who has been removed', configOf({ revoked: true }, vectorKey), 'revoked ssh john'],
  ['at a door that is another’s', configOf({ doors: ['web'] }, vectorKey), 'not-allowed ssh john'],
  ['by nobody’s key', configOf({ ssh: [] }, vectorKey), 'unknown-client unknown-key ssh'],
  [
    'by a key that was over when it came',
    configOf({ ssh: [{ ...key, expiresAt: first.at }] }, vectorKey),
    'expired key-expired ssh john',
  ],
  [
    'by a key that was not over yet',
    configOf({ ssh: [{ ...key, expiresAt: first.at + 1 }] }, vectorKey),
    'opened ssh john',
  ],
  [
    'from where the key is not good',
    configOf({ ssh: [{ ...key, from: '192.0.2.1' }] }, vectorKey),
    'bad-tag other-source ssh john',
  ],
  ['for another site', configOf(), 'bad-tag unreadable'],
];

for (const [title, config, expected] of cases) {
  test(`a response ${title}`, async () => {
    assert.deepEqual((await explained(config, [sentBy(first)])).words, [expected]);
  });
}

test('responses are judged by all that a capture shows', async () => {
  const server = new Server(siteOf(keyed));
  const response = () => respond(server.ask());
  const all = [
    { at: now, payload: response(), source: '192.0.2.8' },
    { at: now + lifeMs + 1, payload: response() },
    { at: now, payload: Buffer.alloc(300) },
    { at: now, payload: response() },
    { at: now, payload: respond(server.ask(keyed, 'ssh'), 300, 'openpgp') },
  ];
  assert.deepEqual((await explained(configOf(), all)).words, [
    'wrong-address ssh',
    'timed-out ssh',
    'bad-tag unreadable',
    'bad-tag malformed ssh',
    'bad-tag malformed ssh',
  ]);
});
