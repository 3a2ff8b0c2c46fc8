/** Which period's number is taken next, and the memory of those that were. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { type Choice, fileStepMemory, nextStep, takeInProcess } from '../../src/client/steps.js';
import { stepsTaken } from '../../src/methods/sequence-number/format.js';
import { libc } from '../../src/net/libc.js';
import { temporaryFolder } from '../e2e/harness/folder.js';

const seconds = (period: number, tolerance: number) => ({
  periodMs: period * 1000,
  toleranceMs: tolerance * 1000,
});

const table: readonly [
  title: string,
  now: number,
  periods: ReturnType<typeof seconds>,
  spent: number[],
  expected: Choice,
][] = [
  ['the current one first', 100_000, seconds(30, 30), [], { step: 3 }],
  ['then the next', 100_000, seconds(30, 30), [3], { step: 4 }],
  ['then the one before', 100_000, seconds(30, 30), [3, 4], { step: 2 }],
  [
    'then none: as long as until a right clock takes another',
    100_000,
    seconds(30, 30),
    [2, 3, 4],
    { waitMs: 20_000 },
  ],
  ['what is spent ahead is passed over', 100_000, seconds(30, 30), [2, 3, 4, 5, 6], { waitMs: 80_000 }],
  ['without tolerance there is one', 100_000, seconds(30, 0), [3], { waitMs: 20_000 }],
  ['a period that begins at this moment', 120_000, seconds(30, 0), [3], { step: 4 }],
  ['half a tolerance: the next is not good yet', 100_000, seconds(30, 15), [3], { step: 2 }],
  [
    'half a tolerance, later: the one before is not good any more',
    119_000,
    seconds(30, 15),
    [3],
    { step: 4 },
  ],
  ['half a tolerance, later still', 119_000, seconds(30, 15), [3, 4], { waitMs: 16_000 }],
  ['further away by turns', 100_000, seconds(30, 60), [3, 4, 2, 5], { step: 1 }],
  ['the first of all', 0, seconds(30, 30), [0, 1], { waitMs: 30_000 }],
];

for (const [title, now, periods, spent, expected] of table) {
  test(title, () => {
    const isSpent = (step: number) => spent.includes(step);
    assert.deepEqual(nextStep({ now, periods, isSpent }), expected);
  });
}

test('what is taken is good and new; what is waited for is then', () => {
  const given = fc.record({
    now: fc.integer({ min: 0, max: 1e13 }),
    period: fc.integer({ min: 1, max: 60 }),
    tolerance: fc.integer({ min: 0, max: 120 }),
    count: fc.integer({ min: 1, max: 300 }),
  });
  fc.assert(
    fc.property(given, ({ now, period, tolerance, count }) => {
      const periods = seconds(period, tolerance);
      const { first, last } = stepsTaken(now, periods);
      const spent = new Set<number>();
      const isSpent = (step: number) => spent.has(step);
      for (let taken = 0; taken < count; taken++) {
        const choice = nextStep({ now, periods, isSpent });
        if ('waitMs' in choice) {
          assert.equal(spent.size, last - first + 1);
          assert(choice.waitMs > 0);
          const then = nextStep({ now: now + choice.waitMs, periods, isSpent });
          assert('step' in then && then.step === last + 1);
          assert('waitMs' in nextStep({ now: now + choice.waitMs - 1, periods, isSpent }));
          return;
        }
        assert(choice.step >= first && choice.step <= last && !spent.has(choice.step));
        spent.add(choice.step);
      }
    }),
    { numRuns: 200 },
  );
});

const stepsModule = import.meta.resolve('../../src/client/steps.js');
const notLinux = process.platform !== 'linux' && 'locks are for Linux alone';
const exclusively = 2;

const periods = seconds(30, 30);
const source = (psk: string, port = 22) => ({ psk: Buffer.from(psk), port, periods });
const thisStep = Math.floor(Date.now() / 30_000);

/** Takes the first step from a given one on that was not taken. */
const from = (first: number) => (taken: ReadonlySet<number>) => {
  let step = first;
  while (taken.has(step)) step += 1;
  return { step };
};

test('a file remembers across processes, for each key, port and period by itself', async t => {
  const folder = temporaryFolder(t, 'steps');
  const memory = (...of: Parameters<typeof source>) =>
    fileStepMemory(source(...of), why => assert.fail(why), folder);
  assert.deepEqual(await memory('a').take(from(thisStep)), { step: thisStep });
  assert.deepEqual(await memory('a').take(from(thisStep)), { step: thisStep + 1 });
  assert.deepEqual(await memory('b').take(from(thisStep)), { step: thisStep });
  assert.deepEqual(await memory('a', 80).take(from(thisStep)), { step: thisStep });
  const [name] = readdirSync(folder).sort();
  assert.equal(readdirSync(folder).length, 3);
  assert.match(name!, /^[0-9a-f]{32}$/);
});

test('those who take at once take different ones', async t => {
  const folder = temporaryFolder(t, 'steps');
  const all = Array.from({ length: 8 }, () =>
    fileStepMemory(source('a'), why => assert.fail(why), folder).take(from(thisStep)),
  );
  const steps = (await Promise.all(all)).map(choice => 'step' in choice && choice.step);
  assert.equal(new Set(steps).size, 8);
});

test('waits for another program, and sees what it took', { skip: notLinux }, async t => {
  const folder = temporaryFolder(t, 'steps');
  const memory = fileStepMemory(source('a'), why => assert.fail(why), folder);
  await memory.take(from(thisStep));
  const fd = openSync(`${folder}/${readdirSync(folder)[0]}`, 'r+');
  libc().flock(fd, exclusively);
  const taking = memory.take(from(thisStep));
  // Long enough for one that does not wait to be through.
  await pause(200);
  writeSync(fd, `${thisStep + 1}\n`, 0);
  closeSync(fd);
  assert.deepEqual(await taking, { step: thisStep });
});

test('a wait is not remembered, and what ended long ago is forgotten', async t => {
  const folder = temporaryFolder(t, 'steps');
  const memory = fileStepMemory(source('a'), why => assert.fail(why), folder);
  assert.deepEqual(await memory.take(() => ({ waitMs: 5 })), { waitMs: 5 });
  await memory.take(() => ({ step: thisStep - 10_000 }));
  await memory.take(() => ({ step: thisStep - 100 }));
  await memory.take(() => ({ step: thisStep }));
  const [name] = readdirSync(folder);
  assert.equal(readFileSync(`${folder}/${name}`, 'utf8'), `${thisStep - 100}\n${thisStep}\n`);
});

test('a file of something else is read as none', async t => {
  const folder = temporaryFolder(t, 'steps');
  const memory = fileStepMemory(source('a'), why => assert.fail(why), folder);
  await memory.take(from(thisStep));
  const [name] = readdirSync(folder);
  writeFileSync(`${folder}/${name}`, `\0\xff no step\n${'9'.repeat(99)}\n${thisStep}\n`);
  assert.deepEqual(await memory.take(from(thisStep)), { step: thisStep + 1 });
});

test('where nothing can be kept it says so, and this process remembers', async t => {
  const folder = temporaryFolder(t, 'steps');
  writeFileSync(`${folder}/file`, '');
  const said: string[] = [];
  const memory = () => fileStepMemory(source('c'), why => said.push(why), `${folder}/file`);
  assert.deepEqual(await memory().take(from(thisStep)), { step: thisStep });
  assert.deepEqual(await memory().take(from(thisStep)), { step: thisStep + 1 });
  assert.equal(said.length, 2);
  assert.match(said[0]!, /numbers that were used cannot be kept \(E(NOTDIR|EXIST)\)$/);
});

/** Has another process take two steps, in a folder where files can grow to some blocks of 512 bytes alone. */
function takeTwice(folder: string, blocks: number | 'unlimited') {
  const taking = `import { fileStepMemory } from ${JSON.stringify(stepsModule)};
    const source = { psk: Buffer.from('d'), port: 22, periods: ${JSON.stringify(periods)} };
    const memory = fileStepMemory(source, why => process.stderr.write(why), process.argv[1]);
    const choose = taken => ({ step: [${thisStep}, ${thisStep + 1}].find(step => !taken.has(step)) });
    console.log(JSON.stringify([await memory.take(choose), await memory.take(choose)]));`;
  const argv = [process.execPath, '--input-type=module', '-e', taking, folder];
  const script = `ulimit -f ${blocks}; exec "$@"`;
  return spawnSync('sh', ['-c', script, 'sh', ...argv], { encoding: 'utf8', timeout: 20_000 });
}

test('a folder in which there can be none is a failure like others', { skip: notLinux }, () => {
  const { stdout, stderr } = takeTwice('/proc/none/state', 'unlimited');
  assert.match(stdout, new RegExp(`^\\[{"step":${thisStep}},{"step":${thisStep + 1}}\\]$`, 'm'));
  assert.match(stderr, /numbers that were used cannot be kept \(ENOENT\)/);
});

for (const [what, blocks, kept] of [
  ['nothing can be written', 0, 0],
  ['not all can be written', 1, 60],
] as const) {
  test(`where ${what}, the number is not taken again`, { skip: notLinux }, async t => {
    const folder = temporaryFolder(t, 'steps');
    const memory = fileStepMemory(source('d'), why => assert.fail(why), folder);
    await memory.take(from(thisStep));
    const path = `${folder}/${readdirSync(folder)[0]}`;
    const before = Array.from({ length: kept }, (_, index) => `${thisStep - 99 + index}\n`);
    writeFileSync(path, before.join(''));
    const { stdout, stderr } = takeTwice(folder, blocks);
    assert.deepEqual(JSON.parse(stdout), [{ step: thisStep }, { step: thisStep + 1 }]);
    assert.match(stderr, /numbers that were used cannot be kept \(EFBIG\)/);
  });
}

test('a folder that is not there is made', async t => {
  const folder = temporaryFolder(t, 'steps');
  mkdirSync(`${folder}/a`);
  const memory = fileStepMemory(source('a'), why => assert.fail(why), `${folder}/a/b/c`);
  assert.deepEqual(await memory.take(from(thisStep)), { step: thisStep });
});

test('a process remembers by itself', () => {
  const take = (psk: string) => takeInProcess(source(psk), Date.now(), from(thisStep));
  assert.deepEqual(
    [take('x'), take('x'), take('y')],
    [{ step: thisStep }, { step: thisStep + 1 }, { step: thisStep }],
  );
});
