/** Commands of a knockd.conf: for a shell, by the family of the source, each after the one before it, and owed once. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readyCommand } from '../../src/daemon/command.js';
import type { CommandDoor } from '../../src/daemon/config.js';
import { Errands } from '../../src/daemon/errands.js';
import { Journal } from '../../src/daemon/journal.js';
import { Runner } from '../../src/daemon/runner.js';
import { parseAddress } from '../../src/net/address.js';
import { temporaryFolder } from './folder.js';
import { Logbook, until } from './logbook.js';

const four = parseAddress('192.0.2.7')!;
const six = parseAddress('2001:db8::7')!;
const values = { source: '192.0.2.7', client: '*', door: 'ssh' };
const shell = (text: string) => ({ ipv4: { shell: text }, ipv6: undefined });

class Place {
  readonly folder: string;
  readonly book = new Logbook();
  readonly errands: Errands;

  constructor(t: TestContext) {
    this.folder = temporaryFolder(t);
    const journal = new Journal(join(this.folder, 'journal'));
    this.errands = new Errands(journal, new Runner(this.book.log), this.book.log);
    t.after(async () => {
      await this.errands.closeAll();
      journal.close();
    });
  }

  door(start: string, stop: string, openForMs: number): CommandDoor {
    const command = (text: string) => ({ shell: text.replaceAll('FILE', join(this.folder, 'said')) });
    return {
      kind: 'command',
      name: 'ssh',
      command: undefined,
      openForMs,
      sequence: undefined,
      run: { ipv4: command(start), ipv6: command(`${start} in six`) },
      closeRun: { ipv4: command(stop), ipv6: command(stop) },
      runAs: undefined,
      timeLimitMs: undefined,
    };
  }

  get said(): string[] {
    const path = join(this.folder, 'said');
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  }
}

test('%IP% is put in wherever it stands, and nothing else is', () => {
  const text = 'a %IP% {source} $HOME %PORT% %%IP%%';
  assert.deepEqual(readyCommand(shell(text), four, values), {
    argv: ['/bin/sh', '-c', 'a 192.0.2.7 {source} $HOME %PORT% %192.0.2.7%'],
    inherits: true,
  });
  assert.equal(readyCommand(shell(text), six, values), undefined, 'each family has its own');
  assert.equal(readyCommand(undefined, four, values), undefined);
});

test('a command of more than 4095 bytes with the address in it is not run', () => {
  const room = 4095 - '192.0.2.7'.length;
  assert.equal(readyCommand(shell(`${'x'.repeat(room)}%IP%`), four, values)?.argv[2]?.length, 4095);
  assert.throws(() => readyCommand(shell(`${'x'.repeat(room + 1)}%IP%`), four, values), /has been truncated/);
  assert.throws(
    () => readyCommand(shell(`${'ä'.repeat(room / 2 + 1)}%IP%`), four, values),
    /has been truncated/,
  );
});

test('the start command of its family, then the stop command, whatever their status is', async t => {
  const place = new Place(t);
  place.errands.open(place.door('echo start >> FILE; exit 3; :', 'echo stop >> FILE; exit 1', 50), four, '*');
  await until(() => place.said.length === 2 && place.errands.owed.length === 0);
  assert.deepEqual(place.said, ['start', 'stop'], 'a stop command that failed has been run all the same');
  place.errands.open(place.door('echo start >> FILE; echo', 'true', 50), six, '*');
  await until(() => place.said.length === 3);
});

test('a stop command does not overtake its start command, and counts from its end', async t => {
  const place = new Place(t);
  const slow = place.door('date +%s%N >> FILE; sleep 1.2; date +%s%N >> FILE', 'date +%s%N >> FILE', 300);
  place.errands.open(slow, four, '*');
  await until(() => place.said.length === 3);
  const [, ended, stopped] = place.said.map(time => Number(BigInt(time) / 1_000_000n));
  assert.ok(stopped! - ended! >= 290, `${stopped! - ended!} ms after the end`);
});

test('at the end of the daemon the stop command waits for the start command too', async t => {
  const place = new Place(t);
  place.errands.open(place.door('sleep 0.3; echo start >> FILE', 'echo stop >> FILE', 60_000), four, '*');
  await place.errands.closeAll();
  assert.deepEqual(place.said, ['start', 'stop']);
});

test('a knock while open runs nothing again, and keeps it open for longer', async t => {
  const place = new Place(t);
  const door = place.door('echo start >> FILE', 'echo stop >> FILE', 400);
  assert.equal(place.errands.open(door, four, '*'), 'ran');
  await until(() => place.said.length === 1);
  const before = place.errands.owed[0]!.dueAt;
  assert.equal(place.errands.open(door, four, '*'), 'extended');
  assert.ok(place.errands.owed[0]!.dueAt >= before);
  await until(() => place.errands.owed.length === 0);
  assert.deepEqual(place.said, ['start', 'stop']);
});

test('what hangs does not keep the daemon from ending, and stays owed', async t => {
  const place = new Place(t);
  place.errands.open(place.door('echo start >> FILE; sleep 2', 'echo stop >> FILE', 60_000), four, '*');
  await until(() => place.said.length === 1);
  await place.errands.closeAll({ startedMs: 50, allMs: 5000 });
  assert.deepEqual(place.said, ['start', 'stop'], 'a start command that goes on is waited for no longer');
  place.errands.open(place.door('true', 'sleep 2', 60_000), six, '*');
  await place.errands.closeAll({ startedMs: 50, allMs: 100 });
  assert.equal(place.errands.owed.length, 1);
  assert.match(place.book.errors.at(-1)!, /^1 doors may still be open/);
});
