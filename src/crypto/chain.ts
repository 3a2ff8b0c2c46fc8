/**
 * From a client's certificate to an authority that is trusted (RFC 5280 section 6), with a memory of those seen before.
 *
 * The order keeps strangers cheap: Node checks an authority's signature before the library reads a certificate. Neither dates nor
 * revocation are judged here: they change, and what is found out here stays.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { CertificateChainValidationEngine, Certificate as ParsedCertificate } from 'pkijs';
import { isP256 } from './agreement.js';
import { Authority, type Link, linkOf, pathsFrom } from './authority.js';
import { type Certificate, isCertificateLayout, serialText } from './certificate.js';
import { isWeaklySigned } from './strength.js';
import { isForClients } from './usage.js';

/** A certificate that an authority has issued for clients. */
export interface Credential {
  readonly certificate: Certificate;
  /** The ways that lead to a trusted authority, at least one; each begins with the certificate itself. */
  readonly chains: readonly (readonly Link[])[];
}

/** Why a certificate is none of a client's; what it says of itself, where an authority has signed that. */
export interface Rejection {
  readonly flaw: 'malformed' | 'other-authority' | 'weak-signature' | 'wrong-usage' | 'wrong-key';
  readonly certificate: Certificate | undefined;
}

const mostKnown = 4096;
/** What leads from one certificate to trusted authorities is tried this often. */
const mostChains = 8;
const commonNameId = '2.5.4.3';

/** The authorities that clients' certificates are checked against. */
export class Authorities {
  readonly #authorities: readonly Authority[];
  readonly #capacity: number;
  /** By the SHA-256 of the certificate; only those that an authority has signed. The one used longest ago is first. */
  readonly #known = new Map<string, Credential | Rejection>();

  /**
   * @param certificates DER; those signed by themselves are trusted, the others lead to them
   * @param capacity how many clients' certificates are remembered
   * @throws Error where one is no certificate
   */
  constructor(certificates: readonly Uint8Array[], capacity: number = mostKnown) {
    const distinct = new Map(certificates.map(der => [digestOf(der), der]));
    this.#authorities = Array.from(distinct.values(), der => new Authority(der));
    this.#capacity = capacity;
  }

  /** How many certificates are remembered. */
  get known(): number {
    return this.#known.size;
  }

  /** Judges a certificate, whatever the bytes are; it keeps a copy. */
  async judge(der: Uint8Array): Promise<Credential | Rejection> {
    const digest = digestOf(der);
    const known = this.#known.get(digest);
    if (known !== undefined) return this.#remember(digest, known);
    const copy = Uint8Array.from(der);
    const x509 = isCertificateLayout(copy) ? read(() => new X509Certificate(copy)) : undefined;
    if (x509 === undefined) return { flaw: 'malformed', certificate: undefined };
    const signers = this.#authorities.filter(authority => authority.hasSigned(x509));
    if (signers.length === 0) return { flaw: 'other-authority', certificate: undefined };
    return this.#remember(digest, await this.#judgeSigned(copy, x509, signers));
  }

  #remember(digest: string, judged: Credential | Rejection): Credential | Rejection {
    this.#known.delete(digest);
    this.#known.set(digest, judged);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#capacity) break;
      this.#known.delete(oldest);
    }
    return judged;
  }

  async #judgeSigned(
    der: Uint8Array,
    x509: X509Certificate,
    signers: readonly Authority[],
  ): Promise<Credential | Rejection> {
    const parsed = read(() => ParsedCertificate.fromBER(der));
    const certificate = parsed && read(() => describe(parsed, x509));
    const issuers = signers.filter(({ x509: signer }) => x509.checkIssued(signer));
    if (parsed === undefined || certificate === undefined || issuers.length === 0)
      return { flaw: 'malformed', certificate: undefined };
    if (isWeaklySigned(der)) return { flaw: 'weak-signature', certificate };
    if (!isP256(certificate.key)) return { flaw: 'wrong-key', certificate };
    if (!isForClients(x509, parsed.extensions ?? [])) return { flaw: 'wrong-usage', certificate };
    const chains: Link[][] = [];
    const paths = issuers.flatMap(issuer => pathsFrom(issuer, this.#authorities));
    for (const path of paths.slice(0, mostChains)) {
      const chain = linksOf(parsed, path);
      if (await isValid(parsed, path, chain)) chains.push(chain);
    }
    return chains.length > 0 ? { certificate, chains } : { flaw: 'other-authority', certificate };
  }
}

function digestOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('base64');
}

/** What comes of reading a stranger's bytes; the libraries throw where they cannot. */
function read<Value>(reading: () => Value): Value | undefined {
  try {
    return reading();
  } catch {
    return undefined;
  }
}

/** RFC 5280 section 4.1.2.2: twenty octets. Twice as many digits are what a revocation and a log have room for. */
const longestSerial = 40;

/** Undefined where an extension stands twice: which of them counts would be anybody's guess (RFC 5280 section 4.2). */
function describe(parsed: ParsedCertificate, x509: X509Certificate): Certificate | undefined {
  const all = parsed.extensions ?? [];
  const extensions = new Map(all.map(({ extnID, extnValue }) => [extnID, extnValue.valueBlock.valueHexView]));
  const serial = serialText(parsed.serialNumber.valueBlock.valueHexView);
  if (extensions.size !== all.length || serial.length > longestSerial) return undefined;
  const commonName = parsed.subject.typesAndValues.findLast(({ type }) => type === commonNameId);
  return {
    serial,
    commonName: String(commonName?.value.valueBlock.value ?? ''),
    key: x509.publicKey,
    extensions,
  };
}

function linksOf(parsed: ParsedCertificate, path: readonly Authority[]): Link[] {
  const above = path.map((authority, at) => authority.linkFrom(path[at + 1] ?? authority));
  return [linkOf(parsed, path[0]!), ...above];
}

/** What the library has to say of a way to the top, names and policies among it, at a moment when all of it is in date. */
async function isValid(
  parsed: ParsedCertificate,
  path: readonly Authority[],
  chain: readonly Link[],
): Promise<boolean> {
  const from = Math.max(...chain.map(link => link.from));
  const until = Math.min(...chain.map(link => link.until));
  // Never in date, so it is refused as that.
  if (from > until) return true;
  const engine = new CertificateChainValidationEngine({
    trustedCerts: [path.at(-1)!.parsed],
    certs: [...path.slice(0, -1).map(authority => authority.parsed), parsed],
    checkDate: new Date(from),
  });
  try {
    return (await engine.verify()).result;
  } catch {
    return false;
  }
}
