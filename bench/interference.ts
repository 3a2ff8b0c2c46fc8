/**
 * How many knocks open the door while a stranger, who knows the client's address, sends SYNs in its name to random ports
 * of the window: what it takes to stop one client. portknock alone.
 */
import type { Contender } from './contender.js';
import { doorPort, openForMs } from './namespaces.js';
import { pinDaemon } from './processors.js';
import type { Figure } from './table.js';

/** Packets a second in the name of one client. */
const rates = [500, 2000, 5000, 10_000, 20_000, 50_000] as const;
/** In how much time a knock's packets leave: at once, and as `portknock` sends them without privilege. */
const bursts = [
  { burst: 'at once', burstMs: 0 },
  { burst: 'within 4 ms', burstMs: 4 },
] as const;
/** Clients that knock by turns: one alone would have to wait long between two knocks, lest they count as noise. */
const clients = 4;
/** The allowance for noisy sources is used up by then at most rates that exceed it. */
const leadMs = 6000;
const patienceMs = 100;
/** The door opens for `openForMs`, and must be shut again before the next knock from the same address. */
const everyMs = 100;

/** The contender runs already. */
export async function measureInterference(contender: Contender, knocks: number): Promise<Figure[]> {
  if (everyMs * clients < patienceMs + openForMs) throw new RangeError('the door would still be open');
  pinDaemon(await contender.processes());
  const figures: Figure[] = [];
  for (const { burst, burstMs } of bursts) {
    for (const perSecond of rates) {
      figures.push({
        group: `knocks that open while a stranger sprays the window in the client's own name, one try each, ${knocks} each`,
        name: `${perSecond.toLocaleString('en')}/s, sent ${burst}`,
        unit: '%',
        values: { portknock: { value: await knockSprayed(contender, perSecond, burstMs, knocks) } },
      });
    }
  }
  return figures;
}

async function knockSprayed(
  contender: Contender,
  perSecond: number,
  burstMs: number,
  knocks: number,
): Promise<number> {
  const { place, garbage } = contender;
  const sources = Array.from({ length: clients }, () => place.freshSource());
  const turns = Array.from({ length: knocks }, (_, knock) => sources[knock % clients]!);
  const planned = contender.composeKnocks(turns).map((packets, knock) => ({
    source: turns[knock]!,
    arrivals: packets.map((packet, number) => ({
      packet,
      number,
      at: (burstMs * number) / (packets.length - 1),
    })),
  }));
  const { opened = [] } = await place.prober.ask({
    do: 'series',
    address: place.server.ipv4,
    door: doorPort,
    knocks: planned,
    everyMs,
    patienceMs,
    flood: { garbage, perSecond: perSecond * clients, sources, leadMs },
  });
  return (opened.filter(each => each).length * 100) / knocks;
}
