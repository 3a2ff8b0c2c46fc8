/**
 * How fast it could be at all: the same knock and the same prober where no daemon is in the way. Sixteen ports told apart
 * by nftables alone, and a port that is open before the knock.
 */
import type { Scope } from '../test/e2e/harness/program.js';
import type { Contender, KnockPacket } from './contender.js';
import { sequence } from './knockd.js';
import { guardChain, makePlace, openForMs, type Place } from './namespaces.js';

/** As large as an administrator would make them; who is first heard while one is full is not heard. */
const setSize = 65535;

export class Floor implements Contender {
  readonly name = 'floor';
  readonly place: Place;
  readonly garbage = { ports: sequence };
  /** A port that nothing guards. */
  readonly openPort = 80;

  static async create(scope: Scope): Promise<Floor> {
    const floor = new Floor(await makePlace(scope));
    await floor.place.server.serve(floor.openPort, 'open');
    await floor.place.server.namespace.nft(firewall());
    return floor;
  }

  private constructor(place: Place) {
    this.place = place;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async processes(): Promise<number[]> {
    return [];
  }

  async lost(): Promise<undefined> {
    return undefined;
  }

  composeKnocks(sources: readonly string[]): readonly (readonly KnockPacket[])[] {
    return sources.map(() => sequence.map(port => ({ port })));
  }
}

/** One set for each port heard, and who is in it may knock at the next. */
function firewall(): string {
  const steps = sequence.slice(1).map((_, index) => `step${index + 1}`);
  const sets = steps.map(
    name => `set ${name} { type ipv4_addr; flags dynamic,timeout; timeout 5s; size ${setSize}; }`,
  );
  const rules = sequence.map((port, index) => {
    const heard = index === 0 ? '' : `ip saddr @${steps[index - 1]} `;
    const reached =
      steps[index] === undefined
        ? `open { ip saddr timeout ${openForMs}ms }`
        : `${steps[index]} { ip saddr }`;
    return `tcp dport ${port} ${heard}add @${reached} drop`;
  });
  return `table inet bench {
  set open { type ipv4_addr; flags dynamic,timeout; timeout 1s; size ${setSize}; }
  ${sets.join('\n  ')}
  chain window {
    type filter hook prerouting priority raw; policy accept
    ${rules.join('\n    ')}
    tcp dport { ${sequence.join(', ')} } drop
  }
  ${guardChain()}
}`;
}
