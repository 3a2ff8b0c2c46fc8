/** What is closed before its time: by hand, and where the configuration or the keys of clients allow it no more. */
import { isCertificateHolder, mayStayOpen } from './asked.js';
import { type Config, type Door, Permissions } from './config.js';
import type { Errands } from './errands.js';
import type { Keeper } from './keeper.js';
import type { Log } from './log.js';
import { byHand, closedByHand } from './opening.js';

export class Closing {
  readonly #guard: Keeper | undefined;
  readonly #errands: Errands;
  readonly #log: Log;

  constructor(guard: Keeper | undefined, errands: Errands, log: Log) {
    this.#guard = guard;
    this.#errands = errands;
    this.#log = log;
  }

  /** Closes what this configuration does not allow, of openings that were there before it. */
  closeForbidden(config: Config): void {
    const isAllowed = stillAllowed(config);
    this.#guard?.closeForbidden(isAllowed);
    this.#errands.closeForbidden(isAllowed);
  }

  /** @returns whether it was open */
  async closeByHand(door: Door, source: Uint8Array): Promise<boolean> {
    const wasRun = door.kind === 'command' && (await this.#errands.close(door.name, source));
    const wasOpen = this.#guard?.close(door, source) === true || wasRun;
    if (wasOpen) this.#log.info({ event: 'closed', door: door.name }, closedByHand(door, source));
    return wasOpen;
  }
}

/** An opening made by hand, here or with nft, is nobody's to forbid. */
export function stillAllowed(config: Config): (client: string, door: string) => boolean {
  const permissions = new Permissions(config);
  return (client, door) => {
    if (isCertificateHolder(client)) return mayStayOpen(config, door);
    return client === '' || client === byHand || permissions.allows(client, door);
  };
}
