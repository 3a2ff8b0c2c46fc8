/**
 * Where a door's command says for whom it was started: a named pipe, one line of an address each time. It is read without
 * Node's event loop, so that only the command is waited for.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { isReadable } from './sockets.js';

/** A pipe's whole content. */
const roomLength = 65_536;

/** A shell's own command, which is as quick as can be; opened both ways, the pipe holds up nobody while none reads. */
export function tellingCommand(pipe: string, source: string): string {
  return `echo ${source} 1<>${pipe}`;
}

/** The reading end. */
export class CommandPipe {
  readonly #fd: number;
  readonly #room = Buffer.alloc(roomLength);
  readonly #told = new Set<string>();
  #rest = '';

  /** @throws where there is no such pipe */
  constructor(path: string) {
    // Were it open for reading only, it would seem readable whenever no command has it open.
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  }

  /** Whether a command was started for a source since this was made; waits so long for word of any. */
  hasTold(source: string, waitMs = 0): boolean {
    if (!this.#told.has(source) && isReadable(this.#fd, waitMs))
      this.#take(this.#room.toString('latin1', 0, readSync(this.#fd, this.#room)));
    return this.#told.has(source);
  }

  /** When a command was started for a source; undefined where it was not until then. @param deadline of `performance` */
  toldBy(source: string, deadline: number): number | undefined {
    for (;;) {
      const left = deadline - performance.now();
      if (left < 0) return undefined;
      if (this.hasTold(source, left)) return performance.now();
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#told.add(line);
  }
}
