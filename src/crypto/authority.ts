/** Certificates of authorities, as an operator has configured them: whom they have signed, and the ways from one to the top. */
import { X509Certificate } from 'node:crypto';
import { BasicConstraints, Certificate as ParsedCertificate } from 'pkijs';
import { hasClientsPurpose, keyName, serialText } from './certificate.js';
import { isWeaklySigned, strangeExtension } from './strength.js';
import { certificateSigning, permitsUsage } from './usage.js';

const basicConstraintsId = '2.5.29.19';

/** One certificate of a chain, as dates and revocation lists look at it. */
export interface Link {
  /** Who issued it, as `authorityName` says. */
  readonly issuer: string;
  /** Undefined where it has issued itself: who is trusted because of his certificate cannot take it back. */
  readonly serial: string | undefined;
  /** Milliseconds since 1970, both included; NaN where the certificate does not say. */
  readonly from: number;
  readonly until: number;
}

export class Authority {
  readonly x509: X509Certificate;
  readonly parsed: ParsedCertificate;
  /** As `authorityName` says. */
  readonly name: string;
  /** Whether it has signed itself, and so is trusted because it was configured. */
  readonly isRoot: boolean;
  /** How many authorities may stand between it and a client (RFC 5280 section 4.2.1.9). */
  readonly mostBelow: number;
  readonly #mayIssue: boolean;

  /** @param der its certificate @throws Error where it is none */
  constructor(der: Uint8Array) {
    this.x509 = new X509Certificate(der);
    this.parsed = ParsedCertificate.fromBER(der);
    this.name = keyName(this.x509.publicKey);
    const isForThat =
      permitsUsage(this.parsed.extensions ?? [], certificateSigning) && hasClientsPurpose(this.x509);
    this.#mayIssue = this.x509.ca && isForThat && strangeExtension(der) === undefined;
    this.isRoot = this.hasIssued(this.x509);
    this.mostBelow = mostBelow(this.parsed);
  }

  /** Whether it may sign certificates, and has signed this one, whatever else is wrong with that. */
  hasSigned(x509: X509Certificate): boolean {
    if (!this.#mayIssue) return false;
    try {
      const isNamed = x509.checkIssued(this.x509) || x509.issuer === this.x509.subject;
      return isNamed && x509.verify(this.x509.publicKey);
    } catch {
      return false;
    }
  }

  /** Whether it has signed a certificate whose extensions can be read, and agree with its own. */
  hasIssued(x509: X509Certificate): boolean {
    return this.hasSigned(x509) && x509.checkIssued(this.x509);
  }

  /** @param issuer who has signed it */
  linkFrom(issuer: Authority): Link {
    const link = linkOf(this.parsed, issuer);
    return issuer === this ? { ...link, serial: undefined } : link;
  }
}

/** A certificate as a part of a chain. @param issuer who has signed it */
export function linkOf(parsed: ParsedCertificate, issuer: Authority): Link {
  return {
    issuer: issuer.name,
    serial: serialText(parsed.serialNumber.valueBlock.valueHexView),
    from: parsed.notBefore.value.getTime(),
    // The second that it names is the last one.
    until: parsed.notAfter.value.getTime() + 999,
  };
}

function mostBelow(parsed: ParsedCertificate): number {
  const constraints = parsed.extensions?.find(({ extnID }) => extnID === basicConstraintsId)?.parsedValue;
  const most = constraints instanceof BasicConstraints ? constraints.pathLenConstraint : undefined;
  // One too long for a number is longer than any chain.
  return typeof most === 'number' ? most : Number.POSITIVE_INFINITY;
}

/** Authorities in a chain, and ways to the top: nobody has use for more. */
const longestPath = 8;
const mostPaths = 8;

/** The ways from one authority, which comes first, to those that are trusted, each as long as its authorities allow. */
export function pathsFrom(
  authority: Authority,
  all: readonly Authority[],
  below: readonly Authority[] = [],
): Authority[][] {
  // The RFC does not count an authority's certificates for its own new key. Here they count: they can be configured as trusted.
  if (below.length > authority.mostBelow) return [];
  const path = [...below, authority];
  if (authority.isRoot) return [path];
  if (path.length === longestPath || isWeaklySigned(authority.x509.raw)) return [];
  return all
    .filter(issuer => !path.includes(issuer) && issuer.hasIssued(authority.x509))
    .flatMap(issuer => pathsFrom(issuer, all, path))
    .slice(0, mostPaths);
}
