/** A daemon's configuration with sequence numbers, made without reading one. */
import type { ClientSettings, Config, Door } from '../../src/daemon/config.js';
import { site } from '../methods/sequence-number/sending.js';

export const siteKey = Buffer.alloc(32, 0x51);
export const clientKey = Buffer.alloc(32, 0x1a);

function door(name: string, ports: readonly number[], command?: number): Door {
  return {
    kind: 'services',
    name,
    command,
    openForMs: 30_000,
    sequence: undefined,
    services: ports.map(port => ({ protocol: 6, port })),
    singleUse: false,
    sequenceNumber: command === undefined,
    datagram: false,
  };
}

const sealedClient: ClientSettings = {
  kind: 'sealed',
  name: 'tablet',
  doors: ['mail'],
  revoked: false,
  id: 7,
  key: clientKey,
  addressRequired: true,
};

/** The server of test/methods/sequence-number, and a door that is knocked at in port sequences. */
export const config: Config = {
  file: 'portknockd.toml',
  stateDirectory: 'state',
  user: 'portknock',
  capture: { from: 'nflog', group: 5 },
  group: 5,
  sequenceNumber: { periodMs: 30_000, toleranceMs: 30_000, port: undefined, guessesPerSecond: 10 },
  datagram: undefined,
  challenge: undefined,
  firewall: { backend: 'nftables', rules: [] },
  portSequence: { spelling: 'ordered', basePort: 40_000, skewMs: 60_000, siteKey },
  alwaysAllow: [],
  doors: [...site.doors.map(({ name, ports }) => door(name, ports)), door('mail', [25], 1)],
  clients: [...site.clients.map(client => ({ ...client, kind: 'psk' as const })), sealedClient],
  tellsStages: false,
  tellsPackets: false,
  warnings: [],
};
