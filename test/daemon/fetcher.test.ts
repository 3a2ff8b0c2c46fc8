/** The process that gets lists of revoked certificates, as it is built, with a real server. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { IssuedList } from '../../src/crypto/revocation.js';
import { endings, type FetchTask, type Lists } from '../../src/daemon/lists.js';
import { Authority, der } from './certified.js';
import { ListServer, type Manner } from './listserver.js';

const program = fileURLToPath(new URL('../../src/daemon/fetcher.cjs', import.meta.url));
const dates = { from: '20260101000000Z', to: '20360101000000Z' };
const authority = new Authority('Example CA', dates);
authority.issue('laptop', { serial: '00ff12' });
const early = { from: '20260901000000Z', to: '20351201000000Z' };
const late = { from: '20261001000000Z', to: '20351201000000Z' };
const empty = authority.list(early);
authority.revoke('laptop');
const revoking = authority.list(late);
const over = authority.list({ from: '20261101000000Z', to: '20261110000000Z' });
const future = authority.list({ from: '20990101000000Z', to: '21000101000000Z' });
const other = new Authority('Other CA', dates);
const others = other.list(late);

interface Fetched {
  readonly status: number | null;
  readonly output: string;
  readonly lists: readonly IssuedList[] | undefined;
  readonly lines: readonly string[];
}

/** Runs the process. @param input in the place of a task's JSON */
async function fetched(task: Partial<FetchTask>, input?: string): Promise<Fetched> {
  const whole: FetchTask = {
    authorities: [der(authority.read('ca.pem')).toString('base64')],
    ...{ file: undefined, url: undefined, required: false, timeoutMs: 5000, memory: undefined },
    ...task,
  };
  const child = spawn(process.execPath, [program], { env: {}, timeout: 20_000 });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  child.stdin.end(input ?? JSON.stringify(whole));
  const status = await new Promise<number | null>(resolve => child.on('close', resolve));
  const lists = texts.stdout === '' ? undefined : (JSON.parse(texts.stdout) as Lists).lists;
  return { status, output: texts.stdout, lists, lines: texts.stderr.trimEnd().split('\n') };
}

const file = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const serialsOf = ({ lists }: Fetched) => lists?.map(({ serials }) => serials);
const isRevoking =
  'CN=Example CA: 1 revoked, issued 2026-10-01 00:00 UTC, in date until 2035-12-01 00:00 UTC';
const isEmpty = 'CN=Example CA: 0 revoked, issued 2026-09-01 00:00 UTC, in date until 2035-12-01 00:00 UTC';

async function served(t: TestContext, manner: Manner): Promise<ListServer> {
  const server = await ListServer.start(t);
  server.manner = manner;
  return server;
}

test('a file, in DER or in PEM', async () => {
  for (const bytes of [revoking, der(revoking)]) {
    const found = await fetched({ file: file(bytes) });
    assert.deepEqual([found.status, serialsOf(found), found.lines], [endings.good, [['ff12']], [isRevoking]]);
  }
});

test('several lists in a file: of two of one authority the newer, and one of each', async () => {
  const authorities = [authority, other].map(each => file(der(each.read('ca.pem'))));
  const found = await fetched({ authorities, file: file(Buffer.concat([revoking, empty, others])) });
  assert.deepEqual(serialsOf(found), [['ff12'], []]);
  assert.match(found.lines[0]!, /of the file is not used: it is of 2026-09-01 00:00 UTC, older than the one/);
});

test('a server, and not again what it has not changed', async t => {
  for (const validator of [{ etag: '"a1"' }, { modified: 'Thu, 01 Oct 2026 00:00:00 GMT' }]) {
    const server = await served(t, { body: der(revoking), ...validator });
    const first = await fetched({ url: server.url() });
    assert.deepEqual([first.status, serialsOf(first)], [endings.good, [['ff12']]]);
    const second = await fetched({ url: server.url(), memory: first.output });
    assert.deepEqual([second.status, second.output, second.lines], [endings.good, '', [isRevoking]]);
    assert.deepEqual(server.requests, [
      { path: '/crl', etag: undefined, modified: undefined },
      { path: '/crl', etag: undefined, modified: undefined, ...validator },
    ]);
    const elsewhere = await fetched({ url: server.url('/other'), memory: first.output });
    assert.equal(elsewhere.status, endings.good);
    const more = [...[authority, other].map(each => file(der(each.read('ca.pem'))))];
    await fetched({ url: server.url(), memory: first.output, authorities: more });
    for (const request of server.requests.slice(2)) {
      assert.deepEqual([request.etag, request.modified], [undefined, undefined], 'asked without conditions');
    }
  }
});

test('a newer list takes the place of the one before', async t => {
  const server = await served(t, { body: empty, etag: '"1"' });
  const first = await fetched({ url: server.url() });
  assert.deepEqual([serialsOf(first), first.lines], [[[]], [isEmpty]]);
  server.manner = { body: revoking, etag: '"2"' };
  const second = await fetched({ url: server.url(), memory: first.output });
  assert.deepEqual([second.status, serialsOf(second)], [endings.good, [['ff12']]]);
});

const failing: readonly (readonly [string, Manner, RegExp])[] = [
  ['hangs', 'hangs', /^cannot get the list: no whole answer within 0.4 s$/],
  ['begins and does not end', 'begins', /^cannot get the list: no whole answer within 0.4 s$/],
  ['hangs up', 'hangs up', /^cannot get the list: .*(?:other side closed|UND_ERR_SOCKET)$/],
  ['knows nothing', { status: 404 }, /^cannot get the list: the server answers 404$/],
  ['says nothing has changed, unasked', { status: 304 }, /^cannot get the list: the server answers 304$/],
  ['is broken', { status: 500 }, /^cannot get the list: the server answers 500$/],
  [
    'redirects to itself',
    { status: 302, location: '/crl' },
    /^cannot get the list: the server redirects again and again$/,
  ],
  [
    'redirects to a file',
    { status: 302, location: 'file:///etc/passwd' },
    /^cannot get the list: the server redirects to what is no http or https$/,
  ],
  ['sends garbage', { body: Buffer.from('<html>') }, /^the list of the server is not used: it is no list/],
  ['sends nothing', { body: Buffer.alloc(0) }, /^the list of the server is not used: it is no list/],
  [
    'sends half a list',
    { body: der(revoking).subarray(0, -10) },
    /^a list of the server is not used: it is no list/,
  ],
  [
    "sends another authority's",
    { body: others },
    /^a list of the server is not used: none of the authorities/,
  ],
  ['sends one from the future', { body: future }, /^a list of the server is not used: it is from the future/],
  [
    'sends an older one',
    { body: empty, etag: '"old"' },
    /^the list of the server is not used: it is of 2026-09-01/,
  ],
];

const memory = (await fetched({ file: file(revoking) })).output;

for (const [name, manner, expected] of failing) {
  test(`a server that ${name} changes nothing`, async t => {
    const server = await served(t, manner);
    const found = await fetched({ url: server.url(), memory, timeoutMs: 400 });
    assert.equal(found.status, endings.poor, found.lines.join('\n'));
    assert.match(found.lines[0]!, expected);
    assert.equal(found.lines[1], isRevoking);
    assert.equal(found.output, '');
  });
}

test('an answer that was no use is asked for again without conditions', async t => {
  const server = await served(t, { body: empty, etag: '"old"' });
  const first = await fetched({ url: server.url(), memory });
  const second = await fetched({ url: server.url(), memory: first.output || memory });
  assert.deepEqual([first.status, second.status], [endings.poor, endings.poor]);
  server.manner = { body: revoking, etag: '"good"' };
  assert.equal((await fetched({ url: server.url(), memory })).status, endings.good);
  assert.deepEqual(
    server.requests.map(({ etag }) => etag),
    [undefined, undefined, undefined],
  );
});

test('a server that sends without end', async t => {
  const server = await served(t, 'endless');
  const found = await fetched({ url: server.url() });
  assert.match(found.lines[0]!, /^cannot get the list: the answer is longer than 16 MiB$/);
});

test('nobody answers', async t => {
  const server = await served(t, 'hangs');
  const url = server.url();
  server.stop();
  assert.match((await fetched({ url })).lines[0]!, /^cannot get the list: ECONNREFUSED$/);
});

test('redirects are followed, as far as they lead', async t => {
  const good = await served(t, { body: revoking });
  const first = await served(t, { status: 301, location: good.url('/there') });
  const found = await fetched({ url: first.url() });
  assert.deepEqual(
    [found.status, serialsOf(found), good.requests[0]?.path],
    [endings.good, [['ff12']], '/there'],
  );
});

test('a list that is out of date is used, and told', async t => {
  const server = await served(t, { body: over });
  const found = await fetched({ url: server.url() });
  assert.deepEqual([found.status, serialsOf(found)], [endings.poor, [['ff12']]]);
  assert.equal(found.lines[0], 'the list of CN=Example CA is out of date since 2026-11-10 00:00 UTC');
});

test('an authority without a list is told where it must have one', async () => {
  const authorities = [authority, other].map(each => file(der(each.read('ca.pem'))));
  const task = { authorities, file: file(revoking) };
  assert.deepEqual((await fetched(task)).lines, [
    isRevoking,
    'CN=Other CA: no list, so each certificate that it has issued is good until it expires',
  ]);
  const found = await fetched({ ...task, required: true });
  assert.deepEqual([found.status, found.lines[0]], [endings.poor, 'there is no list of CN=Other CA']);
});

test('file and server together: the newer one holds, whichever is broken', async t => {
  const server = await served(t, { body: revoking });
  const both = await fetched({ file: file(empty), url: server.url() });
  assert.deepEqual([both.status, serialsOf(both)], [endings.good, [['ff12']]]);
  server.manner = { status: 500 };
  const one = await fetched({ file: file(revoking), url: server.url() });
  assert.deepEqual([one.status, serialsOf(one)], [endings.poor, [['ff12']]]);
});

test('what was kept and cannot be read is as nothing', async () => {
  for (const memory of ['{', 'null', '{"lists":[{"authority":"x"}]}']) {
    const found = await fetched({ memory, file: file(revoking) });
    assert.deepEqual([found.status, serialsOf(found)], [endings.good, [['ff12']]], memory);
  }
});

test('lists of authorities that are no longer trusted are forgotten', async () => {
  const found = await fetched({ memory, authorities: [file(der(other.read('ca.pem')))], file: file(others) });
  assert.deepEqual(found.lists?.length, 1);
  assert.deepEqual(serialsOf(found), [[]]);
});
