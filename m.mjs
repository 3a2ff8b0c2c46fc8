import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Datagram } from './dist/src/methods/datagram/recognise.js';
import { parseAddress } from './dist/src/net/address.js';
import { newPacket } from './dist/src/net/packet.js';

const pem = p => createPrivateKey(p).export({ type: 'pkcs8', format: 'der' });
for (const f of ['1.0.0', '0.0.1-captured']) {
  const v = JSON.parse(readFileSync(`test/vectors/sknock-${f}.json`));
  const site = {
    serverKey: pem(v.server_key_pkcs8_pem),
    authorities: [Buffer.from(v.ca_cert_der, 'hex')],
    skewMs: 7000,
    allowOtherAddress: false,
    listRequired: false,
    lists: [],
    doors: [],
    anyPort: true,
  };
  const d = new Datagram(site, () => false);
  for (const p of v.packets) {
    const k = newPacket();
    k.source.set(parseAddress(p.ip ?? p.address));
    k.at = p.timestamp * 1000 + 500;
    k.protocol = 17;
    k.payload = Buffer.from(p.udp_payload ?? (p.header ?? '61000001') + p.body, 'hex');
    console.log(await d.recognise(k, v.note ? Date.parse('2026-11-21') : undefined), k.payload.length);
    const t = performance.now();
    for (let i = 0; i < 200; i++) await d.recognise(k, v.note ? Date.parse('2026-11-21') : undefined);
    console.log(((performance.now() - t) / 200) * 1000, 'us');
  }
}
