/** Knocking with one datagram as a program asks for it: what knockOnPort is in sKnock's library. */
import { OperatorError } from '../system/error.js';
import { readPfx } from '../system/pfx.js';
import { KnockError } from './failure.js';
import { knock } from './knock.js';
import { type DatagramRequest, type KnockDelivery, requireText, requireWithin } from './request.js';

/** Who knocks: a PKCS #12 file, or a certificate and its key. */
export type DatagramIdentity =
  | {
      /** The bytes of a PKCS #12 file with one key of P-256 and its certificate. */
      readonly pfx: Uint8Array;
      /** Its password; by default the empty one. */
      readonly password?: string | undefined;
      readonly certificate?: undefined;
      readonly key?: undefined;
    }
  | {
      readonly pfx?: undefined;
      readonly password?: undefined;
      /** The client's certificate, PEM or DER, at most 3918 bytes of DER. */
      readonly certificate: string | Uint8Array;
      /** Its private key: text in PEM, or bytes of PKCS #8; of P-256, under no password. */
      readonly key: string | Uint8Array;
    };

/** All that `knockDatagram` takes. */
export type KnockDatagramOptions = DatagramIdentity &
  Pick<KnockDelivery, 'host' | 'family' | 'signal'> &
  Pick<DatagramRequest, 'serverCertificate' | 'knockPort' | 'address'> & {
    /** The port that is asked for, 1 to 65535. */
    readonly port: number;
    /** Its protocol; by default `tcp`. */
    readonly protocol?: 'tcp' | 'udp' | undefined;
    /** Whether to connect to the port, and to knock again where that fails; by default, and never for UDP. */
    readonly verify?: boolean | undefined;
    /** How often to knock while verifying, 1 to 31 times (after 1 s, 2 s, 4 s …); by default 3. */
    readonly tries?: number | undefined;
    /** How long to verify, in milliseconds from the first datagram, 1 to 86400000; by default 10000. */
    readonly timeoutMs?: number | undefined;
  };

/**
 * Asks a server for one port, with one datagram that a certificate signs (sKnock, PROTOCOL.md section 8).
 *
 * Without `verify`, and for UDP, `true` says only that it was sent: servers never answer. Do not verify a door that lets a
 * single connection in, which the verifying would use up. A PKCS #12 file is opened while this thread waits, for some 0.1 s
 * and for 10 s at most; a program that knocks often gives `certificate` and `key`. The clock must be right to the second,
 * and the address that the server sees must be the one that is signed.
 *
 * @param options see `KnockDatagramOptions`, where each has its unit and range
 * @returns whether the port opened; `false` where it did not in time, or refuses connections to the end
 * @throws TypeError, RangeError for options that are none
 * @throws KnockError by `code`: `certificate` for what no server takes (expired, without the right, a wrong password);
 *   `no-address`, `unreachable`, `clock`
 * @throws the signal's reason, where it was aborted
 * @see sKnock's client, `ClientInterface.knockOnPort`
 */
export async function knockDatagram(options: KnockDatagramOptions): Promise<boolean> {
  requireOptions(options);
  const { host, port, protocol = 'tcp', verify = true, tries = 3, timeoutMs, family, signal } = options;
  signal?.throwIfAborted();
  const { serverCertificate, knockPort, address } = options;
  const request: DatagramRequest = {
    ...{ method: 'datagram', services: [`${protocol}/${port}`], serverCertificate, knockPort, address },
    ...identityOf(options),
  };
  const verifying = verify && protocol === 'tcp' ? { wait: port, retries: tries - 1, timeoutMs } : {};
  try {
    await knock({ ...request, host, family, signal, ...verifying });
    return true;
  } catch (error) {
    const isClosed =
      error instanceof KnockError && (error.code === 'not-open' || error.code === 'nothing-listens');
    if (isClosed) return false;
    throw error;
  }
}

function requireOptions({
  port,
  protocol,
  tries,
  timeoutMs,
  verify,
  ...options
}: KnockDatagramOptions): void {
  requireText('host', options.host);
  if (port === undefined) throw new TypeError('"port" expected integer 1 to 65535, got undefined');
  requireWithin('port', port, 1, 65535);
  requireWithin('tries', tries, 1, 31);
  requireWithin('timeoutMs', timeoutMs, 1, 86_400_000);
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp') {
    throw new RangeError(`"protocol" expected "tcp" or "udp", got ${JSON.stringify(protocol)}`);
  }
  if (verify !== undefined && typeof verify !== 'boolean') {
    throw new TypeError(`"verify" expected true or false, got ${JSON.stringify(verify)}`);
  }
}

function identityOf({
  pfx,
  password = '',
  certificate,
  key,
}: KnockDatagramOptions): Pick<DatagramRequest, 'certificate' | 'key'> {
  if ((pfx === undefined) === (certificate === undefined || key === undefined)) {
    throw new TypeError('expected "pfx", or "certificate" and "key", one of the two');
  }
  if (pfx === undefined) return { certificate: certificate!, key: key! };
  if (!(pfx instanceof Uint8Array)) throw new TypeError('"pfx" expected the bytes of a PKCS #12 file');
  if (typeof password !== 'string') throw new TypeError('"password" expected a text');
  try {
    return readPfx(pfx, password);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new KnockError('certificate', `the PKCS #12 file: ${error.message}`, { hint: error.hint });
  }
}
