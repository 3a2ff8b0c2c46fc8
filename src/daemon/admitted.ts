/** Connections that the kernel has let in by their sequence numbers: checked again, told, and their numbers not put back. */
import { formatAddress } from '../net/address.js';
import type { Permissions } from './config.js';
import type { Frame } from './frames.js';
import type { Keeper } from './keeper.js';
import { numberedPorts } from './series.js';
import type { Teller } from './told.js';
import { whoOpens } from './wording.js';

/** @param frame `admitted`: which number let whom in, as the listener makes it out; no client: it cannot */
export function tellAdmitted(
  { source: address, door: doorName, client, value: at, detail: number }: Frame,
  permissions: Permissions,
  guard: Keeper | undefined,
  teller: Teller,
): void {
  const told = { at, address, door: doorName, client };
  if (client === '') {
    const who = `opened a guarded port for somebody from ${formatAddress(address)}`;
    const text = `${who}: by a sequence number of nobody now, as when the clock or the configuration has just changed`;
    teller.knock({ ...told, outcome: 'opened' }, 'warn', text);
    return;
  }
  const door = permissions.findNumbered(client, doorName);
  if (typeof door === 'string') {
    teller.knock({ ...told, outcome: door }, 'warn', `refused: ${door}: ${client} for ${doorName}`);
    return;
  }
  const ports = numberedPorts([door]);
  const port = guard?.markUsed(number, ports);
  const services = (port === undefined ? ports : [port]).map(each => `tcp/${each}`).join(' or ');
  const text = `opened ${whoOpens(door, client, address)}: a connection to ${services}, by its sequence number`;
  teller.knock({ ...told, outcome: 'opened' }, 'info', text);
}
