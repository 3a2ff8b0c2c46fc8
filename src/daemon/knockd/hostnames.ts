/** knockd -l: the names of sources. A name that is slow to come is done without, and nothing but its lines waits for it. */
import { lookupService } from 'node:dns/promises';
import { setTimeout as pause } from 'node:timers/promises';

const patienceMs = 1000;
/** Names kept, and lines that wait. */
const most = 1000;

export class HostNames {
  readonly #known = new Map<string, Promise<string | undefined>>();
  #waiting = 0;
  /** Lines keep their order. */
  #order: Promise<void> = Promise.resolve();

  /** Calls back with the name of an address, in the order of the calls; with undefined where there is none. */
  find(source: string | undefined, found: (host: string | undefined) => void): void {
    if (this.#waiting >= most) {
      found(undefined);
      return;
    }
    this.#waiting++;
    const name = source === undefined ? undefined : this.#look(source);
    this.#order = this.#order.then(async () => {
      found(await name);
      this.#waiting--;
    });
  }

  #look(source: string): Promise<string | undefined> {
    const known = this.#known.get(source);
    if (known !== undefined) return known;
    if (this.#known.size >= most) this.#known.clear();
    const name = Promise.race([nameOf(source), pause(patienceMs, undefined, { ref: false })]);
    this.#known.set(source, name);
    return name;
  }
}

async function nameOf(source: string): Promise<string | undefined> {
  try {
    const { hostname } = await lookupService(source, 0);
    // Whoever owns the address chooses its name, and filters read the log.
    return hostname !== source && /^[\w.-]{1,255}$/.test(hostname) ? hostname : undefined;
  } catch {
    return undefined;
  }
}
