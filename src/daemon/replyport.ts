/**
 * The UDP port that challenges come from: the monitor opens its sockets and takes the port, the listener sends by them.
 *
 * They are opened at every start, for a configuration that is read later may want them. A port that was taken is kept until
 * the daemon ends: to have it sent from another, a restart is needed.
 */
import { SystemError } from '../net/libc.js';
import { openReplySockets, type ReplySockets, takePort } from '../net/replysocket.js';
import { OperatorError } from '../system/error.js';
import type { Config } from './config.js';

const families = ['ipv4', 'ipv6'] as const;

export class ReplyPort {
  readonly sockets: ReplySockets = openReplySockets();
  /** What each has taken. */
  readonly #ports: Partial<Record<keyof ReplySockets, number>> = {};

  /** @throws OperatorError where the port cannot be had */
  constructor(config: Config) {
    this.adopt(config);
  }

  /** Whether hellos of IPv6 can be answered. */
  get hasIPv6(): boolean {
    return this.#ports.ipv6 !== undefined;
  }

  /** Takes the port that this configuration has. @throws OperatorError where it cannot be had, or needs a restart */
  adopt({ challenge, file }: Config): void {
    if (challenge === undefined) return;
    for (const family of families) this.#take(family, challenge.port, file);
  }

  #take(family: keyof ReplySockets, port: number, file: string): void {
    const taken = this.#ports[family];
    if (taken === port) return;
    if (taken !== undefined) {
      const text = `the port of [challenge] cannot change while running: it is ${taken}`;
      throw new OperatorError('needs-restart', text, { file, hint: 'restart portknockd' });
    }
    try {
      takePort(this.sockets, family, port);
      this.#ports[family] = port;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      // A machine may do without IPv6; status says so.
      if (family === 'ipv6' && error.code !== 'EADDRINUSE') return;
      const text = `cannot send challenges from UDP port ${port}: ${error.code}`;
      throw new OperatorError('no-challenge-port', text, { file, hint: hintFor(error.code, port) });
    }
  }
}

function hintFor(code: string, port: number): string {
  if (code === 'EADDRINUSE')
    return `another program has it (see: ss -ulpn sport = :${port}); end that, or set another port`;
  if (code === 'EACCES')
    return 'ports below 1024 take CAP_NET_BIND_SERVICE: add it as portknockd.service.d/challenges.conf says, or set a port from 1024';
  if (code === 'EAFNOSUPPORT')
    return 'the unit forbids UDP: put portknockd.service.d/challenges.conf beside it (examples/systemd)';
  return 'the interface lo must be up and have 127.0.0.1 (ip link set lo up)';
}
