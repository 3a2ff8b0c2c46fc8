/** A real portknockd that is started and stopped, and asked what only it knows. */
import type { Daemon } from '../test/e2e/harness/daemon.js';
import type { Program } from '../test/e2e/harness/program.js';

/** Fifty thousand clients are a configuration of 5 MB. */
const patienceMs = 60_000;

interface Status {
  readonly pid: number;
  readonly listener_pid: number;
  readonly counters: { readonly lost: number };
}

/** The half of a contender that is its daemon. */
export abstract class RunningDaemon {
  /** Configured, not yet started. */
  protected abstract readonly daemon: Daemon;
  #program: Program | undefined;

  async start(): Promise<void> {
    this.#program = this.daemon.command(['run']);
    await this.#program.line(/ready/, patienceMs);
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
  }

  async processes(): Promise<number[]> {
    const { pid, listener_pid: listener } = await this.#status();
    return [pid, listener];
  }

  async lost(): Promise<number> {
    return (await this.#status()).counters.lost;
  }

  async #status(): Promise<Status> {
    const program = this.daemon.command(['status', '--json']);
    await program.end(patienceMs);
    return JSON.parse(program.stdout) as Status;
  }
}
