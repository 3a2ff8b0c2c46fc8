/** A command that closes what a sequence opened is owed until it has run, whatever ends the daemon in between. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './harness/eventually.js';
import { missing } from './harness/isolation.js';
import { Trial } from './harness/knockd.js';
import type { Program, Scope } from './harness/program.js';
import { fromInterface, Sequenced, usual, usualDoor } from './harness/sequenced.js';
import { knock, logged, ran } from './harness/steps.js';

const skip = missing('/usr/bin/knock');
const ends = {
  'the monitor': async (daemon: Program) => daemon.kill(),
  'the listener': async (daemon: Program) => {
    process.kill(listenerOf(daemon.pid), 'SIGKILL');
    assert.deepEqual(await daemon.end(), { status: 1, signal: null });
  },
};

/** A second after it, all that could run twice would have. */
const againMs = 1200;

describe('a native door with close_run', { skip, concurrency: 4 }, () => {
  for (const [who, end] of Object.entries(ends)) {
    test(`is closed once after kill -9 of ${who}`, async t => {
      const { s, said } = await begin(t, '1s');
      await s.knock(usual);
      await eventually('the command ran', () => existsSync(said));
      await end(s.program);
      await s.daemon.run();
      await s.program.line(/closed job for \* from 10\.77\.1\.2/);
      await sleep(againMs);
      await s.program.stop();
      await s.daemon.run();
      await s.fence();
      assert.equal(readFileSync(said, 'latin1'), 'run 10.77.1.2\nclose 10.77.1.2\n');
    });
  }

  test('is not closed at a crash, but when its time is over', async t => {
    const { s, said } = await begin(t, '30s');
    await s.knock(usual);
    await eventually('the command ran', () => existsSync(said));
    await s.program.kill();
    await s.daemon.run();
    const { openings } = await s.status();
    assert.deepEqual(
      openings.map(({ door, source }) => [door, source]),
      [['job', '10.77.1.2']],
    );
    await s.knock(usual);
    await s.program.line(/extended job for a sequence from 10\.77\.1\.2/);
    assert.deepEqual(await s.program.stop(), { status: 0, signal: null });
    assert.equal(readFileSync(said, 'latin1'), 'run 10.77.1.2\nclose 10.77.1.2\n');
  });
});

async function begin(scope: Scope, openFor: string) {
  const s = await Sequenced.start(scope, { capture: fromInterface });
  const said = join(s.daemon.folder, 'said');
  const say = (word: string) => ['/bin/sh', '-c', `echo ${word} {source} >> ${said}`];
  const { services: _, ...door } = { ...usualDoor, name: 'job', open_for: openFor };
  await s.program.stop();
  // A daemon without a table is another one: a running one does not become that.
  s.configure({ capture: fromInterface }, { ...door, run: say('run'), close_run: say('close') });
  await s.daemon.run();
  return { s, said };
}

function listenerOf(monitor: number): number {
  const children = readFileSync(`/proc/${monitor}/task/${monitor}/children`, 'latin1').trim().split(' ');
  const command = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  return Number(children.find(pid => command(pid).includes('listener.cjs')));
}

const knockdOptions = ['-i', 'eth0', '-c', '/mnt/knockd.conf', '-g', '/mnt/log'];

function configuration(timeout: number, start = 'echo start %IP%'): string {
  return `[options]
  UseSyslog
[openSSH]
  sequence = 7000,8000:udp,9000
  seq_timeout = 5
  start_command = ${start} >> /mnt/ran
  tcpflags = syn
  cmd_timeout = ${timeout}
  stop_command = echo stop %IP% >> /mnt/ran
`;
}

const openAndShut = 'start 192.0.2.10\nstop 192.0.2.10\n';

async function startKnockd(scope: Scope, conf: string) {
  const trial = await Trial.create(scope, 'portknockd', { configuration: conf });
  trial.start(knockdOptions);
  await logged('starting up, listening on eth0')(trial);
  return trial;
}

describe('a knockd.conf with stop_command', { skip, concurrency: 4 }, () => {
  for (const [who, end] of Object.entries(ends)) {
    test(`is closed once after kill -9 of ${who}`, async t => {
      const trial = await startKnockd(t, configuration(1));
      await knock(usual)(trial);
      await ran(1)(trial);
      await end(trial.daemon!);
      trial.start(knockdOptions);
      await ran(2)(trial);
      await sleep(againMs);
      assert.deepEqual(await trial.daemon!.stop(), { status: 15, signal: null });
      assert.equal(trial.read('/mnt/ran'), openAndShut);
      assert.match(trial.read('/mnt/log'), /192\.0\.2\.10: openSSH: command timeout/);
    });
  }

  test('is closed at TERM, also where its start command is still running', async t => {
    const trial = await startKnockd(t, configuration(60, 'sleep 1.5; echo start %IP%'));
    await knock(usual)(trial);
    await logged('running command: sleep')(trial);
    assert.deepEqual(await trial.daemon!.stop(), { status: 15, signal: null });
    assert.equal(trial.read('/mnt/ran'), openAndShut);
  });

  test('is not closed before its start command has ended, and open for its whole time then', async t => {
    const trial = await startKnockd(t, configuration(1, 'sleep 2; echo start %IP%'));
    await knock(usual)(trial);
    await ran(1)(trial);
    assert.equal(trial.read('/mnt/ran'), 'start 192.0.2.10\n');
    await ran(2)(trial);
    assert.equal(trial.read('/mnt/ran'), openAndShut);
  });

  test('stays open for longer where it is knocked while open', async t => {
    const trial = await startKnockd(t, configuration(2));
    await knock(usual)(trial);
    await ran(1)(trial);
    await sleep(1200);
    await knock(usual)(trial);
    await logged('OPEN SESAME', 2)(trial);
    await sleep(1200);
    assert.equal(trial.read('/mnt/ran'), 'start 192.0.2.10\n');
    await ran(2)(trial);
    assert.equal(trial.read('/mnt/ran'), openAndShut);
  });
});
