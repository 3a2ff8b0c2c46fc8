/** Services as requests and profiles spell them. */
import { tcp, udp } from '../net/packet.js';

/** `tcp/22` → { protocol: 6, port: 22 }; undefined where it is none. A port has one spelling. */
export function parseService(text: string): { readonly protocol: number; readonly port: number } | undefined {
  const [, protocol, digits] = /^(tcp|udp)\/([1-9]\d{0,4})$/.exec(text) ?? [];
  const port = Number(digits);
  if (protocol === undefined || port > 65535) return undefined;
  return { protocol: protocol === 'tcp' ? tcp : udp, port };
}
