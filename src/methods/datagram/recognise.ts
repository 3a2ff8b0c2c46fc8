/**
 * Packets in, a knock or a refusal out: the receiver of PROTOCOL.md section 8.4, the cheapest checks first.
 *
 * Pure: the clock is the packet's, and whether a datagram was heard before it asks. It opens nothing, and answers nobody.
 */
import { createHash, createPrivateKey, verify } from 'node:crypto';
import { Agreement, isPoint, scalarOf } from '../../crypto/agreement.js';
import { decryptCbc } from '../../crypto/cbc.js';
import type { Certificate } from '../../crypto/certificate.js';
import { Authorities, type Rejection } from '../../crypto/chain.js';
import { equalBytes } from '../../crypto/mac.js';
import { type Packet, udp } from '../../net/packet.js';
import { authenticate, type Reason, type Refusal, type Verdict } from '../knock.js';
import { deriveCipherKey } from './derive.js';
import { detailOf, type Flaw } from './flaws.js';
import { decodeEnvelope, decodePlaintext, type Envelope, encodeAddress, type Plaintext } from './format.js';
import { Revocations } from './revocation.js';
import { formatRight, permits, type Right, rightsOf } from './rights.js';
import type { AskedService, DatagramSite } from './site.js';

const method = 'datagram';

/** What a site is turned into once, for every datagram. */
interface Ground {
  readonly site: DatagramSite;
  readonly agreement: Agreement;
  readonly authorities: Authorities;
  readonly revocations: Revocations;
}

/** What is known so far of a datagram and its sender: the names that a refusal can tell. */
type Account = Pick<Refusal, 'source' | 'at' | 'door' | 'client' | 'service' | 'serial'>;

/** Why a datagram is refused. */
type Objection = readonly [reason: Reason, detail?: number];

export class Datagram {
  #ground: Ground;
  readonly #isHeard: (digest: Uint8Array) => boolean;
  readonly #rights = new WeakMap<Certificate, readonly Right[]>();

  /**
   * @param isHeard whether a datagram with this digest (32 bytes) has been accepted before
   * @throws Error where a key or a certificate of the site is none
   */
  constructor(site: DatagramSite, isHeard: (digest: Uint8Array) => boolean) {
    this.#ground = prepare(site, undefined);
    this.#isHeard = isHeard;
  }

  get site(): DatagramSite {
    return this.#ground.site;
  }

  /**
   * May be replaced at any time. What is known of certificates is kept while the authorities stay the same.
   * @throws Error as the constructor does; then nothing has changed
   */
  set site(site: DatagramSite) {
    this.#ground = prepare(site, this.#ground);
  }

  /**
   * Undefined where the packet has not even the shape of a datagram. The packet may be overwritten as soon as this returns. Where
   * several are recognised at once, each of two copies of a datagram is right: what is accepted decides.
   * @param certificatesAt the moment that certificates and lists are judged at, in milliseconds since 1970
   */
  async recognise(packet: Packet, certificatesAt: number = packet.at): Promise<Verdict> {
    const envelope = packet.protocol === udp ? decodeEnvelope(packet.payload) : undefined;
    if (envelope === undefined) return undefined;
    const ground = this.#ground;
    const source = Uint8Array.from(packet.source);
    const account = { source, at: packet.at, door: undefined, client: undefined, serial: undefined };
    const plaintext = open(envelope, ground.agreement);
    if (plaintext === undefined) return refuse(account, ['bad-tag', detailOf('unreadable')]);
    return this.#judge(ground, plaintext, account, certificatesAt);
  }

  async #judge(
    ground: Ground,
    plaintext: Plaintext,
    account: Account,
    certificatesAt: number,
  ): Promise<Verdict> {
    const { service, time } = plaintext.request;
    const door = doorOf(ground.site, service)?.name ?? nameOfService(service);
    const asked = { ...account, door, service };
    const digest = createHash('sha256').update(plaintext.signed).digest();
    const early = objectionToRequest(plaintext, asked, ground.site) ?? this.#objectionToCopy(digest);
    if (early !== undefined) return refuse(asked, early);
    const judged = await ground.authorities.judge(plaintext.certificate);
    const { certificate } = judged;
    const known = { ...asked, ...(certificate && holderOf(certificate)) };
    if ('flaw' in judged) return refuse(known, ['unknown-client', detailOf(flawNames[judged.flaw])]);
    const objection = ground.revocations.objection(judged, certificatesAt, {
      required: ground.site.listRequired,
      awaited: ground.site.listAwaited,
      skewMs: ground.site.skewMs,
    });
    if (objection !== undefined) return refuse(known, [objection]);
    const late =
      this.#objectionToRights(judged.certificate, service, ground.site) ??
      objectionToSignature(plaintext, judged.certificate);
    if (late !== undefined) return refuse(known, late);
    const { source, at } = known;
    const { client, serial } = holderOf(judged.certificate);
    const once = { digest, time: time * 1000 };
    return authenticate({ method, door, client, source, at, once, service, serial });
  }

  /** Of the request and the certificate: a signature can be made to look different without the key. */
  #objectionToCopy(digest: Uint8Array): Objection | undefined {
    return this.#isHeard(digest) ? ['replayed'] : undefined;
  }

  #objectionToRights(
    certificate: Certificate,
    service: AskedService,
    site: DatagramSite,
  ): Objection | undefined {
    const door = doorOf(site, service);
    if (door === undefined && !site.anyPort) return ['unknown-command'];
    const rights = this.#rights.get(certificate) ?? rightsOf(certificate);
    this.#rights.set(certificate, rights);
    return door?.isOpen === false || !permits(rights, service, door) ? ['not-allowed'] : undefined;
  }
}

function prepare(site: DatagramSite, before: Ground | undefined): Ground {
  const isSame =
    before !== undefined && equalBytes(joined(before.site.authorities), joined(site.authorities));
  const key = createPrivateKey({ key: Buffer.from(site.serverKey), format: 'der', type: 'pkcs8' });
  return {
    site,
    agreement: new Agreement(scalarOf(key)),
    authorities: isSame ? before.authorities : new Authorities(site.authorities),
    revocations: before?.revocations.lists === site.lists ? before.revocations : new Revocations(site.lists),
  };
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

/** The plaintext, in memory of its own; undefined where it was not made for this server. */
function open({ version, point, ciphertext }: Envelope, agreement: Agreement): Plaintext | undefined {
  if (!isPoint(point)) return undefined;
  const { key, iv } = deriveCipherKey(version, agreement.secretWith(point));
  const plaintext = decryptCbc(key, iv, ciphertext);
  return plaintext && decodePlaintext(plaintext);
}

function objectionToRequest(
  { request }: Plaintext,
  { at, source }: Account,
  { skewMs, allowOtherAddress }: DatagramSite,
): Objection | undefined {
  const behindMs = at - request.time * 1000;
  if (Math.abs(behindMs) > skewMs) return ['stale', behindMs];
  const isSame = equalBytes(request.address, encodeAddress(source));
  return isSame || allowOtherAddress ? undefined : ['wrong-address'];
}

function objectionToSignature({ signed, signature }: Plaintext, { key }: Certificate): Objection | undefined {
  return verify('sha256', signed, key, signature) ? undefined : ['bad-tag', detailOf('bad-signature')];
}

function refuse(account: Account, [reason, detail]: Objection): Refusal {
  return { outcome: 'refused', method, reason, detail, ...account };
}

/** Of two doors with the same service, one that datagrams may open. */
function doorOf({ doors }: DatagramSite, { protocol, port }: AskedService) {
  const having = doors.filter(({ services }) =>
    services.some(service => service.protocol === protocol && service.port === port),
  );
  return having.find(({ isOpen }) => isOpen) ?? having[0];
}

/** What stands for the door where the service is of none. */
function nameOfService({ protocol, port }: AskedService): string {
  return formatRight({ kind: 'ports', protocol, first: port, last: port });
}

const flawNames: Readonly<Record<Rejection['flaw'], Flaw>> = {
  malformed: 'malformed-certificate',
  'other-authority': 'other-authority',
  'weak-signature': 'weak-signature',
  'wrong-usage': 'wrong-usage',
  'wrong-key': 'wrong-key',
};

/** Its name made fit for names of clients, which are cut to ASCII and 32 characters. */
function holderOf({ commonName, serial }: Certificate): { client: string; serial: string } {
  const fit = commonName.replace(/[^A-Za-z0-9._-]/gu, '-').replace(/^[._-]+/, '');
  return { client: fit.slice(0, 32) || 'unnamed', serial };
}
