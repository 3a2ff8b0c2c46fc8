/** What the monitor does with the listener's word on datagrams: checks it again, opens one service, tells of it. */
import { isUnicast } from '../net/address.js';
import { formatDuration } from '../system/duration.js';
import { OperatorError } from '../system/error.js';
import { certificateHolder, findAsked } from './asked.js';
import type { Config } from './config.js';
import { type Frame, unpackService } from './frames.js';
import { type Keeper, requireKeeper } from './keeper.js';
import { messageOf } from './log.js';
import { formatService } from './schema.js';
import { type Teller, whoFrom } from './told.js';
import { explainDatagram } from './wording.js';

/** @param frame `datagram`: one service for one source, asked for by the holder of a certificate */
export async function openAsked(
  frame: Frame,
  config: Config,
  guard: Keeper | undefined,
  teller: Teller,
): Promise<void> {
  const { source: address, value: at, detail, serial } = frame;
  const client = certificateHolder(frame.client);
  const from = whoFrom(frame);
  const service = unpackService(detail);
  const door = service === undefined ? 'unknown-command' : findAsked(config, service);
  if (service === undefined || typeof door === 'string') {
    const asked = service === undefined ? '' : formatService(service);
    const told = { at, address, door: asked, client, outcome: String(door), serial };
    return teller.knock(
      told,
      'warn',
      `refused: ${door}: ${from} for ${asked}${explainDatagram(String(door), 0)}`,
    );
  }
  const asked = formatService(service);
  const what = door.name === asked ? asked : `${asked} (door ${door.name})`;
  const told = { at, address, door: door.name, client, serial };
  try {
    if (!isUnicast(address)) throw new OperatorError('bad-source', 'its source is no host');
    await requireKeeper(guard).open(door, address, client);
    const text = `opened ${what} for ${from}, for ${formatDuration(door.openForMs)}`;
    teller.knock({ ...told, outcome: 'opened' }, 'info', text);
  } catch (error) {
    const text = `cannot open ${what} for ${from}: ${messageOf(error)}`;
    teller.knock({ ...told, outcome: 'failed' }, 'error', text);
  }
}
