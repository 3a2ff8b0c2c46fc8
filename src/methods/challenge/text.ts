/** What is signed (PROTOCOL.md section 9.4): ASCII, so that whoever signs can read what it is good for. */
import { formatAddress } from '../../net/address.js';
import { siteId } from './derive.js';
import type { Question } from './format.js';

/** What a signature of SSH is made in, and must be to count (ssh-keygen(1), -Y). */
export const sshNamespace = 'portknock';

/** How a server without a site key may be called. */
const sitePattern = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * The line that names the server, without its end. Each side makes it of what it knows itself: what a server says of itself
 * never comes into what is signed.
 * @param siteKey 32 bytes; undefined where there is none @param name the site's where there is no key
 * @throws RangeError where the name is none
 */
export function siteLine(siteKey: Uint8Array | undefined, name: string): string {
  if (siteKey !== undefined) return `site: key ${Buffer.from(siteId(siteKey)).toString('hex')}`;
  if (!sitePattern.test(name)) throw new RangeError(`"name" expected a name of a site, got "${name}"`);
  return `site: name ${name}`;
}

/** The bytes that are signed. @param site as `siteLine` makes it */
export function signedText(site: string, door: string, question: Question): Uint8Array {
  const { source, nonce, mac, expires } = question;
  const lines = [
    'portknock challenge 1',
    site,
    `door: ${door}`,
    `source: ${formatAddress(source)}`,
    `challenge: ${Buffer.concat([nonce, mac]).toString('hex')}`,
    `expires: ${new Date(expires).toISOString()}`,
  ];
  return Buffer.from(lines.map(line => `${line}\n`).join(''), 'latin1');
}
