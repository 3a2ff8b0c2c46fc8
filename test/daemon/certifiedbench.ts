/** A configuration that takes datagrams, for tests: no file of it is read. */
import type { Config, DatagramSettings, Door, ServiceDoor } from '../../src/daemon/config.js';
import { tcp } from '../../src/net/packet.js';

const datagram: DatagramSettings = {
  authorities: [Uint8Array.of(1, 2)],
  serverKey: Uint8Array.of(3),
  serverCertificate: Uint8Array.of(4),
  skewMs: 30_000,
  openForMs: 15_000,
  policy: 'none',
  allowOtherAddress: false,
  revocation: { file: undefined, url: undefined, refreshMs: 60_000, required: true },
};

/** A door with TCP services. */
export function door(name: string, ports: readonly number[], more: Partial<ServiceDoor> = {}): Door {
  return {
    kind: 'services',
    name,
    command: undefined,
    openForMs: 30_000,
    sequence: undefined,
    services: ports.map(port => ({ protocol: tcp, port })),
    singleUse: false,
    sequenceNumber: false,
    datagram: true,
    ...more,
  };
}

export function configOf(
  doors: readonly Door[],
  settings: Partial<DatagramSettings> | undefined = {},
): Config {
  return {
    file: '/x/portknockd.toml',
    stateDirectory: '/x/state',
    user: 'nobody',
    capture: { from: 'nflog', group: 5 },
    group: 5,
    portSequence: undefined,
    sequenceNumber: undefined,
    datagram: { ...datagram, ...settings },
    challenge: undefined,
    firewall: { backend: 'nftables', rules: [] },
    alwaysAllow: [],
    doors,
    clients: [],
    tellsStages: false,
    tellsPackets: false,
    warnings: [],
  };
}
