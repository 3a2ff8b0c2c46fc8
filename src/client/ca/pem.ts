/** PEM (RFC 7468): one block of a label. */

/** @throws Error where there is none of the label */
export function decodePem(text: string, label: string): Uint8Array {
  const block = new RegExp(`-----BEGIN ${label}-----([\\sA-Za-z0-9+/=]+)-----END ${label}-----`).exec(text);
  if (block === null) throw new Error(`no ${label}`);
  return Buffer.from(block[1]!, 'base64');
}

export function encodePem(der: Uint8Array, label: string): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
