/** What the recogniser of datagrams is told of its site. Plain values: the listener hands them to a thread of its own. */

/** A service, by IP protocol number and port. */
export interface AskedService {
  readonly protocol: number;
  readonly port: number;
}

/** A door that is guarded. */
export interface DatagramDoor {
  readonly name: string;
  readonly services: readonly AskedService[];
  /** Whether datagrams may open it. */
  readonly isOpen: boolean;
}

/** The certificates that one authority has revoked, its signature and dates checked. */
export interface RevocationList {
  /** Which authority, as `authorityName` of crypto/certificate.ts says it. */
  readonly authority: string;
  /** Serial numbers in hexadecimal, as of `Certificate.serial`. */
  readonly serials: readonly string[];
  /** Milliseconds since 1970: when it was issued, and until when it is in date; undefined: it does not say. */
  readonly from: number;
  readonly until: number | undefined;
}

export interface DatagramSite {
  /** The server's private key, PKCS #8, DER; P-256. */
  readonly serverKey: Uint8Array;
  /** Certificates of authorities, DER: those signed by themselves are trusted, the others lead to them. */
  readonly authorities: readonly Uint8Array[];
  readonly skewMs: number;
  readonly allowOtherAddress: boolean;
  /** Whether nobody is let in by an authority that has no list in date. */
  readonly listRequired: boolean;
  /** Whether lists are being got for the first time: until then nobody is let in by an authority that has none at all. */
  readonly listAwaited: boolean;
  readonly lists: readonly RevocationList[];
  readonly doors: readonly DatagramDoor[];
  /** Whether services of no door may be asked for. */
  readonly anyPort: boolean;
}
