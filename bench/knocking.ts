/** One knock of a contender, from an address that it has not heard before, and how long its door takes. */
import type { Contender } from './contender.js';
import { doorPort } from './namespaces.js';

const timeoutMs = 3000;

/** @param door another port than the guarded one is open before the knock @returns ms @throws where it never opened */
export async function knockAt(contender: Contender, door = doorPort): Promise<number> {
  const { pipe, place } = contender;
  const { prober, server, freshSource } = place;
  const source = freshSource();
  const { ms } = await prober.ask({
    do: 'knock',
    source,
    address: server.ipv4,
    packets: contender.composeKnocks([source])[0]!,
    door,
    ...(pipe === undefined ? {} : { pipe }),
    timeoutMs,
    alwaysOpen: door !== doorPort,
  });
  if (ms === undefined) throw new Error(`${contender.name}: a knock did not open within ${timeoutMs} ms`);
  return ms;
}
