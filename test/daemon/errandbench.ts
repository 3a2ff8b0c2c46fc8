/** A place for command doors: a state directory, doors, and what their commands wrote down. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { CommandDoor } from '../../src/daemon/config.js';
import { Errands } from '../../src/daemon/errands.js';
import { Journal } from '../../src/daemon/journal.js';
import { Runner } from '../../src/daemon/runner.js';
import { temporaryFolder } from './folder.js';
import { Logbook, until } from './logbook.js';

/** A state directory, and a file in which commands say that they were run. */
export class Bench {
  readonly folder: string;
  readonly book = new Logbook();
  readonly #t: TestContext;

  constructor(t: TestContext) {
    this.#t = t;
    this.folder = temporaryFolder(t);
  }

  get journalPath(): string {
    return join(this.folder, 'journal');
  }

  /** What a daemon has after its start. */
  start(): Errands {
    const journal = new Journal(this.journalPath);
    this.#t.after(() => journal.close());
    const errands = new Errands(journal, new Runner(this.book.log), this.book.log);
    // Its timers, as those of a process that was killed.
    this.#t.after(() => errands.closeAll());
    errands.start();
    return errands;
  }

  /** A door whose commands write down what they were called with; a script may do something else instead. */
  door(openForMs: number, { run = this.note('open'), close = this.note('close') } = {}): CommandDoor {
    const argv = (script: string) => {
      const command = { argv: ['/bin/sh', '-c', script, '{door}', '{client}', '{source}'] } as const;
      return { ipv4: command, ipv6: command };
    };
    return {
      kind: 'command',
      name: 'backup',
      command: 2,
      openForMs,
      sequence: undefined,
      run: argv(run),
      closeRun: argv(close),
      runAs: undefined,
      timeLimitMs: 5000,
    };
  }

  note(word: string): string {
    return `echo ${word} $0 $1 $2 >> ${this.folder}/said`;
  }

  get said(): string[] {
    const path = join(this.folder, 'said');
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  }

  /** Waits for so many lines. */
  async saying(count: number): Promise<string[]> {
    await until(() => this.said.length >= count);
    return this.said;
  }
}
