/** Frames: what was said is heard, and nothing that could not have been said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  FrameReader,
  frameLength,
  packService,
  unpackService,
} from '../../src/daemon/frames.js';

const kinds = [
  'ready',
  'alive',
  'open',
  'refused',
  'stage',
  'summary',
  'gather',
  'counter',
  'counted',
  'ended',
  'prepare',
  'admitted',
  'datagram',
  'datagram-refused',
  'challenge-refused',
  'trouble',
] as const;

const first = 'ABCXYZabcxyz0189';
const name = fc.oneof(
  fc.constant(''),
  fc.constant('x'.repeat(32)),
  fc
    .tuple(
      fc.constantFrom(...first),
      fc.string({ unit: fc.constantFrom(...`${first}._-`), maxLength: 31, size: 'max' }),
    )
    .map(parts => parts.join('')),
);

const frame: fc.Arbitrary<Frame> = fc.record({
  kind: fc.constantFrom(...kinds),
  code: fc.integer({ min: 0, max: 255 }),
  detail: fc.maxSafeInteger().map(value => value % 2 ** 47),
  value: fc.maxSafeNat(),
  source: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  door: name,
  client: name,
  serial: fc.uint8Array({ maxLength: 20 }).map(serial => Buffer.from(serial).toString('hex')),
});

function encode({ kind, ...fields }: Frame): Buffer {
  return encodeFrame(kind, fields);
}

/** −0 is not something that a frame can say. */
function plain(frame: Frame): Frame {
  return { ...frame, detail: frame.detail + 0 };
}

test('a frame means what was put in', () => {
  fc.assert(
    fc.property(frame, said => {
      const bytes = encode(said);
      assert.equal(bytes.length, frameLength);
      const heard = decodeFrame(bytes);
      bytes.fill(0xff);
      assert.deepEqual(heard, plain(said));
    }),
    { numRuns: 500 },
  );
});

test('the fields lie where DESIGN.md section 4 says', () => {
  const bytes = encodeFrame('refused', {
    code: 5,
    detail: -2,
    value: 0x0102030405,
    source: Uint8Array.from({ length: 16 }, (_, index) => index + 1),
    door: 'ssh',
    client: 'laptop',
    serial: '4f03',
  });
  const zeros = (count: number) => '00'.repeat(count);
  assert.equal(
    bytes.toString('hex'),
    [
      '03',
      '05',
      'fffffffffffe',
      '0000000102030405',
      '0102030405060708090a0b0c0d0e0f10',
      '737368',
      zeros(29),
      '6c6170746f70',
      zeros(26),
      Buffer.from('4f03').toString('hex'),
      zeros(36),
    ].join(''),
  );
});

test('what is left out is nothing', () => {
  const nothing = {
    code: 0,
    detail: 0,
    value: 0,
    source: new Uint8Array(16),
    door: '',
    client: '',
    serial: '',
  };
  for (const kind of kinds) assert.deepEqual(decodeFrame(encodeFrame(kind)), { kind, ...nothing });
});

test('what is too far to say is said as the farthest; what is no whole number is cut', () => {
  const detail = (value: number) => decodeFrame(encodeFrame('refused', { detail: value }))?.detail;
  assert.equal(detail(1e18), 2 ** 47 - 1);
  assert.equal(detail(-1e18), -(2 ** 47 - 1));
  assert.equal(detail(1.9), 1);
  assert.equal(decodeFrame(encodeFrame('open', { value: 1.9 }))?.value, 1);
});

const sound = encodeFrame('open', {
  value: 1,
  source: new Uint8Array(16).fill(7),
  door: 'ssh',
  client: 'laptop',
});

/** Where in the frame, what there. */
const unsound: readonly [string, number, readonly number[]][] = [
  ['a kind past the last', 0, [kinds.length]],
  ['a kind of 255', 0, [255]],
  ['a value past what a number can hold', 8, [0, 0x20, 0, 0, 0, 0, 0, 0]],
  ['a value of all ones', 8, new Array(8).fill(255)],
  ['a door that begins with a dot', 32, [0x2e]],
  ['a door that begins with nothing', 32, [0]],
  ['a door with a hole', 33, [0]],
  ['a door with a space', 33, [0x20]],
  ['a door with a newline', 35, [0x0a]],
  ['a door with a slash', 33, [0x2f]],
  ['a door with a letter past ASCII', 33, [0xe4]],
  ['a door that begins again behind its end', 63, [0x61]],
  ['a client with a quote', 65, [0x22]],
  ['a client with a control character', 65, [0x1b]],
  ['a client that begins again behind its end', 95, [0x61]],
  ['a serial number of an odd length', 96, [0x61]],
  ['a serial number in capitals', 96, [0x41, 0x42]],
  ['a serial number that begins again behind its end', 134, [0x61, 0x61]],
];

for (const [what, at, bytes] of unsound) {
  test(`no frame: ${what}`, () => {
    assert.notEqual(decodeFrame(sound), undefined);
    const frame = Buffer.from(sound);
    frame.set(bytes, at);
    assert.equal(decodeFrame(frame), undefined);
  });
}

test('every byte in every place of a name is either a letter of names or refused', () => {
  for (let at = 32; at < 96; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const frame = encodeFrame('open', { door: 'd'.repeat(32), client: 'c'.repeat(32) });
      frame[at] = byte;
      const isFirst = at === 32 || at === 64;
      const isLast = at === 63 || at === 95;
      const allowed = isFirst ? /[A-Za-z0-9]/ : /[A-Za-z0-9._-]/;
      const expected = allowed.test(String.fromCharCode(byte)) || (isLast && byte === 0);
      assert.equal(decodeFrame(frame) !== undefined, expected, `${byte} at ${at}`);
    }
  }
});

test('a service is a detail, and a detail that is no service is none', () => {
  for (const protocol of [6, 17]) {
    for (const port of [1, 22, 65_535]) {
      const detail = packService({ protocol, port });
      const frame = decodeFrame(encodeFrame('datagram', { detail }));
      assert.deepEqual(unpackService(frame?.detail ?? 0), { protocol, port });
    }
  }
  const none = [0, -1, 22, 6 * 65_536, 1 * 65_536 + 22, 18 * 65_536 + 1, 2 ** 47 - 1, -(2 ** 47)];
  for (const detail of none) assert.equal(unpackService(detail), undefined, String(detail));
});

test('no frame: any other length', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Buffer.concat([sound, Buffer.alloc(104)]).subarray(0, length);
    assert.equal(decodeFrame(bytes) !== undefined, length === frameLength, String(length));
  }
});

test('random bytes never throw, and what is a frame is one to the letter', () => {
  const bytes = fc
    .uint8Array({ minLength: frameLength, maxLength: frameLength })
    .map(each => Buffer.from(each));
  const likely = fc.tuple(fc.nat(kinds.length - 1), bytes).map(([kind, each]) => {
    each[0] = kind;
    each.fill(0, 8, 10);
    each.fill(0, 32);
    return each;
  });
  fc.assert(
    fc.property(fc.oneof(bytes, likely), each => {
      const heard = decodeFrame(each);
      // −2^47 can be read and is never written.
      if (heard !== undefined && heard.detail !== -(2 ** 47)) assert.deepEqual(encode(heard), each);
    }),
    { numRuns: 2000 },
  );
});

function hear(chunks: readonly Buffer[]): (Frame | undefined)[] {
  const reader = new FrameReader();
  const heard: (Frame | undefined)[] = [];
  for (const chunk of chunks) {
    // As a socket does: its buffer is used again.
    const lent = Buffer.from(chunk);
    reader.push(lent, frame => heard.push(frame));
    lent.fill(0xff);
  }
  return heard;
}

test('a stream cut anywhere is the same frames', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(150)), (frames, lengths) => {
      const stream = Buffer.concat(frames.map(encode));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const length of lengths) {
        chunks.push(stream.subarray(at, at + length));
        at += length;
      }
      assert.deepEqual(hear([...chunks, stream.subarray(at)]), frames.map(plain));
    }),
  );
});

test('one that is not sound is told in its place', () => {
  const bad = Buffer.from(sound);
  bad[0] = 200;
  const heard = hear([Buffer.concat([sound, bad, sound]), sound.subarray(0, 95)]);
  assert.deepEqual(
    heard.map(each => each?.kind),
    ['open', undefined, 'open'],
  );
});
