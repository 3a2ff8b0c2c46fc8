/** Challenges through the library: what is lost, late or forged on the way, and what a caller may get wrong. */
import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { challenge } from '../../src/client/challenge.js';
import { knock, type SignText } from '../../src/index.js';
import { challengeLifeMs } from '../../src/methods/challenge/format.js';
import { eventually } from '../e2e/harness/eventually.js';
import {
  compose,
  ipv4,
  ipv6,
  key,
  noAnswer,
  ownTime,
  patient,
  quick,
  request,
  serve,
  signing,
  siteKey,
} from './challengerequest.js';
import { sourceOf } from './challengeserver.js';

test('knock, by a key and by a function', async t => {
  const server = await serve(t);
  const delivery = {
    host: '127.0.0.1',
    siteKey,
    method: 'challenge',
    port: server.port,
    door: 'ssh',
  } as const;
  const result = await knock({ ...delivery, sign: { ssh: key } });
  assert.deepEqual([result.attempts, result.addresses[0]!.bound], [1, '127.0.0.1']);
  assert.equal(sourceOf((await server.first(1))[0]!), '127.0.0.1');
  const sign = signing();
  await knock({ ...delivery, sign });
  await server.firstRefusals(1);
  const lines =
    /^portknock challenge 1\nsite: key [0-9a-f]{32}\ndoor: ssh\nsource: 127\.0\.0\.1\nchallenge: [0-9a-f]{64}\nexpires: 20\S+Z\n$/;
  assert.match(sign.texts[0]!, lines);
});

test('a hello and a challenge that are lost: another hello, which is no copy', async t => {
  const lost = [1, 2];
  const server = await serve(t, {
    onHello: (answer, count, send) => (lost.includes(count) ? undefined : send(answer)),
  });
  const limits = { ...patient, pausesMs: [50, 50, 300_000] };
  const { compositions } = await compose(request(server), { limits });
  assert.equal(compositions[0]!.hits.length, 1);
  assert.equal(server.hellos, 3);
  assert.deepEqual(server.refusals, []);
});

test('a challenge that comes after the next hello is taken all the same', async t => {
  let first: Uint8Array;
  const server = await serve(t, {
    onHello: (answer, count, send) => {
      if (count === 1) first = answer;
      else send(first);
    },
  });
  const limits = { ...patient, pausesMs: [50, 300_000] };
  const { compositions } = await compose(request(server), { limits });
  assert.equal(compositions[0]!.hits.length, 1);
  assert.equal(server.hellos, 2);
});

test('nobody there, and a port that is closed, are no answer after the last hello', async t => {
  const heard: number[] = [];
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => void silent.close());
  await once(silent, 'listening');
  silent.on('message', payload => heard.push(payload.length));
  const sign = signing();
  await assert.rejects(compose(request(silent.address(), { sign })), noAnswer);
  await eventually('four hellos', () => (heard.length >= 4 ? true : undefined));
  assert.deepEqual([heard, sign.texts], [[128, 128, 128, 128], []]);
  const closed = createSocket('udp4').bind(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address();
  closed.close();
  await assert.rejects(compose(request({ port }, { sign })), noAnswer);
});

test('where there is no way, that is told as for any knock', async t => {
  const server = await serve(t);
  // Without its interface it is nowhere.
  const nowhere = { family: 6, address: 'fe80::1' } as const;
  const composer = challenge(request(server), { limits: quick });
  const [composition] = await composer.compose([nowhere], () => {});
  assert.deepEqual([composition!.failure, composition!.hits], ['EINVAL', []]);
});

test('a port that refuses at first and answers then: that is no answer to the first', async t => {
  const server = await serve(t);
  const told: string[] = [];
  const reserved = createSocket('udp4').bind(0, '127.0.0.1');
  await once(reserved, 'listening');
  const { port } = reserved.address();
  reserved.close();
  await once(reserved, 'close');
  const relay = createSocket('udp4');
  t.after(() => void relay.close());
  const note = (message: string) => {
    told.push(message);
    // As the second hello goes out there is somebody, who hands it on.
    if (told.length === 1) setTimeout(() => relay.bind(port, '127.0.0.1'), 50);
  };
  const back = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => void back.close());
  let client = 0;
  relay.on('message', (payload, from) => {
    client = from.port;
    back.send(payload, server.port, '127.0.0.1');
  });
  back.on('message', payload => relay.send(payload, client, '127.0.0.1'));
  const { compositions } = await compose(request({ port }), { tell: { say: () => {}, note } });
  assert.equal(compositions[0]!.hits.length, 1);
  assert(told.length >= 2);
});

/** A challenge sealed with a key: written from the protocol with nothing but node:crypto. */
function forge(key: Uint8Array, exchange: Uint8Array, version = 1): Buffer {
  const plaintext = Buffer.alloc(80);
  plaintext[0] = version;
  plaintext.writeBigUInt64BE(BigInt(Date.now() + 30_000), 8);
  plaintext.set(exchange, 16);
  plaintext.set([0xff, 0xff, 192, 0, 2, 1], 42);
  const nonce = randomBytes(12);
  const derived = Buffer.from(hkdfSync('sha256', key, '', 'portknock/challenge/1 challenge', 32));
  const cipher = createCipheriv('chacha20-poly1305', derived, nonce, { authTagLength: 16 });
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

test('forged challenges are passed over: of another exchange, another key, cut, longer, of another version', async t => {
  const server = await serve(t, {
    onHello: (answer, _count, send) => {
      const long = Buffer.concat([answer, Buffer.alloc(20)]);
      const flipped = Buffer.from(answer);
      flipped[50]! ^= 1;
      const forged = [
        ...[forge(siteKey, randomBytes(16)), forge(randomBytes(32), randomBytes(16))],
        ...[forge(siteKey, randomBytes(16), 2), answer.subarray(0, -1), long, flipped, Buffer.alloc(0)],
      ];
      for (const each of forged) send(each);
      send(answer);
    },
  });
  const sign = signing();
  const { compositions } = await compose(request(server, { sign }), { limits: patient });
  assert.equal(compositions[0]!.bound, '127.0.0.1');
  assert.equal(sign.texts.length, 1);
});

test('of what looks like challenges only so many are looked at, and no longer than for others', async t => {
  for (const [junk, isAnswered] of [
    [99, true],
    [100, false],
  ] as const) {
    const server = await serve(t, {
      onHello: (answer, _count, send) => {
        for (let each = 0; each < junk; each++) send(randomBytes(108));
        send(answer);
      },
    });
    const composing = compose(request(server), { limits: isAnswered ? patient : quick });
    if (isAnswered) await composing;
    else await assert.rejects(composing, noAnswer);
    await eventually('hellos', () => (server.hellos === (isAnswered ? 1 : 4) ? true : undefined));
  }
});

test('what comes from elsewhere is not heard', async t => {
  const other = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => void other.close());
  await once(other, 'listening');
  const front = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => void front.close());
  await once(front, 'listening');
  const server = await serve(t);
  let client = 0;
  front.on('message', (payload, from) => {
    client = from.port;
    other.send(payload, server.port, '127.0.0.1');
  });
  let answers = 0;
  other.on('message', payload => {
    answers += 1;
    other.send(payload, client, '127.0.0.1');
  });
  await assert.rejects(compose(request(front.address())), noAnswer);
  await eventually('four answers', () => (answers === 4 ? true : undefined));
});

test('both families are signed for; with one that is enough, the first that answers', async t => {
  const server = await serve(t);
  const sign = signing();
  const both = await compose(request(server, { sign }), { limits: patient }, [ipv6, ipv4]);
  assert.deepEqual(
    both.compositions.map(({ bound }) => bound),
    ['::1', '127.0.0.1'],
  );
  const one = await compose(request(server, { sign }), { limits: patient, isOneEnough: true }, [ipv6, ipv4]);
  assert.equal(one.compositions.length, 1);
  assert.equal(sign.texts.length, 3);
});

test('a family that does not answer holds nobody up, and is told', async t => {
  // The first hello is answered, whichever it is; the other family hears nothing.
  const server = await serve(t, {
    onHello: (answer, count, send) => (count === 1 ? send(answer) : undefined),
  });
  const { compositions } = await compose(request(server), {}, [ipv6, ipv4]);
  const failures = compositions.map(({ failure }) => failure);
  assert.deepEqual(new Set(failures), new Set([undefined, 'ETIMEDOUT']));
});

test('with one that is enough nobody waits for the other family', { timeout: 20_000 }, async t => {
  const server = await serve(t, {
    onHello: (answer, count, send) => (count === 1 ? send(answer) : undefined),
  });
  const setting = { limits: patient, isOneEnough: true };
  const { compositions } = await compose(request(server), setting, [ipv6, ipv4]);
  assert.deepEqual([compositions.length, compositions[0]!.failure], [1, undefined]);
});

test('within its life the same response again; then a new challenge', async t => {
  const time = ownTime(t);
  const server = await serve(t);
  const sign = signing();
  const composer = challenge(request(server, { sign }), { limits: patient });
  const [first] = await composer.compose([ipv4], () => {});
  const [again] = await composer.compose([ipv4], () => {});
  assert.deepEqual([again!.hits, server.hellos], [first!.hits, 1]);
  await composer.compose([ipv6], () => {});
  assert.equal(server.hellos, 2);
  const later = challenge(request(server, { sign }), { limits: patient });
  await later.compose([ipv4], () => {});
  time.pass(challengeLifeMs - 1500);
  await later.compose([ipv4], () => {});
  assert.equal(server.hellos, 4);
});

test('signing that takes longer than a challenge lives: once more, and a sentence why', async t => {
  const server = await serve(t);
  const time = ownTime(t);
  let left = 1;
  const slowly = () => time.pass(left-- > 0 ? challengeLifeMs : 0);
  const said: string[] = [];
  const tell = { say: (message: string) => void said.push(message), note: () => {} };
  const sign = signing(slowly);
  await compose(request(server, { sign }), { limits: patient, tell });
  assert.deepEqual(said, ['signing took longer than a challenge is good for: asking for another']);
  assert.deepEqual([server.hellos, new Set(sign.texts).size], [2, 2]);
  left = 2;
  const failed = compose(request(server, { sign: signing(slowly) }), { limits: patient });
  await assert.rejects(failed, /took longer to sign than a challenge is good for, twice/);
});

test('aborted: before, while nobody answers, and while it signs', async t => {
  const reason = new Error('enough');
  const server = await serve(t, { onHello: () => {} });
  const where = { host: '127.0.0.1', ...request(server) };
  await assert.rejects(knock({ ...where, signal: AbortSignal.abort(reason) }), reason);
  assert.equal(server.hellos, 0);
  const aborting = new AbortController();
  const unanswered = knock({ ...where, signal: aborting.signal });
  setTimeout(() => aborting.abort(reason), 50);
  await assert.rejects(unanswered, reason);
  const answering = await serve(t);
  const whileSigning = new AbortController();
  const sign: SignText = (_text, signal) =>
    new Promise((_resolve, reject) => {
      signal!.addEventListener('abort', () => reject(signal!.reason));
      whileSigning.abort(reason);
    });
  await assert.rejects(
    knock({ host: '127.0.0.1', ...request(answering, { sign }), signal: whileSigning.signal }),
    reason,
  );
  assert.deepEqual(answering.responses, []);
});

test('a failure of the function is the caller’s own', async t => {
  const server = await serve(t);
  const own = new Error('own');
  const sign = () => Promise.reject(own);
  await assert.rejects(compose(request(server, { sign })), own);
});

test('a function that gives no signature', async t => {
  const server = await serve(t);
  for (const given of [
    null,
    { kind: 'pgp', signature: new Uint8Array(64) },
    { kind: 'ssh', signature: 'text' },
  ]) {
    const sign = (async () => given) as unknown as SignText;
    await assert.rejects(compose(request(server, { sign })), /"sign" expected to give \{ kind/);
  }
  for (const size of [63, 1115]) {
    const sign: SignText = async () => ({ kind: 'openpgp', signature: new Uint8Array(size) });
    await assert.rejects(compose(request(server, { sign })), new RegExp(`has ${size} bytes, .* 64 to 1114`));
  }
});
